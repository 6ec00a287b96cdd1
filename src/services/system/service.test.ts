// Configured services through the API: writing them, their names, types and secrets, and what is in force
// afterwards.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const canary = 'canary-5f1d9c';
const hr = { name: 'hr', label: 'HR', type: 'echo', config: { database: 'hr.db', password: canary } };
const create = (body: unknown) => house.ask('POST', 'service', { body });
const message = (text: string) => ({ error: { message: expect.stringContaining(text) } });

describe('creating', () => {
  it('answers 201 with the id, wrapped, and puts the service in force', async () => {
    expect(await create({ resource: [hr] })).toEqual({ status: 201, body: { resource: [{ id: 2 }] } });
    expect(house.services.find('hr').type).toBe('echo');
    expect(house.observations).toEqual([{ kind: 'config.changed', record: 'service/2', by: 1 }]);
  });

  it('takes a bare object or a list, and gives defaults', async () => {
    expect((await create({ name: 'one', type: 'echo' })).body).toEqual({ resource: [{ id: 2 }] });
    expect((await create([{ ...hr, name: 'two' }])).body).toEqual({ resource: [{ id: 3 }] });
    expect((await house.ask('GET', 'service/2')).body).toMatchObject({
      name: 'one',
      label: 'one',
      description: null,
      is_active: true,
      mutable: true,
      deletable: true,
      created_by_id: 1,
      last_modified_by_id: null,
      config: { service_id: 2, database: null, max_records: 1000, mode: null, password: null },
    });
  });

  it('accepts a missing configuration, which using the service then tells of', async () => {
    expect((await create({ name: 'bare', type: 'echo' })).status).toBe(201);
    const used = () =>
      house.services.find('bare').handle({} as never, { component: '', events: [] }, {} as never);
    expect(used).toThrow("Field 'config.database' is missing");
  });

  it('ignores unknown fields and those that callers may not write', async () => {
    await create({ ...hr, surprise: 1, id: 99, mutable: false, deletable: false, created_by_id: 7 });
    const { body } = await house.ask('GET', 'service/2');
    expect(body).toMatchObject({ id: 2, mutable: true, deletable: true, created_by_id: 1 });
    expect(body).not.toHaveProperty('surprise');
  });

  it('keeps names in lower case', async () => {
    await create({ ...hr, name: ' HR ' });
    expect((await house.ask('GET', 'service/2?fields=name')).body).toEqual({ name: 'hr' });
  });

  it.each([
    [{ ...hr, name: undefined }, 400, "Field 'name' is required"],
    [{ ...hr, name: '' }, 400, "Field 'name' must be text"],
    [{ ...hr, name: 5 }, 400, "Field 'name' must be text"],
    [{ ...hr, name: ['hr'] }, 400, "Field 'name' must be text"],
    [{ ...hr, name: 'a b' }, 400, "Field 'name' may have letters"],
    [{ ...hr, name: 'a.b' }, 400, "Field 'name' may have letters"],
    [{ ...hr, name: '../x' }, 400, "Field 'name' may have letters"],
    [{ ...hr, name: '_event' }, 400, "Field 'name' may have letters"],
    [{ ...hr, name: 'ä' }, 400, "Field 'name' may have letters"],
    [{ ...hr, name: '__proto__' }, 400, "Field 'name' may have letters"],
    [{ ...hr, name: 'x'.repeat(65) }, 400, "Field 'name' must have at most 64 characters"],
    [{ ...hr, name: 'System' }, 400, "'system' is reserved"],
    [{ ...hr, name: 'status' }, 400, "'status' is reserved"],
    [{ ...hr, type: undefined }, 400, "Field 'type' is required"],
    [{ ...hr, type: 'nope' }, 400, 'there is no such service type'],
    [{ ...hr, type: 'system' }, 400, 'only one of it exists'],
    [{ ...hr, type: '__proto__' }, 400, 'there is no such service type'],
    [{ ...hr, label: 7 }, 400, "Field 'label' must be text"],
    [{ ...hr, label: 'x'.repeat(256) }, 400, "Field 'label' must have at most 255 characters"],
    [{ ...hr, is_active: 'yes' }, 400, "Field 'is_active' must be true or false"],
    [{ ...hr, config: 'x' }, 400, "Field 'config' must be an object"],
    [{ ...hr, config: { max_records: 'many' } }, 400, "Field 'config.max_records' must be an integer"],
    [{ ...hr, config: { mode: 'other' } }, 400, "Field 'config.mode' must be one of fast, slow"],
    [{ resource: [] }, 400, 'No record(s) detected in request.'],
    [{}, 400, 'No record(s) detected in request.'],
    [{ resource: ['hr'] }, 400, 'Record 0 of the request must be an object'],
    ['text', 400, 'Record 0 of the request must be an object'],
    [5, 400, 'Record 0 of the request must be an object'],
    [null, 400, 'No record(s) detected in request.'],
  ])('refuses %j', async (body, status, text) => {
    const answer = await create(body);
    expect(answer).toMatchObject({ status, body: message(text) });
    expect(await house.store.services.list()).toHaveLength(1);
  });

  it('refuses a name that is taken, whatever its case', async () => {
    await create(hr);
    expect(await create({ ...hr, name: 'Hr' })).toMatchObject({
      status: 409,
      body: message("'hr' is already taken"),
    });
  });
});

