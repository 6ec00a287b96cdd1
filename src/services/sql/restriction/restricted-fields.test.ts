import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlatformError } from '../../../core/errors.ts';
import type { Action, Result } from '../../../core/operation.ts';
import type { FieldRule } from '../../../core/restriction.ts';
import type { CallContext } from '../../../core/service.ts';
import { DatabaseError, type DatabaseFailure } from '../../../database/connection.ts';
import { SqliteEngine } from '../dialects/sqlite/engine.ts';
import { readRecords } from '../reading/read.ts';
import { noOverlay, type TableOverlay } from '../schema/overlay.ts';
import { tableAnswer } from '../schema/schema-view.ts';
import type { Table } from '../schema.ts';
import { EngineSource, type SqlSource } from '../source.ts';
import { operationOf } from '../suite/path-fixture.ts';
import { refusedWrite } from '../writing/refusals.ts';
import { RecordWriter } from '../writing/write.ts';
import { restrictFields } from './restricted-fields.ts';

const sql = `
  CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, ssn TEXT UNIQUE, pay DECIMAL(10,2), mail TEXT,
    code TEXT UNIQUE, since TEXT NOT NULL DEFAULT 'always');
  CREATE TABLE phone (id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES person(id), number TEXT NOT NULL,
    owner TEXT REFERENCES person(code), secret TEXT);
  CREATE TABLE badge (code TEXT PRIMARY KEY, colour TEXT);
  CREATE TABLE loud (id INTEGER PRIMARY KEY, word TEXT, hush TEXT NOT NULL);
  CREATE TRIGGER loud_insert BEFORE INSERT ON loud WHEN NEW.word = 'bad'
    BEGIN SELECT RAISE(ABORT, 'hush was 42'); END;
  INSERT INTO person VALUES (1, 'Ada', '111', 10, 'a@x', 'a', 'x'), (2, 'Bob', NULL, 20, 'b@x', 'b', 'y');
`;

type Rules = Readonly<Record<string, FieldRule['access']>>;

const rulesOf = (rules: Rules = {}, mask: string | null = '***') =>
  new Map(Object.entries(rules).map(([field, access]) => [field.toLowerCase(), { field, access, mask }]));

const context: CallContext = {
  streams: undefined,
  call: () => Promise.reject(new Error('nothing is called')),
  check: () => undefined,
};

let folder: string;
let beside: Sqlite.Database;
let source: EngineSource;
let overlay = new Map<string, TableOverlay>();
beforeEach(() => {
  overlay = new Map();
  folder = mkdtempSync(join(tmpdir(), 'tenon-fields-'));
  const path = join(folder, 'db.sqlite');
  beside = new Sqlite(path);
  beside.exec(sql);
  const engine = new SqliteEngine({ path, synchronous: 'NORMAL' });
  const settings = {
    service: 'db',
    maxRecords: 1000,
    allowUpsert: true,
    strictFields: false,
    transactionMs: 1,
  };
  source = new EngineSource({ settings, engine });
  source.useOverlay(() => ({ ...noOverlay, tables: overlay }));
});

afterEach(async () => {
  await source.close();
  beside.close();
  rmSync(folder, { recursive: true });
});

/** What the tables are to a role. */
function seenBy(all: Readonly<Record<string, Rules>>, over: { mask?: string | null; strict?: boolean } = {}) {
  const base = (name: string) => source.table(name);
  const ruled = (name: string) => ({ table: base(name), rules: rulesOf(all[name], over.mask) });
  const made = new Map<string, Table>();
  const table = (name: string): Table => {
    const known = made.get(name) ?? restrictFields(base(name), ruled(name).rules, ruled);
    made.set(name, known);
    return known;
  };
  const { dialect, plans } = source;
  const settings = { ...source.settings, strictFields: over.strict === true };
  const seen: SqlSource = {
    ...{ settings, dialect, plans, table, tables: () => source.tables().map(({ name }) => table(name)) },
    database: () => source.database(),
  };
  const writer = new RecordWriter({ source: seen });
  const send = (action: Action, path: string, body?: unknown): Result | Promise<Result> => {
    const operation = operationOf(action, `/api/v2/db/_table/${path}`, body === undefined ? {} : { body });
    const [, name = '', id] = operation.path;
    const target = { table: table(name), id, context };
    return action === 'GET' ? readRecords(seen, operation, target) : writer.write(operation, target);
  };
  const ask = async (action: Action, path: string, body?: unknown) => {
    try {
      return (await send(action, path, body)).body?.value;
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      const { status, message, context: of } = error;
      const [entry] = (of as { resource?: { message?: string }[] } | null)?.resource ?? [];
      return { status, message: entry?.message ?? message };
    }
  };
  return { ask, table };
}

