import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const list = 'role_service_access_by_role_id';
const row = {
  service_id: 1,
  component: 'event/*',
  verb_mask: 1,
  requestor_mask: 3,
  filters: [],
  filter_op: 'AND',
};
const dates = { created_date: expect.any(String), last_modified_date: expect.any(String) };

/** Makes a role and returns it with its rows. */
async function make(record: Record<string, unknown>) {
  const { status, body } = await house.ask('POST', `role?fields=*&related=${list}`, { body: record });
  expect([status, body]).toEqual([201, expect.anything()]);
  return (body as { resource: Record<string, unknown>[] }).resource[0] ?? {};
}
const rowsOf = (record: Record<string, unknown>) =>
  record[list] as { id: number; [field: string]: unknown }[];
const patch = (id: unknown, body: unknown) =>
  house.ask('PATCH', `role/${id}?fields=*&related=${list}`, { body });

describe('a role', () => {
  it('is made with its rows, as recorded: rows do not say who wrote them', async () => {
    const made = await make({ name: 'reader', description: 'read only', is_active: true, [list]: [row] });
    const stamps = { ...dates, last_modified_by_id: null };
    expect(made).toEqual({
      ...{ id: 1, name: 'reader', description: 'read only', is_active: true, ...stamps, created_by_id: 1 },
      [list]: [{ id: 1, role_id: 1, ...row, ...stamps, created_by_id: null }],
    });
    expect(Object.keys(rowsOf(made)[0] ?? {})).toEqual([
      ...['id', 'role_id', 'service_id', 'component', 'verb_mask', 'requestor_mask', 'filters', 'filter_op'],
      ...['created_date', 'last_modified_date', 'created_by_id', 'last_modified_by_id'],
    ]);
  });

  it('is shown with its rows only where they are asked for', async () => {
    await make({ name: 'reader', [list]: [row] });
    const names = async (query: string) =>
      Object.keys((await house.ask('GET', `role/1${query}`)).body as object).filter((name) =>
        /_by_role/.test(name),
      );
    expect(await names('')).toEqual([]);
    expect(await names(`?related=${list}`)).toEqual([list]);
    expect(await names('?related=*')).toEqual([list, 'lookup_by_role_id']);
    expect(await house.ask('GET', 'role?related=nope')).toMatchObject({ status: 400 });
    expect((await house.ask('GET', 'role?fields=name')).body).toEqual({ resource: [{ name: 'reader' }] });
  });

  it('is changed in the rows that are named; the others stay', async () => {
    const made = await make({
      name: 'reader',
      [list]: [row, { ...row, component: 'a' }, { ...row, component: 'b' }],
    });
    const [first, second] = rowsOf(made);
    const { status, body } = await patch(made.id, {
      [list]: [
        { id: first?.id, verb_mask: 31 },
        { id: second?.id, role_id: null },
        { ...row, component: 'c' },
      ],
    });
    expect(status).toBe(200);
    const changed = rowsOf(body as Record<string, unknown>);
    expect(changed.map(({ component, verb_mask }) => [component, verb_mask])).toEqual([
      ['event/*', 31],
      ['b', 1],
      ['c', 1],
    ]);
    expect(changed[0]).toMatchObject({ id: first?.id, service_id: 1, requestor_mask: 3 });
  });

  it('written back as it was read stays as it was', async () => {
    const made = await make({ name: 'reader', [list]: [row] });
    const { body } = await patch(made.id, made);
    expect(rowsOf(body as Record<string, unknown>)).toMatchObject([{ ...row, id: 1 }]);
  });

  it('can be granted all services, which has to be said', async () => {
    const made = await make({ name: 'all', [list]: [{ service_id: null, component: '*', verb_mask: 1 }] });
    expect(rowsOf(made)).toMatchObject([
      { service_id: null, requestor_mask: 1, filters: [], filter_op: 'AND' },
    ]);
    const silent = await house.ask('POST', 'role', { body: { name: 'x', [list]: [{ verb_mask: 1 }] } });
    expect(silent).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringMatching(/'service_id'.*null means all/) } },
    });
  });

  it('grants nothing where a row does not say what', async () => {
    const made = await make({ name: 'shy', [list]: [{ service_id: 1 }] });
    expect(rowsOf(made)).toMatchObject([{ component: null, verb_mask: 0, requestor_mask: 1 }]);
  });

  it.each([
    [{ verb_mask: 32 }, 'verb_mask'],
    [{ verb_mask: -1 }, 'verb_mask'],
    [{ verb_mask: '1' }, 'verb_mask'],
    [{ requestor_mask: 4 }, 'requestor_mask'],
    [{ requestor_mask: 1.5 }, 'requestor_mask'],
    [{ service_id: 99 }, 'service_id'],
    [{ service_id: 'system' }, 'service_id'],
    [{ component: 7 }, 'component'],
    [{ component: 'x'.repeat(300) }, 'component'],
    [{ filters: 'x' }, 'filters'],
    [{ filters: [1] }, 'filters'],
    [{ filters: [{ operator: '=' }] }, 'filters'],
    [{ filter_op: 'XOR' }, 'filter_op'],
    [{ id: 99 }, 'id'],
  ])('refuses a row with %j, naming the field, and stores nothing', async (over, field) => {
    const { status, body } = await house.ask('POST', 'role', {
      body: { name: 'r', [list]: [{ ...row, ...over }] },
    });
    expect(status).toBe(400);
    expect((body as { error: { message: string } }).error.message).toContain(field);
    expect(await house.store.roles.list()).toEqual([]);
    expect(await house.store.roleAccess.list()).toEqual([]);
  });

  it.each([[{ [list]: {} }], [{ [list]: 'x' }], [{ [list]: [null] }], [{ [list]: [[]] }]])(
    'refuses %j instead of rows',
    async (more) => {
      const { status, body } = await house.ask('POST', 'role', { body: { name: 'r', ...more } });
      expect([status, body]).toMatchObject([
        400,
        { error: { message: expect.stringMatching(/must be a list of objects/) } },
      ]);
    },
  );

  it('cannot name rows of another role', async () => {
    const one = await make({ name: 'one', [list]: [row] });
    const two = await make({ name: 'two' });
    const { status } = await patch(two.id, { [list]: [{ id: rowsOf(one)[0]?.id, role_id: null }] });
    expect(status).toBe(400);
    expect(await house.store.roleAccess.list()).toHaveLength(1);
  });

  it('has a name of its own', async () => {
    await make({ name: 'reader' });
    expect(await house.ask('POST', 'role', { body: { name: 'reader' } })).toMatchObject({
      status: 409,
      body: { error: { message: "The name 'reader' is already taken by another role." } },
    });
    expect((await house.ask('POST', 'role', { body: { description: 'x' } })).status).toBe(400);
    expect((await house.ask('POST', 'role', { body: { name: 'x'.repeat(65) } })).status).toBe(400);
  });

  it('with filters is stored with a warning', async () => {
    const filters = [{ name: 'id', operator: '=', value: 1 }];
    const body = { name: 'filtered', [list]: [{ ...row, filters }] };
    const { status, headers } = await house.reply('POST', 'role', { body });
    expect([status, headers]).toEqual([201, { 'X-Tenon-Warning': expect.stringMatching(/not applied yet/) }]);
    expect((await house.reply('POST', 'role', { body: { name: 'plain' } })).headers).toEqual({});
  });

  it('is deleted with its rows, and what was done is told', async () => {
    const made = await make({ name: 'reader', [list]: [row] });
    expect((await house.ask('DELETE', `role/${made.id}`)).body).toEqual({ id: made.id });
    expect(await house.store.roleAccess.list()).toEqual([]);
    const told = house.observations.filter(({ kind }) => kind === 'config.changed');
    expect(told).toMatchObject([
      { record: 'role/1', by: 1 },
      { record: 'role/1', by: 1 },
    ]);
  });
});
