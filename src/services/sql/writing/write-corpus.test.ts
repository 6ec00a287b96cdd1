import Database from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import { goldenSql, openWriteFixture, type WriteFixture } from '../suite/write-fixture.ts';

let db: WriteFixture;
afterEach(() => db.close());

describe('values come back as they were sent', () => {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = fc
    .date({ min: new Date('0001-01-02'), max: new Date('9999-12-30'), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10));
  const time = fc
    .record({
      h: fc.nat(23),
      m: fc.nat(59),
      s: fc.nat(59),
      f: fc.option(fc.stringMatching(/^\d{1,6}$/), { nil: '' }),
    })
    .map(({ h, m, s, f }) => `${two(h)}:${two(m)}:${two(s)}${f === '' ? '' : `.${f}`}`);
  const moment = fc.tuple(day, time).map(([d, t]) => `${d} ${t}`);
  const integer = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer(),
    fc.constantFrom(0, -1, 2 ** 31, -(2 ** 53) + 1),
  );
  // JSON has no -0.
  const number = fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value) => (value === 0 ? 0 : value));
  const text = fc.oneof(
    fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed()),
    fc.constantFrom(
      '',
      ' ',
      'null',
      '0',
      "'",
      '"',
      '\\',
      '%_',
      '\u0000',
      'a\u0000b',
      '\u{1F600}',
      "'; DROP TABLE t; --",
    ),
  );
  const json = fc
    .jsonValue()
    .filter((value) => value !== null && !JSON.stringify(value).includes('__proto__'))
    .map((value): unknown => JSON.parse(JSON.stringify(value)));

  const columns = {
    c_integer: ['INTEGER', integer],
    c_bigint: ['BIGINT', integer],
    c_boolean: ['BOOLEAN', fc.boolean()],
    c_string: ['VARCHAR(200)', text],
    c_char: ['CHAR(10)', text],
    c_text: ['TEXT', text],
    c_decimal: ['DECIMAL(20,6)', number],
    c_double: ['DOUBLE', number],
    c_float: ['FLOAT', number],
    c_date: ['DATE', day],
    c_time: ['TIME', time],
    c_datetime: ['DATETIME', moment],
    c_timestamp: ['TIMESTAMP', moment],
    c_json: ['JSON', json],
    c_binary: ['BLOB', fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64'))],
    c_uuid: ['UUID', fc.uuid()],
    c_reference: ['INTEGER REFERENCES parent(id)', fc.constantFrom(1, 2)],
  } as const;
  const schema =
    'CREATE TABLE parent(id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1), (2);' +
    `CREATE TABLE t(id INTEGER PRIMARY KEY, ${Object.entries(columns)
      .map(([name, [type]]) => `${name} ${type}`)
      .join(', ')})`;

  it('has a column for every type that a SQLite column can be', () => {
    db = openWriteFixture(schema);
    const types = new Set([...db.source.table('t').fields.values()].map(({ type }) => type));
    expect([...types].sort()).toEqual(
      (
        'bigint binary boolean date datetime decimal double float id integer json reference string text ' +
        'time timestamp uuid'
      ).split(' '),
    );
  });

  it.each(Object.entries(columns))('%s', async (name, [, values]) => {
    db = openWriteFixture(schema);
    await fc.assert(
      fc.asyncProperty(fc.option(values as fc.Arbitrary<unknown>), async (value) => {
        const made = await db.ask('POST', 't', {
          query: { fields: '*' },
          body: { resource: [{ [name]: value }] },
        });
        expect(made.body.resource?.[0]?.[name], JSON.stringify(made.body)).toEqual(value);
        const { id } = made.body.resource[0];
        const read = await db.ask('GET', 't', { id: String(id) });
        expect(read.body[name], 'GET').toEqual(value);
        const listed = await db.ask('GET', 't', { query: { ids: String(id), fields: name } });
        expect(listed.body, 'GET of a list').toEqual({ resource: [{ [name]: value }] });
        const changed = await db.ask('PATCH', 't', {
          id: String(id),
          query: { fields: name },
          body: { [name]: value },
        });
        expect(changed.body).toEqual({ [name]: value });
      }),
      { numRuns: 60 },
    );
  });
});

