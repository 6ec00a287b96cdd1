// Event scripts through the API (spec §2.5, golden 124–133): upsert by name, defaults, and what cannot be
// active.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../core/limits.ts';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const name = 'hr._table.departments.get.post_process';
const script = { name, type: 'nodejs', content: '  event.x = 1;\n', is_active: true };
const post = (path: string, body: unknown) => house.ask('POST', `event_script${path}`, { body });
const refusal = (text: string) => ({
  status: 400,
  body: { error: { message: expect.stringContaining(text) } },
});

describe('by name', () => {
  it('is created with 201, then changed with 200, answering the name', async () => {
    expect(await post(`/${name}`, script)).toEqual({ status: 201, body: { name } });
    expect(house.scripts).toEqual([name]);
    const again = await post(`/${name}`, { ...script, content: 'event.x = 2;' });
    expect(again).toEqual({ status: 200, body: { name } });
    expect((await house.store.eventScripts.get(name))?.content).toBe('event.x = 2;');
    expect(house.observations).toHaveLength(2);
  });

  it('takes the name from the path, trims, and gives defaults', async () => {
    await post(`/${name}`, { type: 'nodejs', content: '  a;\n ' });
    const { body } = await house.ask('GET', `event_script/${name}`);
    expect(Object.keys(body as object)).toEqual([
      ...['name', 'type', 'is_active', 'content', 'config', 'allow_event_modification', 'storage_service_id'],
      ...[
        'storage_path',
        'scm_repository',
        'scm_reference',
        'run_as_role_id',
        'created_date',
        'last_modified_date',
      ],
      ...['created_by_id', 'last_modified_by_id'],
    ]);
    expect(body).toMatchObject({
      name,
      content: 'a;',
      is_active: false,
      config: {},
      allow_event_modification: false,
    });
    expect(body).toMatchObject({ storage_service_id: null, created_by_id: 1, last_modified_by_id: null });
    expect(house.scripts).toEqual([]);
  });

  it('takes wildcard names, wrapped bodies and camel-cased leftovers', async () => {
    const wildcard = 'hr._table.{table_name}.get.pre_process';
    const body = { resource: [{ ...script, name: wildcard, storageServiceId: 5, isActive: false }] };
    expect(await post(`/${encodeURIComponent(wildcard)}`, body)).toEqual({
      status: 201,
      body: { name: wildcard },
    });
    expect(house.scripts).toEqual([wildcard]);
  });

  it('answers all fields when asked', async () => {
    const { body } = await post(`/${name}?fields=*`, { ...script, config: { timeout_ms: 5 } });
    expect(body).toMatchObject({ name, is_active: true, config: { timeout_ms: 5 } });
  });

  it('is stored with a warning where its text cannot be loaded, and without where it can', async () => {
    const broken = { ...script, content: 'a(((;' };
    const stored = await house.reply('POST', `event_script/${name}`, { body: broken });
    expect(stored).toMatchObject({ status: 201, body: { value: { name } } });
    const warning = `Script '${name}' can not be loaded: too many ?(? (line 1, column 3).`;
    expect(stored.headers).toEqual({ 'X-Tenon-Warning': warning });
    const patched = await house.reply('PATCH', `event_script/${name}`, { body: { is_active: false } });
    expect(patched.headers).toEqual({ 'X-Tenon-Warning': warning });
    const other = { ...broken, name: 'hr._table.titles.get.post_process' };
    const both = await house.reply('POST', 'event_script', { body: { resource: [other] } });
    expect(both.headers).toEqual({ 'X-Tenon-Warning': expect.stringContaining('hr._table.titles') });
    expect(await house.reply('GET', `event_script/${name}`)).toMatchObject({ headers: {} });
    const mended = await house.reply('PUT', `event_script/${name}`, { body: script });
    expect(mended).toMatchObject({ status: 200, headers: {} });
    expect(await house.reply('DELETE', `event_script/${name}`)).toMatchObject({ headers: {} });
  });

  it('keeps a long warning short enough for a header', async () => {
    const many = Array.from({ length: 20 }, (_, index) => ({
      ...script,
      name: `hr._table.table_${index}.get.post_process`,
      content: '(((',
    }));
    const { headers } = await house.reply('POST', 'event_script', { body: { resource: many } });
    expect(String(headers['X-Tenon-Warning'])).toHaveLength(limits.warningChars);
  });

  it('is switched off with PATCH and removed with DELETE', async () => {
    await post(`/${name}`, script);
    const off = await house.ask('PATCH', `event_script/${name}`, { body: { is_active: false } });
    expect(off).toEqual({ status: 200, body: { name } });
    expect(house.scripts).toEqual([]);
    expect((await house.store.eventScripts.get(name))?.content).toBe('event.x = 1;');
    expect(await house.ask('DELETE', `event_script/${name}`)).toEqual({ status: 200, body: { name } });
    expect(await house.store.eventScripts.list()).toEqual([]);
  });

  it('is not found in the recorded words', async () => {
    const message = "Record with identifier 'nope.get.pre_process' not found.";
    for (const action of ['GET', 'PATCH', 'DELETE'] as const) {
      const answer = await house.ask(action, 'event_script/nope.get.pre_process', {
        body: { is_active: true },
      });
      expect(answer).toMatchObject({ status: 404, body: { error: { message } } });
    }
  });
});

