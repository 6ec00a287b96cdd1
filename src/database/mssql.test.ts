import { afterEach, describe, expect, test } from 'vitest';
import { DatabaseError } from './connection.ts';
import { MssqlDatabase, type MssqlOptions } from './mssql.ts';
import type { MssqlLogin } from './mssql-connection.ts';
import { startTdsServer, type TdsAnswer, type TdsRequest, type TdsServer } from './tds-fixture.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface House {
  readonly server: TdsServer;
  readonly database: MssqlDatabase;
}

async function open(
  answer: (request: TdsRequest) => TdsAnswer,
  { login = {}, ...more }: Partial<Omit<MssqlOptions, 'login'>> & { login?: Partial<MssqlLogin> } = {},
): Promise<House> {
  const server = await startTdsServer(answer);
  closers.push(() => server.close());
  const database = new MssqlDatabase({
    login: {
      host: '127.0.0.1',
      port: server.port,
      instance: undefined,
      database: 'shop',
      user: 'sa',
      password: 'secret',
      domain: undefined,
      encrypt: 'off',
      trustServerCertificate: true,
      ca: undefined,
      serverName: undefined,
      appName: 'tenon',
      connectMs: 1_500,
      ...login,
    },
    maxConnections: 2,
    statementMs: 5_000,
    ...more,
  });
  closers.push(() => database.close());
  return { server, database };
}

const name = { name: 'name', type: 'nvarchar' } as const;
const sqlOf = ({ requests }: TdsServer) => requests.map(({ sql }) => sql);

async function failureOf(doing: Promise<unknown>): Promise<DatabaseError> {
  const error = await doing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  return error as DatabaseError;
}

describe('statements', () => {
  test('bring rows with values of every kind', async () => {
    const columns = [
      name,
      { name: 'big', type: 'bigint' },
      { name: 'small', type: 'int' },
      { name: 'yes', type: 'bit' },
      { name: 'part', type: 'float' },
      { name: 'bytes', type: 'varbinary' },
    ] as const;
    const rows = [
      ['ü€😀', 9_223_372_036_854_775_807n, -5, true, 1.5, new Uint8Array([0, 255])],
      [null, null, null, null, null, null],
    ];
    const { database } = await open(() => ({ sets: [{ columns, rows }] }));
    const [first, second] = await database.rows({ sql: 'SELECT 1' }, []);
    expect(first).toEqual({
      name: 'ü€😀',
      big: '9223372036854775807',
      small: -5,
      yes: true,
      part: 1.5,
      bytes: Buffer.from([0, 255]),
    });
    expect(Object.values(second ?? {})).toEqual([null, null, null, null, null, null]);
    expect(await database.column({ sql: 'SELECT 2' }, [])).toEqual(['ü€😀', null]);
  });

  test('bind values by their kind, never in the text', async () => {
    const { database, server } = await open(() => ({ changes: 1 }));
    const long = 'x'.repeat(5_000);
    const values = ["it's", long, 7, 2 ** 40, 2n ** 62n, 1.25, null, new Uint8Array([1, 2])];
    const marks = values.map((_value, index) => `@${index + 1}`).join();
    expect(await database.run({ sql: `INSERT INTO t VALUES (${marks})` }, values)).toEqual({
      changes: 1,
      lastId: undefined,
    });
    const [request] = server.requests;
    expect(request?.kind).toBe('execute');
    expect(request?.sql).toBe(`INSERT INTO t VALUES (${marks})`);
    expect(request?.values).toEqual([
      "it's",
      long,
      7,
      BigInt(2 ** 40),
      2n ** 62n,
      1.25,
      null,
      new Uint8Array([1, 2]),
    ]);
  });

  test('one after the other on one connection, side by side on two', async () => {
    const { database, server } = await open(({ values }) => ({
      sets: [{ columns: [name], rows: [[`${values[0]}`]] }],
    }));
    const asked = Array.from({ length: 20 }, (_each, n) => database.rows({ sql: 'SELECT @1' }, [n]));
    const answers = await Promise.all(asked);
    expect(answers.map(([row]) => row?.name)).toEqual(asked.map((_asked, n) => String(n)));
    expect(server.connections).toBe(2);
  });
});

