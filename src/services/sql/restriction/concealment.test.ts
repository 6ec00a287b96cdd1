// Whatever is asked, no value of a hidden or masked field gets out, and a hidden name is as good as any that
// no field has: random requests over tables whose kept-back values are marked.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import type { Dispatcher } from '../../../core/dispatch.ts';
import type { Action, Parameters, ParameterValue } from '../../../core/operation.ts';
import { roleOf } from '../../../core/role-fixture.ts';
import type { Service } from '../../../core/service.ts';
import { sqlite } from '../dialects/sqlite/index.ts';
import { looking, row } from '../suite/field-rule-fixture.ts';
import { dispatcherOf, operationOf } from '../suite/path-fixture.ts';
import { userOf } from '../suite/restriction-fixture.ts';

const sql = `
  CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, hid TEXT UNIQUE, veil TEXT, fixed TEXT DEFAULT 'f');
  CREATE TABLE phone (id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES person(id), number TEXT, hid TEXT,
    other_id INTEGER REFERENCES person(id));
  CREATE TABLE member (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES person(id),
    team_id INTEGER NOT NULL REFERENCES team(id), veil TEXT, hid TEXT);
  CREATE TABLE team (id INTEGER PRIMARY KEY, title TEXT, hid TEXT DEFAULT 'canary');
  INSERT INTO person VALUES (1, 'Ada', 'canary 1', 'canary 2', 'a'), (2, 'Bob', NULL, NULL, 'b'), (3, 'Cyd', 'canary 3', 'canary', 'c');
  INSERT INTO phone VALUES (1, 1, '5', 'canary 4', 2), (2, 1, '6', NULL, 1), (3, 2, '7', 'canary 5', NULL);
  INSERT INTO team VALUES (1, 'red', 'canary 6'), (2, 'blue', NULL);
  INSERT INTO member VALUES (1, 1, 1, 'canary 7', 'canary 8'), (2, 2, 1, NULL, NULL);
`;

const role = roleOf([
  ...looking,
  row('person', { hid: 'hidden', veil: 'masked', fixed: 'read_only' }),
  row('phone', { hid: 'hidden', other_id: 'hidden' }),
  row('member', { hid: 'hidden', veil: 'masked' }),
  row('team', { hid: 'hidden' }),
]);

let folder: string;
let service: Service;
let dispatcher: Dispatcher;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-canary-'));
  const database = join(folder, 'db.sqlite');
  const connection = new Sqlite(database);
  connection.exec(sql);
  connection.close();
  const config = { database, synchronous: 'NORMAL', allow_upsert: true };
  service = sqlite.create({ id: 3, name: 'hr', label: 'HR', config });
  dispatcher = dispatcherOf([service], [], undefined);
});
afterAll(async () => {
  await service.close?.();
  rmSync(folder, { recursive: true });
});

const principal = userOf(1, role);

async function ask(action: Action, path: string, parts: { parameters: Parameters; body?: unknown }) {
  const result = await dispatcher.dispatch(
    operationOf(action, `/api/v2/hr/${path}`, { ...parts, principal }),
  );
  return { status: result.status, text: result.body?.text ?? '' };
}

const table = fc.constantFrom('person', 'phone', 'member', 'team');
const field = fc.constantFrom(
  ...[
    'id',
    'name',
    'hid',
    'HID',
    'veil',
    'fixed',
    'person_id',
    'number',
    'title',
    'team_id',
    'other_id',
    '`hid`',
  ],
);
const relation = fc.constantFrom(
  ...[
    '*',
    'phone_by_person_id',
    'person_by_person_id',
    'team_by_member',
    'person_by_member',
    'phone_by_other_id',
  ],
  ...['member_by_person_id', 'member_by_team_id', 'person_by_other_id', 'person_by_hid'],
);
const value = fc.constantFrom('1', "'canary 1'", "'c'", 'null', "''", '0', ':x');
const operator = fc.constantFrom(
  ...['=', '!=', '>', '>=', '<', '<=', 'like', 'not like', 'starts with', 'ends with', 'contains'],
);
const condition = fc.oneof(
  fc.tuple(field, operator, value).map((parts) => parts.join(' ')),
  fc.tuple(field, fc.constantFrom('is null', 'is not null')).map((parts) => parts.join(' ')),
  fc.tuple(field, value, value).map(([name, one, other]) => `${name} in (${one}, ${other})`),
  fc.tuple(field, value, value).map(([name, one, other]) => `${name} between ${one} and ${other}`),
);
const filter = fc.oneof(
  condition,
  fc
    .tuple(condition, fc.constantFrom('and', 'or', 'xor'), condition)
    .map(([a, op, b]) => `(${a}) ${op} (${b})`),
  condition.map((one) => `not (${one})`),
);
const selected = fc.oneof(
  field,
  fc.constant('*'),
  fc
    .tuple(fc.constantFrom('SUM', 'COUNT', 'MIN', 'MAX', 'AVG'), field)
    .map(([named, of]) => `${named}(${of})`),
  field.map((name) => `COUNT(DISTINCT ${name})`),
  field.map((name) => `person.${name}`),
);
const list = <T>(item: fc.Arbitrary<T>) =>
  fc.array(item, { minLength: 1, maxLength: 3 }).map((all) => all.join());
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 3 });

