// What all kinds of system records have in common, shown on services: lists, batches, and malformed requests.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
  const names = ['alpha', 'beta', 'gamma'];
  const resource = names.map((name, index) => ({
    name,
    type: 'echo',
    label: `L${3 - index}`,
    is_active: index !== 1,
  }));
  await house.ask('POST', 'service', { body: { resource } });
});
afterEach(() => house.store.close());

const names = async (query: string) => {
  const { body } = await house.ask('GET', `service?fields=name&${query}`);
  return (body as { resource: { name: string }[] }).resource.map((row) => row.name);
};
const stored = async () => (await house.store.services.list()).map((service) => service.name);
const failure = (text: string) => ({ error: { message: expect.stringContaining(text) } });

describe('lists', () => {
  it.each([
    ["filter=name='beta'", ['beta']],
    ['filter=(name like "%25a") and (type in ("echo"))', ['alpha', 'beta', 'gamma']],
    ['filter=(name like "%25ET%25") or (label like "%25l3%25")', ['alpha', 'beta']],
    ['filter=is_active=false', ['beta']],
    ['filter=(created_by_id is null)', ['system']],
    ['filter=created_by_id = :user_id', ['alpha', 'beta', 'gamma']],
    ['filter=id > 2', ['beta', 'gamma']],
    ['where=ID in (1,4)', ['system', 'gamma']],
    ['order=label', ['gamma', 'beta', 'alpha', 'system']],
    ['sort=name desc&limit=2', ['system', 'gamma']],
    ['limit=2&offset=1', ['alpha', 'beta']],
    ['top=1&skip=3', ['gamma']],
    ['ids=4,2', ['gamma', 'alpha']],
    ['related=*&limit=1', ['system']],
  ])('with %s', async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  it('with placeholders bound from params', async () => {
    const parameters = { filter: 'name = :n', params: { n: 'beta' }, fields: 'name' };
    expect((await house.ask('GET', 'service', { parameters })).body).toEqual({
      resource: [{ name: 'beta' }],
    });
  });

  it('with options in the body, where parameters win', async () => {
    const body = { filter: "name='beta'", fields: 'name', limit: 1 };
    expect((await house.ask('GET', 'service', { body })).body).toEqual({ resource: [{ name: 'beta' }] });
    const other = { parameters: { filter: "name='alpha'" }, body };
    expect((await house.ask('GET', 'service', other)).body).toEqual({ resource: [{ name: 'alpha' }] });
  });

  it('with count, next page, schema, or only names', async () => {
    const counted = await house.ask('GET', 'service?fields=id&limit=2&offset=1&include_count=true');
    expect(counted.body).toEqual({ resource: [{ id: 2 }, { id: 3 }], meta: { count: 4, next: 3 } });
    const last = await house.ask('GET', 'service?fields=id&limit=2&offset=2&include_count=1');
    expect(last.body).toMatchObject({ meta: { count: 4 } });
    expect((await house.ask('GET', 'service?count_only=true')).body).toBe(4);
    expect((await house.ask('GET', "service?count_only=true&filter=name='beta'")).body).toBe(1);
    expect((await house.ask('GET', 'service?as_list=true')).body).toEqual({ resource: [1, 2, 3, 4] });
    const { body } = await house.ask('GET', 'service?limit=1&include_schema=true');
    expect(body).toMatchObject({ meta: { schema: { name: 'service', primary_key: ['id'] } } });
  });

  it('answers fields in the order in which they are asked for', async () => {
    const { body } = await house.ask('GET', 'service/2?fields=name,id,name');
    expect(JSON.stringify(body)).toBe('{"name":"alpha","id":2}');
  });

  it.each([
    ['fields=name,nope', 'Invalid field requested: nope'],
    ['fields=password', 'Invalid field requested: password'],
    ['filter=nope=1', "'nope'"],
    ['filter=(name =', 'filter'],
    ['filter=name = :unknown', 'unknown'],
    ['order=nope', "'nope'"],
    ['limit=abc', "Parameter 'limit' must be a whole number"],
    ['limit=-1', "Parameter 'limit' must be a whole number"],
    ['limit=1.5', "Parameter 'limit' must be a whole number"],
    ['offset=x', "Parameter 'offset' must be a whole number"],
    ['include_count=perhaps', "Parameter 'include_count' must be true or false"],
    ['related=role_by_role_id', 'Invalid relationship requested: role_by_role_id'],
    ['group=name', "Parameter 'group' is not supported"],
    [`ids=${'1,'.repeat(1001)}`, "Parameter 'ids' holds more than 1000"],
  ])('refuses %s', async (query, text) => {
    expect(await house.ask('GET', `service?${query}`)).toMatchObject({ status: 400, body: failure(text) });
  });

  // Such an object has no text: whoever makes one of it fails.
  const textless = { toString: 1, valueOf: 1 };
  it.each([
    ['GET', 'service', { parameters: { as_list: { toString: '1' } } }, "Parameter 'as_list' must be true"],
    ['GET', 'service', { parameters: { ids: { toString: '1' } } }, "Parameter 'ids' must be a list"],
    ['PATCH', 'service/2', { body: { id: textless, label: 'x' } }, "Field 'id' must be '2'"],
    ['PATCH', 'service/2', { body: { id: [textless], label: 'x' } }, "Field 'id' must be '2'"],
    [
      'POST',
      'service',
      { body: { resource: [{}], rollback: textless } },
      "Parameter 'rollback' must be true",
    ],
    ['DELETE', 'service', { body: { ids: [textless] } }, "Parameter 'ids' must be a list"],
  ] as const)('refuses %s %s with %j', async (action, path, asked, text) => {
    expect(await house.ask(action, path, asked)).toMatchObject({ status: 400, body: failure(text) });
  });

  it('tells of ids that do not exist', async () => {
    const { status, body } = await house.ask('GET', 'service?ids=2,99,3&fields=id');
    expect(status).toBe(400);
    const missing = {
      code: 404,
      context: null,
      message: "Record with identifier '99' not found.",
      status_code: 404,
    };
    expect(body).toMatchObject({
      error: {
        code: 1000,
        message: 'Batch Error: Not all requested records could be retrieved.',
        context: { error: [1], resource: [{ id: 2 }, missing, { id: 3 }] },
      },
    });
    expect((await house.ask('GET', 'service?ids=99')).status).toBe(404);
  });

  it.each(['99', 'abc', '2x', '02', ' 2', '-1', '1e0', '%00'])('has no record %s', async (id) => {
    const { status, body } = await house.ask('GET', `service/${id}`);
    expect(status).toBe(404);
    expect(body).toMatchObject(failure('Record with identifier'));
  });
});

describe('writing several', () => {
  const batch = [
    { name: 'one', type: 'echo' },
    { name: 'alpha', type: 'echo' },
    { name: 'two', type: 'echo' },
  ];
  const create = (query: string) => house.ask('POST', `service?${query}`, { body: { resource: batch } });
  const taken = { code: 409, context: null, status_code: 409 };

  it('stops at the first failure and keeps what came before', async () => {
    const { status, body } = await create('');
    expect(status).toBe(400);
    expect(body).toMatchObject({
      error: {
        code: 1000,
        status_code: 400,
        message: 'Batch Error: Not all requested records could be created.',
        context: { error: [1], resource: [{ id: 5 }, taken] },
      },
    });
    expect(await stored()).toEqual(['system', 'alpha', 'beta', 'gamma', 'one']);
    expect(house.services.find('one').name).toBe('one');
  });

  it('goes on with continue', async () => {
    const { body } = await create('continue=true');
    expect(body).toMatchObject({ error: { context: { error: [1], resource: [{}, taken, {}] } } });
    expect(await stored()).toContain('two');
  });

  it('undoes everything with rollback, in the store and in force', async () => {
    house.observations.length = 0;
    const { body } = await create('rollback=true');
    expect(body).toMatchObject(failure('could be created. All changes rolled back.'));
    expect(await stored()).toEqual(['system', 'alpha', 'beta', 'gamma']);
    expect(() => house.services.find('one')).toThrow('Could not find');
    expect(house.observations.filter(({ kind }) => kind === 'config.changed')).toEqual([]);
  });

  it('does all with rollback when nothing fails', async () => {
    const body = { resource: [batch[0], batch[2]] };
    const answer = await house.ask('POST', 'service?rollback=true', { body });
    expect(answer.status).toBe(201);
    expect(house.services.find('two').name).toBe('two');
  });

  it('refuses continue with rollback', async () => {
    expect(await create('continue=true&rollback=true')).toMatchObject({
      status: 400,
      body: failure("'continue'"),
    });
  });

  it('answers more than ids when asked', async () => {
    const { body } = await house.ask('POST', 'service?fields=id,name', { body: { resource: [batch[0]] } });
    expect(body).toEqual({ resource: [{ id: 5, name: 'one' }] });
    const wrong = await house.ask('POST', 'service?fields=nope', { body: { resource: [batch[2]] } });
    expect(wrong).toMatchObject({ status: 400, body: failure('Invalid field requested: nope') });
    expect(await stored()).not.toContain('two');
  });

  it('changes records by their own ids', async () => {
    const resource = [
      { id: 2, label: 'x' },
      { id: 4, label: 'y' },
    ];
    const answer = await house.ask('PATCH', 'service', { body: { resource } });
    expect(answer).toEqual({ status: 200, body: { resource: [{ id: 2 }, { id: 4 }] } });
    expect((await house.ask('GET', 'service?ids=2,4&fields=label')).body).toEqual({
      resource: [{ label: 'x' }, { label: 'y' }],
    });
  });

  it.each([
    ['ids=2,3', { label: 'z' }],
    ['ids=2,3', { resource: [{ id: 9, label: 'z' }] }],
    ["filter=name in ('alpha','beta')", { label: 'z' }],
    ['', { ids: [2, 3], resource: [{ label: 'z' }] }],
  ])('changes those chosen by %s with one record %j', async (query, body) => {
    const answer = await house.ask('PATCH', `service?${query}`, { body });
    expect(answer).toEqual({ status: 200, body: { resource: [{ id: 2 }, { id: 3 }] } });
    expect(await names("filter=label='z'")).toEqual(['alpha', 'beta']);
  });

  it.each([
    [{}, 'No record(s) detected'],
    [{ label: 'x' }, "Record 0 of the request needs its identifier, field 'id'"],
    [{ resource: [{ id: null }] }, 'needs its identifier'],
    [{ resource: [{ id: { $gt: 0 }, label: 'x' }] }, 'needs its identifier'],
  ])('refuses to change %j', async (body, text) => {
    expect(await house.ask('PATCH', 'service', { body })).toMatchObject({ status: 400, body: failure(text) });
  });

  it('tells which record is missing', async () => {
    const resource = [
      { id: 2, label: 'x' },
      { id: 99, label: 'y' },
    ];
    const { status, body } = await house.ask('PUT', 'service', { body: { resource } });
    expect(status).toBe(400);
    expect(body).toMatchObject(failure('could be updated.'));
  });

  it.each([
    ['ids=2,4', undefined],
    ["filter=name in ('alpha','gamma')", undefined],
    ['', { ids: [2, 4] }],
    ['', { ids: '2,4' }],
    ['', { resource: [{ id: 2 }, { id: 4 }] }],
    ['', [{ id: 2 }, { id: '4' }]],
  ])('deletes those chosen by %s %j', async (query, body) => {
    const answer = await house.ask('DELETE', `service?${query}`, { body });
    expect(answer).toEqual({ status: 200, body: { resource: [{ id: 2 }, { id: 4 }] } });
    expect(await stored()).toEqual(['system', 'beta']);
  });

  it('deletes nothing without being told what', async () => {
    const answer = await house.ask('DELETE', 'service');
    expect(answer).toMatchObject({
      status: 400,
      body: failure('No filter or records given for delete request.'),
    });
    expect(await stored()).toHaveLength(4);
  });

  it('with force undoes all when one may not be deleted, if rollback is asked for', async () => {
    const answer = await house.ask('DELETE', 'service?force=true&rollback=true');
    expect(answer.status).toBe(400);
    expect(await stored()).toHaveLength(4);
  });

  it('with force deletes all event scripts', async () => {
    for (const name of ['a.get', 'b.get'])
      await house.ask('POST', `event_script/${name}`, { body: { type: 'nodejs' } });
    expect(await house.ask('DELETE', 'event_script?force=true')).toEqual({
      status: 200,
      body: { success: true },
    });
    expect(await house.store.eventScripts.list()).toEqual([]);
  });
});