describe('transactions', () => {
  test('commit what is done and roll back what throws', async () => {
    const { database, server } = await open(() => ({ changes: 1 }));
    const outcome = await database.transaction((session) => session.run({ sql: 'UPDATE a' }, []));
    expect(outcome.changes).toBe(1);
    await expect(
      database.transaction(async (session) => {
        await session.run({ sql: 'UPDATE b' }, []);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(sqlOf(server)).toEqual([
      ...['BEGIN TRANSACTION', 'UPDATE a', 'COMMIT TRANSACTION'],
      ...['BEGIN TRANSACTION', 'UPDATE b', 'IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION'],
    ]);
  });

  test('undo a savepoint alone', async () => {
    const { database, server } = await open(({ sql }) =>
      sql === 'INSERT bad'
        ? { error: { number: 515, message: "Cannot insert NULL into column 'a', table 't'" } }
        : {},
    );
    await database.transaction(async (session) => {
      const refused = await failureOf(
        Promise.resolve(session.savepoint(async () => void (await session.run({ sql: 'INSERT bad' }, [])))),
      );
      expect([refused.failure, refused.field]).toEqual(['not_null', 'a']);
      await session.savepoint(async () => void (await session.run({ sql: 'INSERT good' }, [])));
    });
    expect(sqlOf(server).map((sql) => sql.slice(0, 50))).toEqual([
      'BEGIN TRANSACTION',
      'SAVE TRANSACTION tenon_1',
      'INSERT bad',
      'IF XACT_STATE() = 1 ROLLBACK TRANSACTION tenon_1; ',
      'SAVE TRANSACTION tenon_2',
      'INSERT good',
      'COMMIT TRANSACTION',
    ]);
  });

  test('a session that was kept says nothing afterwards', async () => {
    const { database } = await open(() => ({}));
    const kept = await database.transaction((session) => session);
    const late = async () => kept.rows({ sql: 'SELECT 1' }, []);
    expect((await failureOf(late())).message).toMatch(/ended/);
  });
});

describe('refusals', () => {
  const cases: readonly (readonly [number, string, string, string | undefined])[] = [
    [2627, "Violation of UNIQUE KEY constraint 'UQ_a'. Cannot insert duplicate key", 'unique', 'a, b'],
    [2601, "Cannot insert duplicate key row in object 'dbo.t' with unique index 'UQ_a'.", 'unique', 'a, b'],
    [
      547,
      'The INSERT statement conflicted with the FOREIGN KEY constraint "FK_t".',
      'foreign_key',
      undefined,
    ],
    [547, 'The DELETE statement conflicted with the REFERENCE constraint "FK_t".', 'foreign_key', undefined],
    [547, 'The INSERT statement conflicted with the CHECK constraint "CK_t".', 'check', undefined],
    [2628, "String or binary data would be truncated in table 'd.dbo.t', column 'c'.", 'type', 'c'],
    [8114, 'Error converting data type nvarchar to numeric.', 'type', undefined],
    [229, 'The INSERT permission was denied', 'read_only', undefined],
    [1222, 'Lock request time out period exceeded.', 'busy', undefined],
    [50_001, 'The stock is empty.', 'raised', undefined],
    [102, "Incorrect syntax near 'x'.", 'other', undefined],
  ];

  test.each(cases)('%i: %s', async (number, message, failure, field) => {
    const { database } = await open(() => ({ error: { number, message } }), {
      indexColumns: (index) => (index === 'UQ_a' ? 'a, b' : undefined),
    });
    const error = await failureOf(database.run({ sql: 'INSERT' }, []));
    expect([error.failure, error.field]).toEqual([failure, field]);
    expect((await failureOf(database.rows({ sql: 'SELECT' }, []))).failure).toBe(failure);
  });

  test('the victim of a deadlock tries again', async () => {
    let tries = 0;
    const { database } = await open(() =>
      ++tries < 3 ? { error: { number: 1205, message: 'deadlocked' } } : { changes: 2 },
    );
    expect((await database.run({ sql: 'UPDATE' }, [])).changes).toBe(2);
  });
});

describe('a server that is not there', () => {
  test('refuses at once, also a wrong login, and is used again when it is back', async () => {
    const { database, server } = await open(() => ({ changes: 1 }));
    server.isClosedToLogins = true;
    expect((await failureOf(database.rows({ sql: 'SELECT' }, []))).failure).toBe('unavailable');
    server.isClosedToLogins = false;
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await database.run({ sql: 'UPDATE' }, [])).changes).toBe(1);
  });

  test('fails what is under way when it goes, and nothing after it has come back', async () => {
    const { database, server } = await open(({ sql }) => (sql === 'wait' ? 'silence' : { changes: 1 }));
    await database.run({ sql: 'first' }, []);
    const waiting = failureOf(database.rows({ sql: 'wait' }, []));
    while (!sqlOf(server).includes('wait')) await new Promise((resolve) => setTimeout(resolve, 10));
    server.cut();
    expect((await waiting).failure).toBe('unavailable');
    expect((await database.run({ sql: 'later' }, [])).changes).toBe(1);
  });

  test('that is silent is given up, and its connection with it', async () => {
    const { database } = await open(({ sql }) => (sql === 'wait' ? 'silence' : { changes: 1 }), {
      statementMs: 300,
    });
    expect(['busy', 'unavailable']).toContain((await failureOf(database.rows({ sql: 'wait' }, []))).failure);
    expect((await database.run({ sql: 'later' }, [])).changes).toBe(1);
  });

  test('has no more connections than it may, and nobody waits forever', async () => {
    const { database, server } = await open(() => ({ changes: 1 }), { maxConnections: 1 });
    const done = await Promise.all(Array.from({ length: 10 }, () => database.run({ sql: 'x' }, [])));
    expect(done).toHaveLength(10);
    expect(server.connections).toBe(1);
  });
});

describe('long reads', () => {
  const rows = Array.from({ length: 3_500 }, (_each, n) => [`row ${n}`]);

  test('come in portions and in order', async () => {
    const { database } = await open(() => ({ sets: [{ columns: [name], rows }] }));
    const seen: unknown[] = [];
    let largest = 0;
    for await (const portion of database.stream({ sql: 'SELECT' }, [])) {
      largest = Math.max(largest, portion.length);
      seen.push(...portion.map((row) => row.name));
    }
    expect(seen).toEqual(rows.map(([text]) => text));
    expect(largest).toBeLessThan(3_500);
  });

  test('that end early free their connection, and errors reach who reads', async () => {
    const { database } = await open(({ sql }) =>
      sql === 'bad' ? { error: { number: 102, message: 'no' } } : { sets: [{ columns: [name], rows }] },
    );
    for (let n = 0; n < 6; n++) {
      for await (const portion of database.stream({ sql: 'SELECT' }, [])) {
        expect(portion.length).toBeGreaterThan(0);
        break;
      }
    }
    const all = async () => {
      for await (const portion of database.stream({ sql: 'bad' }, [])) expect(portion).toEqual([]);
    };
    expect((await failureOf(all())).failure).toBe('other');
  });
});

test('procedures give result sets and what goes out', async () => {
  const total = { name: 'total', type: 'nvarchar' } as const;
  const { database, server } = await open(() => ({
    sets: [
      { columns: [name], rows: [['a'], ['b']] },
      { columns: [name], rows: [['c']] },
    ],
    out: [{ column: total, value: '12.50' }],
  }));
  const results = await database.alone((session) =>
    session.call('[dbo].[add up]', [
      { name: 'n', value: 3, isOutput: false, type: 'Int' },
      { name: 'total', value: null, isOutput: true, type: 'NVarChar' },
    ]),
  );
  expect(results.sets).toEqual([[{ name: 'a' }, { name: 'b' }], [{ name: 'c' }]]);
  expect(results.out).toEqual({ total: '12.50' });
  expect(server.requests).toEqual([{ kind: 'call', sql: '[dbo].[add up]', values: [3, null] }]);
});