describe('changing', () => {
  beforeEach(() => create(hr));

  it.each(['PATCH', 'PUT'] as const)('%s changes only what is given and answers the id', async (action) => {
    const answer = await house.ask(action, 'service/2', { body: { is_active: false, description: 'd' } });
    expect(answer).toEqual({ status: 200, body: { id: 2 } });
    expect((await house.ask('GET', 'service/2')).body).toMatchObject({
      name: 'hr',
      label: 'HR',
      is_active: false,
      description: 'd',
      last_modified_by_id: 1,
    });
    expect(() => house.services.find('hr')).toThrow("Service 'hr' is not active.");
  });

  it('merges the configuration and keeps a masked secret', async () => {
    const before = await house.store.services.get(2);
    const { body } = await house.ask('GET', 'service/2');
    expect(body).toMatchObject({ config: { database: 'hr.db', password: '********' } });
    await house.ask('PUT', 'service/2', { body });
    expect((await house.store.services.get(2))?.config).toMatchObject(before?.config ?? {});
    await house.ask('PATCH', 'service/2', { body: { config: { max_records: 5 } } });
    const { config } = (await house.store.services.get(2)) ?? {};
    expect(config).toMatchObject({ ...before?.config, max_records: 5 });
  });

  it('renames with secrets, and the old name is free', async () => {
    await house.ask('PATCH', 'service/2', { body: { name: 'people' } });
    expect(await house.ask('POST', 'service/2/_test')).toEqual({ status: 200, body: { success: true } });
    expect(() => house.services.find('hr')).toThrow('Could not find');
    expect((await create(hr)).status).toBe(201);
  });

  it('refuses an id that is not the one of the path', async () => {
    const answer = await house.ask('PATCH', 'service/2', { body: { id: 3, label: 'x' } });
    expect(answer).toMatchObject({ status: 400, body: message("Field 'id' must be '2'") });
    expect((await house.ask('PATCH', 'service/2', { body: { id: 2, label: 'x' } })).status).toBe(200);
  });

  it.each(['PATCH', 'PUT', 'DELETE'] as const)('refuses to %s the service system', async (action) => {
    const answer = await house.ask(action, 'service/1', { body: { label: 'x' } });
    expect(answer).toMatchObject({
      status: 403,
      body: message("The service 'system' is part of the system"),
    });
  });
});

describe('deleting', () => {
  it('answers the record it removed and takes it out of force', async () => {
    await create(hr);
    expect(await house.ask('DELETE', 'service/2?fields=id,name')).toEqual({
      status: 200,
      body: { id: 2, name: 'hr' },
    });
    expect(() => house.services.find('hr')).toThrow('Could not find');
    expect(await house.ask('DELETE', 'service/2')).toMatchObject({
      status: 404,
      body: message("Record with identifier '2' not found."),
    });
  });
});