describe('a table of which nothing is restricted', () => {
  it('is the same object', () => {
    const { table } = seenBy({ person: { nothing: 'hidden' } });
    expect(table('person')).toBe(source.table('person'));
  });
});

describe('a hidden field', () => {
  it('is gone, with what needs it', async () => {
    const { table } = seenBy({ person: { ID: 'hidden', ssn: 'hidden' } });
    expect([...table('person').fields.keys()]).toEqual(['name', 'pay', 'mail', 'code', 'since']);
    expect(table('person').primaryKey).toEqual([]);
    expect([...table('person').relations.keys()]).toEqual(['phone_by_owner']);
    // The other end of the relation, and what the field refers to, say nothing of it either.
    const phone = table('phone');
    expect([...phone.relations.keys()]).toEqual(['person_by_owner']);
    expect(phone.field('person_id')).toMatchObject({ refTable: null, refField: null });
  });

  it.each([
    ['fields=ssn', 'fields=nope'],
    ['fields=id,SSN', 'fields=id,NOPE'],
    ['fields=SUM(ssn)', 'fields=SUM(nope)'],
    ['fields=COUNT(distinct ssn)', 'fields=COUNT(distinct nope)'],
    ['filter=ssn is not null', 'filter=nope is not null'],
    [
      "filter=(name = 'Ada') and (not (ssn like '1%25'))",
      "filter=(name = 'Ada') and (not (nope like '1%25'))",
    ],
    ['order=ssn desc', 'order=nope desc'],
    ['group=ssn', 'group=nope'],
    ['group=name&fields=name,MAX(ssn)', 'group=name&fields=name,MAX(nope)'],
    ['group=name&having=MAX_ssn > 1', 'group=name&having=MAX_nope > 1'],
    ['ids=111&id_field=ssn', 'ids=111&id_field=nope'],
    ['related=phone_by_person_id', 'related=nope_by_person_id'],
  ])('is unknown to ?%s', async (asked, unknown) => {
    const { ask } = seenBy({ person: { ssn: 'hidden', id: 'read_only' }, phone: { person_id: 'hidden' } });
    const refusal = await ask('GET', `person?${asked}`);
    expect(refusal).toMatchObject({ status: 400 });
    const same = await ask('GET', `person?${unknown}`);
    const spelled = JSON.stringify(same).replaceAll('nope', 'ssn').replaceAll('NOPE', 'SSN');
    const expected = unknown.startsWith('related') ? spelled.replaceAll('ssn_by', 'phone_by') : spelled;
    expect(JSON.stringify(refusal)).toBe(expected);
  });

  it('in a payload is like any unknown field', async () => {
    const { ask } = seenBy({ person: { ssn: 'hidden' } });
    expect(await ask('PATCH', 'person/1?fields=*', { ssn: '999', name: 'Ada B' })).toEqual({
      ...{ id: 1, name: 'Ada B', pay: 10, mail: 'a@x', code: 'a', since: 'x' },
    });
    expect(await ask('PATCH', 'person/1', { ssn: '999' })).toEqual(
      await ask('PATCH', 'person/1', { nope: 1 }),
    );
    const row = beside.prepare('SELECT ssn FROM person WHERE id = 1').get();
    expect(row).toEqual({ ssn: '111' });
    const strict = seenBy({ person: { ssn: 'hidden' } }, { strict: true });
    expect(await strict.ask('POST', 'person', { resource: [{ name: 'x', ssn: '1' }] })).toEqual({
      ...{ status: 400, message: "Field 'ssn' does not exist in table 'person'." },
    });
  });

  it('that records need is not named where it is missing', async () => {
    const { ask } = seenBy({ loud: { hush: 'hidden' } });
    expect(await ask('POST', 'loud', { resource: [{ word: 'x' }] })).toEqual({
      ...{ status: 400, message: 'A field of the record can not be NULL.' },
    });
  });

  it('as key leaves nothing to name records by but filters', async () => {
    const { ask } = seenBy({ badge: { code: 'hidden' } });
    expect(await ask('GET', 'badge/1')).toMatchObject({ status: 400, message: /has no primary key/ });
    expect(await ask('POST', 'badge', { resource: [{ colour: 'red' }] })).toEqual({
      ...{ status: 400, message: 'A field of the record can not be NULL.' },
    });
    beside.exec("INSERT INTO badge VALUES ('x', 'red'), ('y', 'blue')");
    expect(await ask('GET', "badge?filter=colour='blue'")).toEqual({ resource: [{ colour: 'blue' }] });
    expect(
      await ask('PATCH', "badge?filter=colour='blue'&id_field=colour", { resource: [{ colour: 'sky' }] }),
    ).toMatchObject({ status: 400 });
    expect(await ask('DELETE', "badge?filter=colour='blue'&id_field=colour")).toEqual({
      resource: [{ colour: 'blue' }],
    });
  });

  it('is not told by triggers, expressions or the schema', async () => {
    overlay.set('loud', {
      table: { name_field: 'hush' },
      fields: new Map([
        [
          'whisper',
          {
            is_virtual: true,
            type: 'string',
            db_function: [{ use: ['SELECT'], function: "upper(hush) || '!'", function_type: 'database' }],
          },
        ],
        [
          'total',
          {
            is_virtual: true,
            is_aggregate: true,
            type: 'integer',
            db_function: [{ use: ['SELECT'], function: 'sum(length(hush))', function_type: 'database' }],
          },
        ],
      ]),
      relations: new Map(),
    });
    source.refresh();
    beside.exec("INSERT INTO loud VALUES (1, 'word', 'psst')");
    const { ask, table } = seenBy({ loud: { hush: 'hidden' } });
    expect(JSON.stringify(tableAnswer(table('loud'), 1, ['GET']))).not.toContain('hush');
    // What administrators compute of it is a field of its own.
    expect(await ask('GET', 'loud/1')).toEqual({ id: 1, word: 'word', whisper: 'PSST!' });
    expect(await ask('GET', 'loud?fields=total')).toEqual({ resource: [{ total: 4 }] });
    const veiled = seenBy({ loud: { hush: 'masked' } });
    expect(await veiled.ask('GET', 'loud?fields=total')).toEqual({ resource: [{ total: 4 }] });
    expect(await veiled.ask('GET', 'loud/1')).toMatchObject({ hush: '***', whisper: 'PSST!' });
    const open = seenBy({ loud: { whisper: 'hidden' } });
    expect(await open.ask('GET', 'loud/1')).toEqual({ id: 1, word: 'word', hush: 'psst' });
    const refused = seenBy({ loud: { id: 'masked' } });
    expect(await refused.ask('POST', 'loud', { resource: [{ word: 'bad', hush: 'x' }] })).toEqual({
      ...{ status: 400, message: "The record breaks a rule of table 'loud'." },
    });
  });
});