describe('in a list', () => {
  it('is created with 201 and filtered', async () => {
    const body = { resource: [script, { ...script, name: 'hr.get', is_active: false }] };
    const created = await post('', body);
    expect(created).toEqual({ status: 201, body: { resource: [{ name }, { name: 'hr.get' }] } });
    const found = await house.ask('GET', 'event_script?fields=name&filter=is_active=true');
    expect(found.body).toEqual({ resource: [{ name }] });
    expect((await post('', script)).status).toBe(409);
  });
});

describe('refusals', () => {
  it.each([
    ['hr', {}, 'is no event name'],
    ['hr._table.x.fetch', {}, 'is no event name'],
    ['hr.get.before', {}, 'is no event name'],
    ['HR.get', {}, 'is no event name'],
    [`hr.${'x'.repeat(200)}.get`, {}, 'at most 160 characters'],
    [name, { name: 'other.get' }, `Field 'name' must be '${name}'`],
    [name, { type: undefined }, "Field 'type' is required"],
    [name, { type: 'ruby' }, "There is no script type 'ruby'."],
    [name, { type: 5 }, "Field 'type' must be text"],
    [name, { content: {} }, "Field 'content' must be text"],
    [name, { content: 'x'.repeat(1_048_577) }, "Field 'content' must have at most"],
    [name, { config: 'x' }, "Field 'config' must be an object"],
    [name, { is_active: 'true' }, "Field 'is_active' must be true or false"],
    [name, { storage_service_id: 'x' }, "Field 'storage_service_id' must be an integer or null"],
    [name, { storage_service_id: 3 }, 'linked to a storage service'],
    [name, { scm_repository: 'repo' }, 'linked to a storage service'],
  ])('of %s with %j', async (path, change, text) => {
    const answer = await post(`/${path}`, { ...script, name: path, ...change });
    expect(answer).toMatchObject(refusal(text));
    expect(await house.store.eventScripts.list()).toEqual([]);
  });

  it('keep a linked script from being switched on, but let it be stored', async () => {
    const linked = { ...script, is_active: false, storage_service_id: 3, storage_path: 'a.js' };
    expect((await post(`/${name}`, linked)).status).toBe(201);
    const on = await house.ask('PATCH', `event_script/${name}`, { body: { is_active: true } });
    expect(on).toMatchObject(refusal('linked to a storage service'));
    const unlinked = { is_active: true, storage_service_id: null };
    expect((await house.ask('PATCH', `event_script/${name}`, { body: unlinked })).status).toBe(200);
  });
});
