import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { eventName, eventResource } from '../../core/event.ts';
import { actions } from '../../core/operation.ts';
import { serviceTypeSuite } from '../suite.ts';
import { sqlite } from './index.ts';
import { openReadFixture, type ReadFixture, recorded } from './suite/read-fixture.ts';

const houses: ReadFixture[] = [];

function open(): ReadFixture {
  const house = openReadFixture();
  houses.push(house);
  return house;
}

afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

serviceTypeSuite({
  name: 'sqlite',
  create: () => {
    const house = openReadFixture();
    return { service: house.service, cleanup: () => house.close() };
  },
  samples: { id: '1', field_name: 'title', relationship_name: 'dept_emp_by_emp_no' },
});

describe('locations', () => {
  test('events fire as recorded, except in the schema’s depths', async () => {
    const house = open();
    const file = new URL('../../../test/golden/events-fired.json', import.meta.url);
    const cases = JSON.parse(readFileSync(file, 'utf8')) as {
      request: { method: 'GET'; path: string; headers?: unknown };
      events: { name: string }[];
    }[];
    // `_field` and `_related` are named as the list of events names them (documented difference); verbs that
    // come in a header are a matter of the door, and related records are tested with them.
    const ours = cases.filter(
      ({ request: { path, headers } }) =>
        /^\/api\/v2\/hr(?:\/|$)/.test(path) &&
        !/_field|_related|related=/.test(path) &&
        headers === undefined,
    );
    expect(ours.length).toBeGreaterThan(14);
    for (const { request, events } of ours) {
      const segments = request.path.replace(/\?.*/, '').split('/').slice(4);
      const names = events.map(({ name }) => name).filter((name) => !name.endsWith('_process'));
      const own = house.service.locate(segments, request.method)?.events.map(({ name }) => name) ?? [];
      expect(own, request.path).toEqual(names);
    }
  });

  test('say what is left of the path for scripts', () => {
    const { service } = open();
    const resources = (path: string[]) =>
      service.locate(path, 'GET')?.events.map((event) => [event.name, eventResource(event, path)]);
    expect(resources(['_table', 'todo', '5'])).toEqual([
      ['hr._table.{table_name}.{id}.get', 'todo/5'],
      ['hr._table.todo.{id}.get', '5'],
    ]);
    expect(resources(['_table', 'todo'])).toEqual([
      ['hr._table.{table_name}.get', 'todo'],
      ['hr._table.todo.get', 'todo'],
    ]);
    expect(resources(['_table'])).toEqual([['hr._table.get', '']]);
    expect(resources([])).toEqual([['hr.get', '']]);
    expect(resources(['_schema', 'todo', '_field', 'title'])).toEqual([
      ['hr._schema.{table_name}._field.{field_name}.get', 'todo/_field/title'],
      ['hr._schema.todo._field.title.get', 'title'],
    ]);
    expect(resources(['_schema', 'todo', 'title'])?.[1]?.[0]).toBe('hr._schema.todo._field.title.get');
  });

  test('are the same object whatever the spelling, so that scripts and access cannot be got round', () => {
    const { service } = open();
    const location = service.locate(['_table', 'todo', '1'], 'GET');
    expect(service.locate(['_table', 'todo', '2'], 'GET')).toBe(location);
    expect(service.locate(['_table', 'ToDo', '2'], 'GET')).toBe(location);
    expect(service.locate(['_table', 'todo', '2'], 'PATCH')).not.toBe(location);
    expect(location?.component).toBe('_table/todo');
  });

  test('exist for tables that do not, but not for what is deeper or unknown', () => {
    const { service } = open();
    expect(service.locate(['_table', 'nope'], 'GET')?.events[1]?.name).toBe('hr._table.nope.get');
    for (const path of [
      ['_proc'],
      ['_func', 'x'],
      ['_table', 'todo', '1', 'x'],
      ['_schema', 'a', '_field', 'b', 'c'],
    ]) {
      expect(service.locate(path, 'GET'), path.join('/')).toBeUndefined();
    }
  });
});