describe('hostile texts are values and nothing else', () => {
  const corpus = [
    "' OR '1'='1",
    "'; DROP TABLE todo; --",
    '"; DELETE FROM todo; --',
    '1); DELETE FROM todo; --',
    "x' UNION SELECT sql FROM sqlite_master --",
    '`todo`',
    '[todo]',
    'id = id',
    '1 OR 1=1',
    '?',
    ':id',
    '@p1',
    '$1',
    '%',
    '/* */',
    '\\',
    "\\'",
    '\u0000',
    "a\u0000'; DROP TABLE todo; --",
    '\u02BC OR 1=1',
    "char(39)||'",
    '1e999',
    'NULL',
    '-- ',
    "');ATTACH DATABASE 'x' AS y; --",
    "load_extension('x')",
  ];
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(...corpus, "'", '"', ';', '--', '(', ')', ',', ' '),
      fc.string({ maxLength: 5 }),
    ),
    { minLength: 1, maxLength: 6 },
  );
  const hostile = fc.oneof(
    fc.constantFrom(...corpus),
    pieces.map((parts) => parts.join('')),
  );
  const schema =
    "CREATE TABLE todo(id TEXT PRIMARY KEY NOT NULL, title TEXT); INSERT INTO todo VALUES ('keep', 'kept');";

  it('as values and keys, they do what bound parameters do', async () => {
    db = openWriteFixture(schema);
    const reference = new Database(':memory:');
    reference.exec(schema);
    const all = 'SELECT * FROM todo ORDER BY id';
    const insert = reference.prepare('INSERT INTO todo VALUES (?, ?) ON CONFLICT DO NOTHING');
    const update = reference.prepare('UPDATE todo SET title = ? WHERE id = ?');
    const remove = reference.prepare('DELETE FROM todo WHERE id = ?');
    const wellFormed = hostile.filter((value) => value.isWellFormed() && value !== '');
    await fc.assert(
      fc.asyncProperty(wellFormed, wellFormed, fc.nat(3), async (key, value, kind) => {
        if (kind < 2) {
          insert.run(key, value);
          await db.ask('POST', 'todo', { body: { resource: [{ id: key, title: value }] } });
        } else if (kind === 2) {
          update.run(value, key);
          await db.ask('PATCH', 'todo', { id: key, body: { title: value } });
        } else {
          remove.run(key);
          await db.ask('DELETE', 'todo', { body: { ids: [key] } });
        }
        expect(db.look(all)).toEqual(reference.prepare(all).all());
      }),
      { numRuns: 150, seed: 20_260_731 },
    );
    reference.close();
  });

  it('as names and parameters, they are refused or ignored', async () => {
    db = openWriteFixture(schema);
    const before = db.look('SELECT * FROM todo');
    const names = hostile.filter((value) => !['', 'id', 'title'].includes(value.trim().toLowerCase()));
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const answers = [
          await db.ask('POST', 'todo', { body: { resource: [{ [name]: 'x' }] } }),
          await db.ask('PATCH', 'todo', { id: 'keep', body: { [name]: 'x' } }),
          await db.ask('PATCH', 'todo', { id: 'keep', query: { id_field: name }, body: { title: 'x' } }),
          await db.ask('PATCH', 'todo', {
            id: 'keep',
            query: { fields: name, id_field: 'nope' },
            body: { title: 'x' },
          }),
          await db.ask('DELETE', 'todo', { id: name }),
          await db.ask('DELETE', 'todo', { query: { continue: name, force: name } }),
        ];
        for (const { status, body } of answers) {
          expect(status).toBeGreaterThanOrEqual(400);
          expect(status).toBeLessThan(500);
          expect(body.error.message).not.toMatch(/syntax error|no such column|SQLITE/);
        }
        expect(db.look('SELECT * FROM todo')).toEqual(before);
      }),
      { numRuns: 100, seed: 20_260_731 },
    );
  });

  it('meets any JSON body with a success or a refusal of the caller', async () => {
    db = openWriteFixture(goldenSql());
    const actions = fc.constantFrom('POST' as const, 'PUT' as const, 'PATCH' as const, 'DELETE' as const);
    const record = fc.dictionary(
      fc.constantFrom('id', 'title', 'done', 'priority', 'due', 'price', 'x'),
      fc.jsonValue(),
    );
    const parameters = fc.dictionary(
      fc.constantFrom(
        'ids',
        'filter',
        'where',
        'fields',
        'related',
        'continue',
        'rollback',
        'id_field',
        'params',
      ),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const body = fc.oneof(
      fc.jsonValue(),
      record,
      fc
        .tuple(parameters, fc.array(record, { maxLength: 3 }))
        .map(([given, resource]) => ({ ...given, resource })),
    );
    await fc.assert(
      fc.asyncProperty(
        actions,
        fc.option(fc.constantFrom('1', '2', 'x'), { nil: undefined }),
        body,
        async (action, id, value) => {
          const answer = await db.ask(action, 'todo', { ...(id === undefined ? {} : { id }), body: value });
          expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
        },
      ),
      { numRuns: 600 },
    );
  });
});

