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
      ...{ max_concurrency: null, max_body_bytes: null },
      [list]: [{ id: 1, role_id: 1, ...row, fields: [], ...stamps, created_by_id: null }],
    });
    expect(Object.keys(rowsOf(made)[0] ?? {})).toEqual([
      ...['id', 'role_id', 'service_id', 'component', 'verb_mask', 'requestor_mask', 'filters', 'filter_op'],
      ...['fields', 'created_date', 'last_modified_date', 'created_by_id', 'last_modified_by_id'],
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
    expect(await names('?related=*')).toEqual([
      ...[list, 'lookup_by_role_id', 'app_by_role_id', 'service_by_role_service_access'],
      'user_to_app_to_role_by_role_id',
    ]);
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
      body: { error: { message: expect.stringMatching(/\[0\]\.service_id'.*null means all/) } },
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

  it('keeps filters and rules for fields as they can be applied', async () => {
    const filters = [
      { name: ' owner_id ', operator: 'IN', value: ['{user.id}', 7] },
      { name: 'gone', operator: ' Is  Null ', value: 'x', more: 1 },
      { name: 'city', operator: '=', value: '' },
    ];
    const rules = [
      { field: 'ssn', access: 'hidden' },
      { field: ' Pay ', access: 'masked', mask: '•••' },
      { field: 'note', access: 'masked' },
      { field: 'id', access: 'read_only', mask: null },
    ];
    const kept = {
      filters: [
        { name: 'owner_id', operator: 'in', value: ['{user.id}', 7] },
        { name: 'gone', operator: 'is null', value: null },
        { name: 'city', operator: '=', value: '' },
      ],
      fields: [
        { field: 'ssn', access: 'hidden', mask: null },
        { field: 'Pay', access: 'masked', mask: '•••' },
        { field: 'note', access: 'masked', mask: null },
        { field: 'id', access: 'read_only', mask: null },
      ],
    };
    const made = await make({ name: 'part', [list]: [{ ...row, filters, filter_op: 'or', fields: rules }] });
    expect(rowsOf(made)).toMatchObject([{ ...kept, filter_op: 'OR' }]);
    // What is written back as it was read stays, what is not given too, and null takes it away.
    expect(rowsOf((await patch(made.id, made)).body as Record<string, unknown>)).toMatchObject([kept]);
    const same = await patch(made.id, { [list]: [{ id: 1, verb_mask: 3 }] });
    expect(rowsOf(same.body as Record<string, unknown>)).toMatchObject([{ ...kept, verb_mask: 3 }]);
    const bare = await patch(made.id, { [list]: [{ id: 1, filters: null, fields: null }] });
    expect(rowsOf(bare.body as Record<string, unknown>)).toMatchObject([{ filters: [], fields: [] }]);
  });

  const filter = { name: 'id', operator: '=', value: 1 };
  const rule = { field: 'id', access: 'hidden' };
  it.each([
    ['filters[1].operator', { filters: [filter, { ...filter, operator: '~' }] }, /one of =, !=, .*not null/],
    ['filters[0].operator', { filters: [{ name: 'id', value: 1 }] }, /one of/],
    ['filters[0].name', { filters: [{ ...filter, name: ' ' }] }, /name a field/],
    ['filters[0].value', { filters: [{ ...filter, value: null }] }, /'is null'/],
    ['filters[0].value', { filters: [{ ...filter, value: undefined }] }, /is required/],
    ['filters[0].value', { filters: [{ ...filter, value: { a: 1 } }] }, /must be text/],
    ['filters[0].value', { filters: [{ ...filter, value: [1] }] }, /true or false\.$/],
    ['filters[0].value', { filters: [{ ...filter, operator: 'in', value: [[1]] }] }, /a list of these/],
    ['filters[0]', { filters: [7] }, /must be an object/],
    ['filters', { filters: {} }, /must be a list/],
    ['filters', { filters: new Array(1_001).fill(filter) }, /more than/],
    ['fields[1].field', { fields: [rule, { ...rule, field: 'ID' }] }, /a rule already/],
    ['fields[0].field', { fields: [{ access: 'hidden' }] }, /name a field/],
    ['fields[0].access', { fields: [{ field: 'x', access: 'gone' }] }, /hidden, masked or read_only/],
    ['fields[0].access', { fields: [{ field: 'x' }] }, /hidden, masked or read_only/],
    ['fields[0].mask', { fields: [{ ...rule, mask: '*' }] }, /only for 'masked'/],
    ['fields[0].mask', { fields: [{ field: 'x', access: 'masked', mask: 5 }] }, /null or one line/],
    ['fields[0].mask', { fields: [{ field: 'x', access: 'masked', mask: 'a\nb' }] }, /null or one line/],
    ['fields[0].mask', { fields: [{ field: 'x', access: 'masked', mask: 'x'.repeat(256) }] }, /at most 255/],
    ['fields', { fields: 'ssn' }, /must be a list/],
  ])('refuses a second row by its %s', async (place, over, problem) => {
    const { status, body } = await house.ask('POST', 'role', {
      body: { name: 'r', [list]: [row, { ...row, ...over }] },
    });
    const { message } = (body as { error: { message: string } }).error;
    expect([status, message]).toEqual([400, expect.stringMatching(problem)]);
    expect(message).toContain(`Field '${list}[1].${place}' `);
    expect(await house.store.roleAccess.list()).toEqual([]);
  });

  it('may bound the calls and bodies of its callers', async () => {
    const made = await make({ name: 'small', max_concurrency: 2, max_body_bytes: 1000 });
    expect(made).toMatchObject({ max_concurrency: 2, max_body_bytes: 1000 });
    expect((await patch(made.id, { max_concurrency: null })).body).toMatchObject({
      ...{ max_concurrency: null, max_body_bytes: 1000 },
    });
    for (const value of [0, -1, 1.5, '2', true, [], 2 ** 31]) {
      const { status, body } = await patch(made.id, { max_body_bytes: value });
      expect([value, status, body]).toMatchObject([
        value,
        400,
        { error: { message: /'max_body_bytes' must/ } },
      ]);
    }
    expect((await house.ask('GET', 'role?filter=max_body_bytes=1000&fields=name')).body).toEqual({
      resource: [{ name: 'small' }],
    });
  });

  it('with rules that its service cannot apply is stored with a warning', async () => {
    const hr = { name: 'hr', type: 'echo', config: { database: 'x' } };
    const { body } = await house.ask('POST', 'service', { body: hr });
    const { id } = (body as { resource: { id: number }[] }).resource[0] ?? { id: 0 };
    const warned = async (record: object) => {
      const named = {
        name: `role ${(await house.store.roles.list()).length}`,
        [list]: [{ ...row, ...record }],
      };
      const { status, headers } = await house.reply('POST', 'role', { body: named });
      expect(status).toBe(201);
      return headers['X-Tenon-Warning'];
    };
    const some = { filters: [filter] };
    expect(await warned({ ...some, service_id: id, component: '_table/a' })).toMatch(
      /databases .* only\. Stored for '_table\/a' of 'hr': .* refused\.$/,
    );
    expect(await warned({ fields: [rule] })).toMatch(/'event\/\*' of 'system'/);
    expect(await warned({ ...some, service_id: null, component: '*' })).toMatch(/'\*' of all services/);
    expect(await warned({ component: '*' })).toBeUndefined();
    // Who grants nothing with it need not be told.
    expect(await warned({ ...some, verb_mask: 0 })).toBeUndefined();
  });

  it('shows who depends on it, without the keys of apps', async () => {
    const made = await make({ name: 'reader', [list]: [row, { ...row, component: 'b' }] });
    await house.ask('POST', 'app', { body: { name: 'web', role_id: made.id } });
    const user = { name: 'u', email: 'u@example.com', password: 'long enough 1' };
    await house.ask('POST', 'user', { body: user });
    const link = { user_id: 2, app_id: 1 };
    const written = { app_by_role_id: [{ id: 7 }], user_to_app_to_role_by_role_id: [link] };
    expect((await house.ask('PATCH', `role/${made.id}`, { body: written })).status).toBe(200);
    const { body } = await house.ask('GET', `role/${made.id}?related=*`);
    expect(body).toMatchObject({
      app_by_role_id: [{ id: 1, name: 'web', is_active: true, role_id: made.id }],
      user_to_app_to_role_by_role_id: [{ ...link, role_id: made.id }],
      service_by_role_service_access: [{ id: 1, name: 'system', type: 'system' }],
    });
    expect(JSON.stringify(body)).not.toMatch(/api_key|"config"|[0-9a-f]{64}/);
    const wrong = { user_to_app_to_role_by_role_id: [{ ...link, app_id: 9 }] };
    expect(await house.ask('PATCH', `role/${made.id}`, { body: wrong })).toMatchObject({
      status: 400,
      body: {
        error: {
          message: "Field 'user_to_app_to_role_by_role_id[0].app_id' is 9, and there is no such app.",
        },
      },
    });
  });

  it('in use can be deleted: its apps and users have no role then', async () => {
    const made = await make({ name: 'reader', [list]: [row] });
    await house.ask('POST', 'app', { body: { name: 'web', role_id: made.id } });
    const user = { name: 'u', email: 'u@example.com', password: 'long enough 1' };
    const roles = [{ app_id: 1, role_id: made.id }];
    await house.ask('POST', 'user', { body: { ...user, user_to_app_to_role_by_user_id: roles } });
    expect(await house.ask('DELETE', `role/${made.id}?fields=*`)).toMatchObject({
      status: 200,
      body: { id: 1 },
    });
    expect((await house.ask('GET', 'app/1')).body).toMatchObject({ name: 'web', role_id: null });
    expect(await house.store.userRoles.list()).toEqual([]);
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