describe('descriptions', () => {
  test('give the recorded list of events, in its order', async () => {
    const { service } = open();
    const described = await service.describe();
    const names = described.flatMap(({ pattern, actions: allowed }) =>
      allowed.map((action) => eventName('hr', pattern, action)),
    );
    const listed = recorded().find(({ id }) => id.startsWith('116'));
    expect({ resource: names }).toEqual(listed?.response.body);
    expect(described.at(-1)?.parameters?.table_name).toEqual([
      'departments',
      'dept_emp',
      'employees',
      'todo',
    ]);
  });

  test('of tables, fields and relations', async () => {
    const house = open();
    const ask = async (path: string) => (await house.ask('GET', `/api/v2/hr/${path}`)).body;
    expect(await ask('_schema/dept_emp/_related?as_list=true')).toEqual({
      resource: ['departments_by_dept_no', 'employees_by_emp_no'],
    });
    expect(await ask('_schema/dept_emp/_field/EMP_NO?fields=name,ref_table,is_foreign_key')).toEqual({
      name: 'emp_no',
      ref_table: 'employees',
      is_foreign_key: true,
    });
    expect((await ask('_schema/dept_emp/_related/employees_by_emp_no')).type).toBe('belongs_to');
    expect((await ask('_schema?fields=name,label,primary_key')).resource[1]).toEqual({
      name: 'dept_emp',
      label: 'Dept Emp',
      primary_key: ['id'],
    });
    expect((await ask('_table?include_access=true')).resource[0]).toEqual({
      name: 'departments',
      access: actions,
    });
    expect((await ask('_schema/todo/_field/nope')).error.message).toMatch(/field 'nope' does not exist/);
    expect((await ask('_schema/todo?fields=nope')).error.message).toBe('Invalid field requested: nope');
  });

  test('of everything that access can be granted on', async () => {
    const { body } = await open().ask('GET', '/api/v2/hr?as_access_list=true');
    expect(body.resource.slice(0, 6)).toEqual([
      '',
      '*',
      '_schema/',
      '_schema/*',
      '_schema/departments/',
      '_schema/departments/*',
    ]);
    expect(body.resource).toContain('_table/todo/*');
  });
});

describe('what is refused', () => {
  test.each([
    ['POST', '', /^POST requests without a resource are not currently supported by the 'hr' service\.$/],
    ['DELETE', '/_table', /^DELETE requests on '_table' are not currently supported/],
    ['POST', '/_schema', /^No record\(s\) detected in request/],
    ['PATCH', '/_schema/todo/_field/title', /^No record\(s\) detected in request/],
  ] as const)('%s %s', async (action, path, message) => {
    const { status, body } = await open().ask(action, `/api/v2/hr${path}`, { body: {} });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(message);
  });
});

describe('settings', () => {
  const settings = (config: Record<string, unknown>) => ({ id: 1, name: 'x', label: 'X', config });

  test.each([
    [{}, /'database'/],
    [{ database: '' }, /'database'/],
    [{ database: ':memory:', max_records: 0 }, /'max_records'/],
    [{ database: ':memory:', max_records: 'many' }, /'max_records'/],
  ])('%o are refused', (config, message) => {
    expect(() => sqlite.create(settings(config))).toThrow(message);
  });

  test('a service can be made before its file is there', async () => {
    const service = sqlite.create(settings({ database: '/no/such/file.sqlite' }));
    expect(service.locate(['_table', 'todo'], 'GET')?.component).toBe('_table/todo');
    await service.close?.();
  });

  test('every setting has a description and a default or is required', () => {
    for (const field of sqlite.config) {
      expect(field.description.length, field.name).toBeGreaterThan(10);
      expect(field.required || field.default !== undefined, field.name).toBe(true);
    }
  });
});