describe('many writers', () => {
  it('stand in line: single statements, batches and transactions side by side', async () => {
    db = openWriteFixture(goldenSql());
    const one = (title: string) => ({ body: { resource: [{ title }] } });
    const many = (title: string) => ({ body: { resource: [{ title }, { title }, { title }] } });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => {
        if (n % 5 === 0)
          return db.ask('POST', 'todo', { query: { rollback: 'true' }, body: [{ title: 'undone' }, {}] });
        if (n % 5 === 1) return db.ask('POST', 'todo', { query: { fields: '*' }, ...many(`t${n}`) });
        return db.ask('POST', 'todo', one(`t${n}`));
      }),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(40);
    const ids = answers.flatMap(({ body }) =>
      (body.resource ?? []).map((record: { id: number }) => record.id),
    );
    expect(new Set(ids).size).toBe(30 + 3 * 10);
    expect(db.look("SELECT count(*) AS n FROM todo WHERE title LIKE 't%'")[0].n).toBe(60);
    expect(db.look("SELECT * FROM todo WHERE title = 'undone'")).toEqual([]);
  });

  it('do not lose an update: each sees what the one before it wrote', async () => {
    db = openWriteFixture(goldenSql());
    const patch = (n: number) =>
      db.ask('PATCH', 'todo', { query: { filter: 'id <= 3', fields: 'id,priority' }, body: { priority: n } });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => patch(n)));
    for (const [n, { body }] of answers.entries()) {
      expect(body.resource.map((record: { priority: number }) => record.priority)).toEqual([n, n, n]);
    }
  });

  it('are told when another process holds the database too long', async () => {
    db = openWriteFixture(goldenSql());
    db.look('SELECT 1');
    const other = new Database(db.path);
    other.exec('BEGIN IMMEDIATE');
    const waiting = db.ask('POST', 'todo', { body: [{ title: 'later' }] });
    other.exec('COMMIT');
    other.close();
    expect(await waiting).toMatchObject({ status: 200 });
  });
});

describe('a table of a million rows', () => {
  it('is written by key', async () => {
    db = openWriteFixture(`
      CREATE TABLE big(id INTEGER PRIMARY KEY, name TEXT NOT NULL, n INTEGER);
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000000)
      INSERT INTO big SELECT i, 'row ' || i, i % 10 FROM c;
    `);
    expect((await db.ask('POST', 'big', { body: [{ name: 'next' }] })).body).toEqual({
      resource: [{ id: 1_000_001 }],
    });
    const changed = await db.ask('PATCH', 'big', {
      query: { ids: '1,500000,1000000', fields: '*' },
      body: { n: -1 },
    });
    expect(changed.body.resource).toEqual(
      [1, 500_000, 1_000_000].map((id) => ({ id, name: `row ${id}`, n: -1 })),
    );
    expect((await db.ask('DELETE', 'big', { id: '999999' })).body).toEqual({ id: 999_999 });
    const tooMany = await db.ask('DELETE', 'big', { query: { filter: 'n = 5' } });
    expect(tooMany.status).toBe(400);
    expect(db.look('SELECT count(*) AS n FROM big')[0].n).toBe(1_000_000);
  }, 60_000);
});