describe('what the database refuses', () => {
  const told = (table: Table, failure: DatabaseFailure, named?: string) => {
    const thrown = new DatabaseError(failure, named, new Error('trigger: ssn was 111'));
    const { settings } = source;
    return (refusedWrite(thrown, { settings, table, isDelete: false }) as Error).message;
  };

  it.each([
    ['raised', undefined],
    ['unique', 'ssn'],
    ['unique', 'person.ssn'],
    ['unique', 'name,ssn'],
    ['not_null', 'ssn'],
    ['type', 'ssn'],
    ['check', 'ssn'],
    ['foreign_key', 'ssn'],
  ] as const)('as %s of %s names nothing that is kept back', (failure, named) => {
    for (const access of ['hidden', 'masked'] as const) {
      const { table } = seenBy({ person: { ssn: access } });
      expect(told(table('person'), failure, named)).not.toMatch(/ssn|111/);
    }
    if (failure === 'raised') expect(told(source.table('person'), failure)).toContain('ssn was 111');
    if (failure === 'unique') expect(told(source.table('person'), failure, named)).toContain("ssn'");
  });
});

describe('a masked field', () => {
  it.each([['***'], ['it\'s \\ "quoted" ?'], [''], [null]])(
    'shows %j, whether or not there is a value',
    async (mask) => {
      const { ask } = seenBy({ person: { SSN: 'masked' } }, { mask });
      const { resource } = (await ask('GET', 'person?fields=id,ssn&order=id')) as { resource: unknown };
      expect(resource).toEqual([
        { id: 1, ssn: mask },
        { id: 2, ssn: mask },
      ]);
      expect(await ask('GET', 'person/2?fields=ssn')).toEqual({ ssn: mask });
      expect(await ask('GET', 'person?ids=2,1&fields=ssn,id')).toEqual({
        resource: [
          { ssn: mask, id: 2 },
          { ssn: mask, id: 1 },
        ],
      });
      expect(await ask('PATCH', 'person/1?fields=*', { name: 'A' })).toMatchObject({ ssn: mask, name: 'A' });
    },
  );

  it.each([
    ['filter=ssn=111', "Invalid or unparsable field in filter request: 'ssn'"],
    ['order=ssn', undefined],
    ['group=ssn', 'Invalid field requested: ssn'],
    ['fields=MAX(ssn)', 'Invalid field requested: ssn'],
    ['ids=111&id_field=ssn', 'Invalid field requested: ssn'],
  ])('is of no use to ?%s', async (query, message) => {
    const { ask } = seenBy({ person: { ssn: 'masked' } });
    const refusal = await ask('GET', `person?${query}`);
    expect(refusal).toMatchObject({ status: 400, ...(message === undefined ? {} : { message }) });
    const unknown = JSON.stringify(await ask('GET', `person?${query.replace('ssn', 'nope')}`));
    expect(JSON.stringify(refusal)).toBe(unknown.replaceAll('nope', 'ssn'));
  });

  it('as key relates and identifies nothing', async () => {
    const { ask, table } = seenBy({ person: { id: 'masked' } });
    expect(table('person').primaryKey).toEqual([]);
    expect([...table('person').relations.keys()]).toEqual(['phone_by_owner']);
    expect([...table('phone').relations.keys()]).toEqual(['person_by_owner']);
    expect(await ask('GET', 'person?fields=id,name&order=name')).toEqual({
      resource: [
        { id: '***', name: 'Ada' },
        { id: '***', name: 'Bob' },
      ],
    });
  });

  it('is told as text that is only read', () => {
    const { table } = seenBy({ person: { pay: 'masked' } });
    const view = tableAnswer(table('person'), 1, ['GET']) as { field: { name: string }[] };
    expect(view.field.find(({ name }) => name === 'pay')).toMatchObject({
      ...{ alias: null, name: 'pay', type: 'string', db_type: '', validation: { api_read_only: null } },
      ...{ is_virtual: false, db_function: null, required: false, precision: null },
    });
  });
});