const parameters = fc
  .record({
    ...{ fields: maybe(list(selected)), filter: maybe(filter), related: maybe(list(relation)) },
    order: maybe(
      list(fc.tuple(field, fc.constantFrom('', ' desc', ' nulls last')).map((parts) => parts.join(''))),
    ),
    ...{
      group: maybe(list(field)),
      having: maybe(condition),
      ids: maybe(list(fc.constantFrom('1', '2', 'canary 1'))),
    },
    ...{
      id_field: maybe(list(field)),
      include_schema: maybe(fc.constant('true')),
      count_only: maybe(fc.constant('true')),
    },
    'phone_by_person_id.fields': maybe(list(field)),
    'phone_by_person_id.filter': maybe(condition),
    'team_by_member.order': maybe(field),
    'member_by_person_id.related': maybe(relation),
  })
  .map((given) => {
    const entries = Object.entries(given).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return { ...Object.fromEntries(entries), params: { x: 'canary 1' } } as Record<string, ParameterValue>;
  });

const path = fc.oneof(
  table.map((name) => `_table/${name}`),
  fc.tuple(table, fc.constantFrom('1', '2', '9', 'canary 1')).map(([name, id]) => `_table/${name}/${id}`),
  fc.tuple(table, field).map(([name, of]) => `_schema/${name}/_field/${of}`),
  table.map((name) => `_schema/${name}`),
  fc.constant('_schema'),
);

// `hid` and `other_id` become names that no table has.
const unknown = (text: string) =>
  text
    .replace(/other_id/g, 'otter_id')
    .replace(/hid/g, 'nix')
    .replace(/HID/g, 'NIX');
const renamed = <T>(of: T): T => JSON.parse(unknown(JSON.stringify(of)));

test('nothing that is asked tells of it', async () => {
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(path, parameters, async (at, given) => {
      const { status, text } = await ask('GET', at, { parameters: given });
      expect(status).toBeLessThan(500);
      // What callers say themselves comes back in some refusals.
      const own = text.replaceAll('canary 1', '');
      expect(own).not.toContain('canary');
      if (status < 400) answered++;
      if (status < 400) expect(text).not.toMatch(/"hid"|other_id/i);
      const other = await ask('GET', unknown(at), { parameters: renamed(given) });
      expect([status, unknown(text)]).toEqual([other.status, other.text]);
    }),
    { numRuns: 1_500 },
  );
  expect(answered).toBeGreaterThan(200);
});

const record = fc.record(
  {
    ...{
      // Taken ones: with `id_field` a free one would be a new key for a record that is there.
      id: fc.constantFrom(1, 2),
      name: fc.constant('N'),
      hid: fc.constantFrom('canary 1', null, 'x', 7),
    },
    ...{ HID: fc.constant('canary 3'), number: fc.constantFrom('1', '2'), title: fc.constant('t') },
    ...{ other_id: fc.constantFrom(1, null), person_id: fc.constantFrom(1, 2) },
    phone_by_person_id: fc.constant([{ number: '9', hid: 'canary 4' }]),
    team_by_member: fc.constant([{ title: 'x', hid: 'y', 'member.hid': 'canary' }]),
    phone_by_other_id: fc.constant([{ number: 'x' }]),
  },
  { requiredKeys: [] },
);

test('nothing that is written does, nor is anything kept back written', async () => {
  const administrator = async () => {
    const tables = ['person', 'phone', 'member', 'team'];
    const texts = tables.map(async (name) => {
      const operation = operationOf('GET', `/api/v2/hr/_table/${name}?order=id`, {});
      return (await dispatcher.dispatch(operation)).body?.value as { resource: Record<string, unknown>[] };
    });
    return (await Promise.all(texts)).map(({ resource }) =>
      resource.map(({ id, hid, veil, fixed, other_id }) => [
        id,
        hid ?? null,
        veil ?? null,
        fixed ?? null,
        other_id ?? null,
      ]),
    );
  };
  const before = await administrator();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('PATCH', 'POST', 'PUT'),
      path,
      parameters,
      record,
      async (action, at, given, body) => {
        fc.pre(at.startsWith('_table'));
        const isOne = at.split('/').length > 2;
        const sent = isOne ? body : { resource: [body] };
        const { status, text } = await ask(action as Action, at, { parameters: given, body: sent });
        expect(status).toBeLessThan(500);
        expect(text.replace(/canary [134]/g, '')).not.toContain('canary');
        if (status < 400) expect(text).not.toMatch(/"hid"|other_id/i);
      },
    ),
    { numRuns: 1_000 },
  );
  // Records that were there have what they had; new ones have what the table gives them.
  const after = await administrator();
  for (const [index, rows] of before.entries()) expect(after[index]?.slice(0, rows.length)).toEqual(rows);
  const made = after.flatMap((rows, index) => rows.slice(before[index]?.length ?? 0));
  expect(made.length).toBeGreaterThan(0);
  for (const [, hid, veil, fixed] of made) {
    expect([hid === null || hid === 'canary', veil, fixed === null || fixed === 'f']).toEqual([
      true,
      null,
      true,
    ]);
  }
});