describe('testing', () => {
  it('says whether the source can be used', async () => {
    await create(hr);
    await create({ ...hr, name: 'down', config: { database: 'broken' } });
    await create({ name: 'bare', type: 'echo', is_active: false });
    expect(await house.ask('POST', 'service/2/_test')).toEqual({ status: 200, body: { success: true } });
    expect(await house.ask('POST', 'service/3/_test')).toMatchObject({
      status: 503,
      body: message('It is down.'),
    });
    expect(await house.ask('POST', 'service/4/_test')).toMatchObject({
      status: 400,
      body: message('config.database'),
    });
    expect(await house.ask('POST', 'service/9/_test')).toMatchObject({ status: 404 });
  });
});

describe('secrets', () => {
  it('are in no answer, no observation and not in the store', async () => {
    const answers = [
      await create({ resource: [hr, { ...hr, name: 5 }] }),
      await house.ask('POST', 'service?fields=*', { body: { ...hr, name: 'crm' } }),
      await house.ask('PATCH', 'service/3?fields=*', { body: { config: { password: `${canary}2` } } }),
      await house.ask('GET', 'service'),
      await house.ask('GET', 'service/2'),
      await house.ask('GET', 'service?filter=(config like "%canary%")'),
      await house.ask('GET', 'service_type'),
      await house.ask('GET', 'event'),
      await house.ask('POST', 'service/2/_test'),
      await house.ask('DELETE', 'service/2?fields=*'),
    ];
    const rows = await house.store.services.list();
    expect(JSON.stringify([answers, rows, house.observations])).not.toContain('canary');
    expect(JSON.stringify(answers)).toContain('********');
  });

  it('cannot be found out by filtering', async () => {
    await create(hr);
    const found = await house.ask('GET', `service?count_only=true&filter=config contains ${canary}`);
    expect(found.body).toBe(0);
  });
});

describe('service types', () => {
  it('are listed with their fields', async () => {
    const { body } = await house.ask('GET', 'service_type/echo');
    expect(body).toMatchObject({ name: 'echo', label: 'Echo', group: 'Test', singleton: false });
    const { config_schema: schema } = body as { config_schema: unknown[] };
    expect(schema).toContainEqual({
      name: 'mode',
      label: 'Mode',
      type: 'picklist',
      description: '',
      required: false,
      default: null,
      values: ['fast', 'slow'],
    });
  });

  it.each([
    ['group=Test', ['echo']],
    ['group=system,TEST', ['echo', 'system']],
    ['group=none', []],
    ['filter=(type not like "x") or (name = "echo")', undefined],
    ['filter=name = "system"', ['system']],
  ])('narrowed by %s', async (query, names) => {
    const { status, body } = await house.ask('GET', `service_type?fields=name&${query}`);
    if (names === undefined) return expect(status).toBe(400);
    expect(body).toEqual({ resource: names.map((name) => ({ name })) });
  });
});

describe('secrets of a service', () => {
  const sales = { name: 'sales', type: 'echo', config: { database: 'a', host: 'one', password: 'hunter2' } };
  let id: number;

  beforeEach(async () => {
    const { body } = await house.ask('POST', 'service', { body: { resource: [sales] } });
    id = (body as { resource: [{ id: number }] }).resource[0].id;
  });

  const sealed = async () => (await house.store.services.get(id))?.config.password;

  it.each([
    ['left out', {}],
    ['given as the mask', { password: '********' }],
  ])('do not go along to another host when they are %s', async (_what, config) => {
    const before = await sealed();
    for (const method of ['PATCH', 'PUT'] as const) {
      const answer = await house.ask(method, `service/${id}`, {
        body: { config: { host: 'two', ...config } },
      });
      expect([method, answer.status, JSON.stringify(answer.body)]).toEqual([
        ...[method, 400],
        expect.stringContaining("'config.host' leads elsewhere than before: give 'config.password' again"),
      ]);
    }
    expect(await sealed()).toBe(before);
    expect((await house.store.services.get(id))?.config.host).toBe('one');
  });

  it('go along when they are given again, and stay where the host stays', async () => {
    const again = { host: 'two', password: 'hunter3' };
    expect((await house.ask('PATCH', `service/${id}`, { body: { config: again } })).status).toBe(200);
    const before = await sealed();
    const { body } = await house.ask('GET', `service/${id}`);
    expect((await house.ask('PATCH', `service/${id}`, { body })).status).toBe(200);
    expect(await sealed()).toBe(before);
  });
});
