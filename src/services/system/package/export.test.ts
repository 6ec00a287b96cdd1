import { unzipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Body } from '../../../core/body.ts';
import { type House, openHouse } from '../scenario.ts';
import { everything, exported, furnishHouse, imported, messageOf, passphrase } from './scenario.ts';

let first: House;
let second: House;

beforeEach(async () => {
  first = await openHouse();
  second = await openHouse();
  await furnishHouse(first);
});

afterEach(async () => {
  await first.store.close();
  await second.store.close();
});

describe('what is exported', () => {
  test('GET tells what there is, and its answer is a manifest', async () => {
    const { body } = await first.ask('GET', 'package');
    expect(body).toMatchObject({
      service: { system: { service: ['archive', 'sales'], role: ['readers'], user: ['grace@example.com'] } },
      secured: false,
    });
    const document = await exported(first, body);
    expect(document.user).toHaveLength(1);
  });

  test.each([
    ['names', { service: { system: { role: ['readers'], app: ['portal'] } } }, ['role', 'app']],
    ['ids', { service: { system: { role: [1] } } }, ['role']],
    ['all of a kind', { service: { system: { lookup: true, cors: '*' } } }, ['lookup', 'cors']],
  ])('a manifest chooses by %s', async (_by, manifest, kinds) => {
    const { tenon_package: _version, ...document } = await exported(first, manifest);
    expect(Object.keys(document).sort()).toEqual([...kinds].sort());
    for (const records of Object.values(document)) expect(records.length).toBeGreaterThan(0);
  });

  test('?only= chooses kinds, also in the plural', async () => {
    const { body } = await first.ask('POST', 'package?only=roles,service', { body: {} });
    expect(Object.keys(body as object)).toEqual(['tenon_package', 'service', 'role']);
  });

  test('API keys only where they are asked for', async () => {
    const open = await exported(first, { include_keys: true });
    expect(open.app?.[0]?.api_key).toMatch(/^[0-9a-f]{64}$/);
    expect(open).not.toHaveProperty('secrets');
    const [before] = await second.store.apps.list();
    expect(before).toBeUndefined();
    await imported(
      second,
      await exported(first, { service: { system: { role: true, service: true, app: true } } }),
    );
    const key = (await second.store.apps.list())[0]?.apiKey;
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    await imported(second, await exported(first));
    expect((await second.store.apps.list())[0]?.apiKey).toBe(key);
  });

  test.each([
    [{ service: { system: { nothing: true } } }, 400, /service\.system\.nothing/],
    [{ service: { sales: ['contact'] } }, 400, /service\.sales.*no data/],
    [{ service: [] }, 400, /'service' must be an object/],
    [{ service: { system: { role: 'readers' } } }, 400, /service\.system\.role/],
    [{ service: { system: { role: ['writers'] } } }, 404, /'writers'/],
    [{ secured: true }, 400, /'password' is required/],
    [{ secured: true, password: 'short' }, 400, /at least 12 characters/],
    [{ include_users: 'yes' }, 400, /include_users/],
  ])('the manifest %j is refused', async (manifest, status, message) => {
    const answer = await first.ask('POST', 'package', { body: manifest });
    expect(answer.status).toBe(status);
    expect(messageOf(answer)).toMatch(message);
  });

  test('a secret that this server can not open is no reason but to export it', async () => {
    const [pin] = await first.store.lookups.list({ name: 'pin' });
    await first.store.lookups.update(pin?.id ?? 0, { value: 'tenon:1:00000000:AAAA' }, null);
    expect((await exported(first)).lookup).toContainEqual(expect.objectContaining({ name: 'pin' }));
    const sealed = await first.ask('POST', 'package', { body: everything });
    expect([sealed.status, messageOf(sealed)]).toEqual([400, expect.stringContaining('cannot be read')]);
    const lookup = [{ name: 'pin', value: 'new', private: true }];
    expect((await imported(first, { tenon_package: 1, lookup })).summary).toMatchObject({ updated: 1 });
    expect((await exported(first, everything)).lookup).toHaveLength(2);
  });

  test('a zip file, the same bytes each time, and back again', async () => {
    const reply = await first.reply('POST', 'package?format=zip', { body: {} });
    const bytes = reply.body?.bytes ?? new Uint8Array();
    expect(reply.headers['content-disposition']).toContain('tenon.zip');
    expect(Object.keys(unzipSync(bytes))).toContain('system/role.json');
    const again = await first.reply('POST', 'package', { headers: { accept: 'application/zip' } });
    expect(Buffer.from(again.body?.bytes ?? []).equals(Buffer.from(bytes))).toBe(true);
    const upload = Body.ofBytes(bytes, 'application/zip');
    const { status, body } = await second.ask('POST', 'package', { content: upload });
    expect(status).toBe(200);
    expect(body).toMatchObject({ summary: { created: 13 } });
    expect(await exported(second)).toEqual(await exported(first));
  });

  test('YAML, and back again', async () => {
    const reply = await first.reply('POST', 'package?format=yaml', { body: {} });
    const text = reply.body?.text ?? '';
    expect(text).toMatch(/^tenon_package: 1$/m);
    expect(text).toContain('content: |-\n      // one\n      event.x = 1;');
    const upload = Body.ofText(text, 'application/yaml');
    expect((await second.ask('POST', 'package', { content: upload })).status).toBe(200);
    expect(await exported(second)).toEqual(await exported(first));
  });

  test('a form with a file is imported, with the passphrase in its header', async () => {
    const reply = await first.reply('POST', 'package?format=zip', { body: everything });
    const form = new FormData();
    form.set('files', new Blob([Buffer.from(reply.body?.bytes ?? [])]), 'tenon.zip');
    const sent = new Response(form);
    const type = sent.headers.get('content-type') ?? '';
    const content = Body.ofBytes(new Uint8Array(await sent.arrayBuffer()), 'multipart/form-data');
    const headers = { 'content-type': type, 'x-tenon-passphrase': passphrase };
    const { status } = await second.ask('POST', 'package', { content, headers });
    expect(status).toBe(200);
  });
});