describe('a field that is only read', () => {
  const denied = { status: 403, message: 'Denied access to some of the requested fields.' };

  it.each([null, 0, '', false, 1, [], {}, '2', { expression: '1' }])(
    'is not written, not even %j',
    async (value) => {
      for (const access of ['read_only', 'masked'] as const) {
        const { ask } = seenBy({ person: { pay: access } });
        expect(await ask('PATCH', 'person/1', { pay: value })).toEqual(denied);
        expect(await ask('PATCH', 'person/1', { name: 'x', PAY: value })).toEqual(denied);
        expect(await ask('PUT', 'person/9', { name: 'x', Pay: value })).toEqual(denied);
        expect(await ask('POST', 'person', { resource: [{ name: 'x' }, { name: 'x', pay: value }] })).toEqual(
          denied,
        );
        expect(await ask('POST', 'person?continue=true', { resource: [{ name: 'x', pay: value }] })).toEqual(
          denied,
        );
        expect(await ask('PATCH', 'person?filter=id=1', { resource: [{ pay: value }] })).toEqual(denied);
      }
      const row = beside.prepare('SELECT count(*) AS n, sum(pay) AS pay FROM person').get();
      expect(row).toEqual({ n: 2, pay: 30 });
    },
  );

  it('is read, filtered by and sorted by, and names records', async () => {
    const { ask } = seenBy({ person: { id: 'read_only', pay: 'read_only', since: 'read_only' } });
    expect(await ask('GET', 'person?fields=id&filter=pay>15&order=pay')).toEqual({ resource: [{ id: 2 }] });
    expect(await ask('PATCH', 'person', { resource: [{ id: 1, name: 'A' }] })).toEqual({
      resource: [{ id: 1 }],
    });
    expect(await ask('PATCH', 'person/1', { id: 1, name: 'B' })).toEqual({ id: 1 });
    // What the table makes itself is not written by anybody.
    expect(await ask('POST', 'person?fields=id,since', { resource: [{ name: 'C' }] })).toEqual({
      resource: [{ id: 3, since: 'always' }],
    });
    // A new record of a key would write it.
    expect(await ask('PUT', 'person/77', { name: 'D' })).toEqual(denied);
  });

  it('is not written by nesting either', async () => {
    const { ask } = seenBy({ phone: { person_id: 'read_only', secret: 'masked' } });
    const phones = (record: object) => ({ phone_by_person_id: [record] });
    expect(await ask('PATCH', 'person/1', phones({ number: '1' }))).toEqual(denied);
    expect(await ask('POST', 'phone', { resource: [{ number: '1' }] })).toEqual({ resource: [{ id: 1 }] });
    const letGo = seenBy({ phone: { person_id: 'read_only' } });
    beside.exec('UPDATE phone SET person_id = 1');
    expect(await letGo.ask('PATCH', 'person/1', phones({ id: 1, person_id: null }))).toEqual(denied);
    const masked = seenBy({ phone: { secret: 'masked' } });
    expect(await masked.ask('PATCH', 'person/1', phones({ number: '2', secret: null }))).toEqual(denied);
    expect(await masked.ask('PATCH', 'person/1', phones({ id: 1, SECRET: 'x' }))).toEqual(denied);
    expect(await masked.ask('PATCH', 'person/1', phones({ number: '2' }))).toEqual({ id: 1 });
  });

  it('gets what it is given by itself, hidden or not', async () => {
    overlay.set('person', {
      table: {},
      fields: new Map([['mail', { type: 'timestamp_on_create' }]]),
      relations: new Map(),
    });
    source.refresh();
    for (const access of ['read_only', 'hidden', 'masked'] as const) {
      const { ask } = seenBy({ person: { mail: access } });
      const made = (await ask('POST', 'person', { resource: [{ name: access }] })) as {
        resource: { id: number }[];
      };
      const bind = [made.resource[0]?.id ?? 0];
      const row = beside.prepare('SELECT mail FROM person WHERE id = ?').get(...bind) as { mail: string };
      expect(row.mail).toMatch(/^\d{4}-\d\d-\d\d \d\d:/);
    }
  });
});

