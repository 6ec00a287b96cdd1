import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Body } from '../../../core/body.ts';
import { anonymous } from '../../../core/operation.ts';
import { roleOf } from '../../../core/role-fixture.ts';
import { type House, openHouse, principalOf } from '../scenario.ts';
import { everything, exported, furnishHouse, grace, messageOf, passphrase } from './scenario.ts';

let first: House;
let second: House;

beforeAll(async () => {
  first = await openHouse();
  second = await openHouse();
  await furnishHouse(first);
});

afterAll(async () => {
  await first.store.close();
  await second.store.close();
});

describe('what cannot be imported changes nothing, and says which record it was', () => {
  const role = (access: unknown) => ({
    tenon_package: 1,
    lookup: [{ name: 'fine', value: '1' }],
    role: [{ name: 'x', role_service_access_by_role_id: access }],
  });

  test.each([
    [{ tenon_package: 2 }, /version is 2/],
    [{ tenon_package: 1, secret: [] }, /part 'secret'/],
    [{ tenon_package: 1, role: {} }, /'role' must be a list/],
    [{ tenon_package: 1, role: [1] }, /'role' must be a list of objects/],
    [{ tenon_package: 1, role: [{}] }, /Record 0 of 'role' has no 'name'/],
    [{ tenon_package: 1, role: [{ name: 'a' }, { name: 'a' }] }, /two records 'a'/],
    [{ tenon_package: 1, role: [{ name: 'a', is_actve: true }] }, /role 'a'.*'is_actve'/],
    [{ tenon_package: 1, role: [{ name: 'a', id: 1 }] }, /role 'a'.*'id'/],
    [{ tenon_package: 1, role: [{ name: 'a', is_active: 'maybe' }] }, /role 'a'.*'is_active'/],
    [{ tenon_package: 1, service: [{ name: 'a', type: 'nosuch' }] }, /service 'a'.*'nosuch'/],
    [{ tenon_package: 1, service: [{ name: 'system', label: 'x' }] }, /service 'system'/],
    [
      { tenon_package: 1, service: [{ name: 'a', type: 'echo', config: { databse: 'x' } }] },
      /config\.databse/,
    ],
    [{ tenon_package: 1, service: [{ name: 'a', type: 'echo', config: 'x' }] }, /service 'a'.*config/],
    [{ tenon_package: 1, app: [{ name: 'a', role: 'nobody' }] }, /app 'a'.*'role' names 'nobody'/],
    [{ tenon_package: 1, app: [{ name: 'a', role_id: 1 }] }, /app 'a'.*'role_id'/],
    [{ tenon_package: 1, app: [{ name: 'a', api_key: 'short' }] }, /app 'a'.*'api_key'/],
    [{ tenon_package: 1, user: [{ email: 'a@b.c', password_hash: 'x' }] }, /user 'a@b.c'.*'password_hash'/],
    [{ tenon_package: 1, event_script: [{ name: 'no', type: 'nodejs' }] }, /event script 'no'/],
    [{ tenon_package: 1, event_script: [{ name: 'sales.get.pre_process', type: 'cobol' }] }, /cobol/],
    [{ tenon_package: 1, lookup: [{ name: 'user.id', value: '1' }] }, /lookup 'user.id'/],
    [{ tenon_package: 1, service: [{ name: 'sales', schema: 7 }] }, /service 'sales'.*'schema'/],
    [
      {
        tenon_package: 1,
        service: [{ name: 'sales', schema: [{ table: 't', part: 'x', name: '', settings: {} }] }],
      },
      /schema\[0\]/,
    ],
    [
      {
        tenon_package: 1,
        service: [
          {
            name: 'sales',
            schema: [
              {
                table: 't',
                part: 'field',
                name: 'f',
                settings: { db_function: [{ use: ['SELECT'], function: 'a;b' }] },
              },
            ],
          },
        ],
      },
      /service 'sales'.*db_function/,
    ],
    [{ tenon_package: 1, lookup: [{ name: 'a', value: { $sealed: 'AAAA' } }] }, /sealed values/],
    [role([{ service: 'nobody', verb_mask: 1 }]), /role 'x'.*'service' names 'nobody'/],
    [role([{ component: '*', verb_mask: 1 }]), /role 'x'.*service_id/],
    [role([{ service_id: 1 }]), /role 'x'.*service_id/],
    [role('all'), /role 'x'.*must be a list/],
    [role([{ service: null, verb_mask: 99 }]), /role 'x'.*verb_mask'/],
  ])('%j', async (document, message) => {
    const before = await exported(first, { include_users: true });
    const generation = await first.store.generation();
    const answer = await first.ask('POST', 'package', { body: document });
    expect(messageOf(answer)).toMatch(message);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(await exported(first, { include_users: true })).toEqual(before);
    expect(await first.store.generation()).toBe(generation);
  });

  test('sealed values want their passphrase, unchanged and at their place', async () => {
    const document = await exported(first, everything);
    const none = await second.ask('POST', 'package', { body: document });
    expect(messageOf(none)).toMatch(/Give the passphrase/);
    const other = await second.ask('POST', 'package', {
      body: { ...document, password: 'another passphrase' },
    });
    expect(messageOf(other)).toMatch(/can not be opened/);
    expect(other.status).toBe(400);
    const [service = {}] = (document.service ?? []).filter(({ name }) => name === 'sales');
    const moved = { ...document, service: [{ ...service, name: 'stolen' }], password: passphrase };
    expect(messageOf(await second.ask('POST', 'package', { body: moved }))).toMatch(/changed or moved/);
    const header = { ...(document.secrets as unknown as object), n: 2 ** 24 };
    const costly = { ...document, secrets: header, password: passphrase };
    expect(messageOf(await second.ask('POST', 'package', { body: costly }))).toMatch(/'secrets'/);
  });

  test.each([
    [
      'a file of another name',
      { '../../etc/passwd': 'x', 'package.json': '{"tenon_package":1}' },
      /has a file/,
    ],
    ['no head', { 'system/role.json': '[]' }, /no 'package.json'/],
    ['no JSON', { 'package.json': '{' }, /'package.json' can not be read/],
    [
      'a kind that there is not',
      { 'package.json': '{"tenon_package":1}', 'system/run.json': '[]' },
      /part 'run'/,
    ],
    ['a prototype', { 'package.json': '{"tenon_package":1,"__proto__":{}}' }, /__proto__/],
  ])('a zip file with %s', async (_what, files, message) => {
    const entries = Object.entries(files).map(([name, text]) => [name, Buffer.from(text)] as const);
    const content = Body.ofBytes(zipSync(Object.fromEntries(entries)), 'application/zip');
    const answer = await first.ask('POST', 'package', { content });
    expect(answer.status).toBe(400);
    expect(messageOf(answer)).toMatch(message);
  });

  test('a zip file that grows beyond what may be held, whatever it says of itself', async () => {
    const bomb = zipSync({ 'package.json': new Uint8Array(11_000_000) }, { level: 9 });
    const answer = await first.ask('POST', 'package', { content: Body.ofBytes(bomb, 'application/zip') });
    expect(answer.status).toBe(413);
    const lying = Buffer.from(bomb);
    lying.writeUInt32LE(10, lying.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24);
    const lie = await first.ask('POST', 'package', { content: Body.ofBytes(lying, 'application/zip') });
    expect(lie.status).toBe(400);
    const broken = Body.ofBytes(Buffer.concat([bomb.subarray(0, 40), Buffer.alloc(9)]), 'application/zip');
    expect(messageOf(await first.ask('POST', 'package', { content: broken }))).toMatch(/no zip file/);
  });

  test.each([
    ['aliases', 'a: &a [1]\ntenon_package: *a\n', 'application/yaml'],
    ['a wrong line', 'tenon_package: 1\n  role: [', 'application/yaml'],
    ['a list', '- 1', 'application/yaml'],
    ['no YAML', '\u0000\u0001', 'application/octet-stream'],
  ])('text with %s', async (_what, text, type) => {
    const answer = await first.ask('POST', 'package', { content: Body.ofText(text, type) });
    expect(answer.status).toBe(400);
  });

  test('an address that answers something else, or may not be asked', async () => {
    const answer = await first.ask('POST', 'package?import_url=http://127.0.0.1:1/x.zip');
    expect(answer.status).toBe(403);
  });
});

test('only administrators get here, whatever a role grants', async () => {
  const role = { name: 'all', role_service_access_by_role_id: [{ service_id: null, verb_mask: 31 }] };
  await first.ask('POST', 'role', { body: { resource: [role] } });
  const user = await first.store.users.findByEmail(grace);
  if (user === undefined) throw new Error('there is no such user');
  const [all] = (await first.store.roles.list()).filter(({ name }) => name === 'all');
  const [portal] = await first.store.apps.list();
  await first.ask('PATCH', `app/${portal?.id}`, { body: { role_id: all?.id } });
  const principal = {
    ...principalOf(user),
    role: roleOf([{ service: 'system', component: 'package', verbMask: 31 }]),
  };
  for (const asking of [principal, anonymous]) {
    for (const action of ['GET', 'POST'] as const) {
      const { status } = await first.ask(action, 'package', { principal: asking, body: {} });
      expect([400, 401, 403]).toContain(status);
    }
  }
});