describe('an alias', () => {
  beforeEach(() => {
    overlay.set('person', {
      table: {},
      fields: new Map([
        ['ssn', { alias: 'number' }],
        ['pay', { alias: 'Wage' }],
      ]),
      relations: new Map(),
    });
    source.refresh();
  });

  it.each([['number'], ['NUMBER'], ['ssn'], ['SSN']])('is what a rule for %s is about', async (field) => {
    const { ask, table } = seenBy({ person: { [field]: 'hidden', wage: 'masked' } });
    expect([...table('person').fields.keys()]).toEqual(['id', 'name', 'Wage', 'mail', 'code', 'since']);
    for (const name of ['number', 'ssn', 'SSN', 'Number', 'pay']) {
      expect(await ask('GET', `person?fields=${name}`)).toEqual({
        ...{ status: 400, message: `Invalid field requested: ${name}` },
      });
    }
    expect(await ask('GET', 'person/1?fields=wage')).toEqual({ Wage: '***' });
    expect(await ask('PATCH', 'person/1', { name: 'x', wAGE: 1 })).toMatchObject({ status: 403 });
  });

  it('that is the name of another column leaves that alone', async () => {
    overlay.set('person', {
      table: {},
      fields: new Map([
        ['ssn', { alias: 'mailing' }],
        ['mail', { alias: 'ssn2' }],
      ]),
      relations: new Map(),
    });
    source.refresh();
    const { table } = seenBy({ person: { mailing: 'hidden', ssn2: 'read_only' } });
    expect([...table('person').fields.keys()]).toEqual(['id', 'name', 'pay', 'ssn2', 'code', 'since']);
    expect(table('person').field('ssn2')?.limit?.access).toBe('read_only');
  });
});
