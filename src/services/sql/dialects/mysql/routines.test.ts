import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import type { Action } from '../../../../core/operation.ts';
import { dispatcherOf, operationOf } from '../../suite/path-fixture.ts';
import { mariadb } from './index.ts';

describe.runIf(canTest('mysql'))('procedures and functions', () => {
  let place: TestDatabase;
  let other: TestDatabase;
  let ask: (action: Action, path: string, body?: unknown) => Promise<{ status: number; text: string }>;
  let close: () => Promise<void>;

  beforeAll(async () => {
    place = await testDatabase('mysql');
    other = await testDatabase('mysql');
    await other.execute('CREATE PROCEDURE far() SELECT 1 AS one');
    await place.execute(
      `
      CREATE TABLE t(id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20), price DECIMAL(30,10), big BIGINT UNSIGNED,
        done BOOLEAN, at DATETIME(3), data JSON, f FLOAT, b BLOB, bits BIT(9));
      INSERT INTO t(name, price, big, done, at, data, f, b, bits) VALUES
        ('a', '12345678901234567890.1234567891', 18446744073709551615, true, '2026-01-31 09:30:00.250',
          '{"x":[1]}', 0.1, x'00ff', 257), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
      CREATE FUNCTION plus(a INT, b INT) RETURNS INT DETERMINISTIC RETURN a + b;
      CREATE FUNCTION is_big(n BIGINT UNSIGNED) RETURNS BOOLEAN DETERMINISTIC RETURN n > 10;
      CREATE FUNCTION exact(n DECIMAL(30,10)) RETURNS DECIMAL(30,10) DETERMINISTIC RETURN n;
      CREATE FUNCTION spot(x DOUBLE) RETURNS POINT DETERMINISTIC RETURN POINT(x, 1);
      CREATE PROCEDURE everything() SELECT * FROM t ORDER BY id;
      CREATE PROCEDURE two_sets(IN least INT) BEGIN SELECT id FROM t WHERE id >= least; SELECT 'x' AS v; END;
      CREATE PROCEDURE nothing() COMMENT 'does nothing' BEGIN END;
      CREATE PROCEDURE counted(IN who VARCHAR(20), OUT n INT, INOUT total DECIMAL(40,20), OUT is_done BOOLEAN)
        BEGIN SELECT count(*) INTO n FROM t WHERE name = who; SET total = total + 1; SET is_done = n > 0; END;
      CREATE PROCEDURE both_ways(INOUT d DATETIME, OUT at_place POINT)
        BEGIN SELECT id FROM t; SET d = d + INTERVAL 1 DAY; SET at_place = POINT(1, 2); END;
      CREATE PROCEDURE dirty() BEGIN SET @left = 1; SET sql_mode = ''; CREATE TEMPORARY TABLE tmp(a INT);
        START TRANSACTION; INSERT INTO t(name) VALUES ('unfinished'); END;
      CREATE PROCEDURE traces() SELECT @left AS v, @@sql_mode <> '' AS strict;
      CREATE PROCEDURE added(IN who VARCHAR(20)) INSERT INTO t(name) VALUES (who);
      CREATE PROCEDURE refusing() SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not on Sundays';`,
    );
    const { host, port, user: username, password, database } = place;
    const service = mariadb.create({
      ...{ id: 8, name: 'hr', label: 'hr' },
      config: { host, port, username, password, database, schema: other.database, max_connections: 1 },
    });
    const dispatcher = dispatcherOf([service], [], undefined);
    ask = async (action, path, body) => {
      const operation = operationOf(action, `/api/v2/hr/${path}`, { body });
      const result = await dispatcher.dispatch(operation);
      return { status: result.status, text: result.body?.text ?? '' };
    };
    close = async () => service.close?.();
  });
  afterAll(async () => {
    await close();
    await place.drop();
    await other.drop();
  });

  const answer = async (action: Action, path: string, body?: unknown) => {
    const { status, text } = await ask(action, path, body);
    expect(status, text).toBe(200);
    return text;
  };

  test('are listed, those of other databases by both names', async () => {
    const { resource } = JSON.parse(await answer('GET', '_proc')) as { resource: { name: string }[] };
    expect(resource.map(({ name }) => name)).toEqual(
      ['added', 'both_ways', 'counted', 'dirty', 'everything', 'nothing', 'refusing', 'traces', 'two_sets']
        .concat(`${other.database}.far`)
        .toSorted(),
    );
    const functions = JSON.parse(await answer('GET', '_func?ids=plus')) as { resource: unknown[] };
    expect(functions.resource[0]).toMatchObject({ name: 'plus', return_type: 'int(11)' });
  });

  test.each([
    ['_func/plus?a=2&b=40', '42'],
    ['_func/is_big?n=18446744073709551615', 'true'],
    ['_func/exact?n=12345678901234567890.1234567891', '12345678901234567890.1234567891'],
    ['_func/spot?x=2.5', '"POINT(2.5 1)"'],
    ['_proc/nothing', '[]'],
    ['_proc/two_sets?least=2', '[[{"id":2}],[{"v":"x"}]]'],
    ['_proc/counted?who=a&total=1.5', '{"n":1,"total":2.5,"is_done":true}'],
  ])('GET %s answers %s', async (path, expected) => {
    expect(await answer('GET', path)).toBe(expected);
  });

  test('a function of null', async () => {
    expect(
      await answer('POST', '_func/plus', {
        params: [
          { name: 'a', value: null },
          { name: 'b', value: 1 },
        ],
      }),
    ).toBe('null');
  });

  test('of other databases are called by both names', async () => {
    expect(await answer('GET', `_proc/${other.database}.far`)).toBe('[{"one":1}]');
  });

  test('rows have the values that fields of their types have', async () => {
    expect(await answer('POST', '_proc/everything')).toBe(
      '[{"id":1,"name":"a","price":12345678901234567890.1234567891,"big":18446744073709551615,"done":true,' +
        '"at":"2026-01-31 09:30:00.25","data":{"x":[1]},"f":0.1,"b":"AP8=","bits":257},' +
        '{"id":2,"name":null,"price":null,"big":null,"done":null,"at":null,"data":null,"f":null,"b":null,' +
        '"bits":null}]',
    );
  });

  test('rows and values that go out come together', async () => {
    const text = await answer('POST', '_proc/both_ways', {
      params: [{ name: 'd', value: '2026-01-31 10:00:00' }],
    });
    expect(JSON.parse(text)).toEqual({
      resource: [{ id: 1 }, { id: 2 }],
      d: '2026-02-01 10:00:00',
      at_place: 'POINT(1 2)',
    });
  });

  test.each([
    ['_func/plus?a=x&b=1', /'a'/],
    ['_func/plus?a=1.5&b=1', /'a'/],
    ['_func/plus?a=2147483648&b=1', /'a'/],
    ['_proc/both_ways?d=yesterday', /'d'/],
    ['_proc/counted?who=123456789012345678901&total=1', /./],
  ])('GET %s is refused by its parameter', async (path, words) => {
    const { status, text } = await ask('GET', path);
    expect(status, text).toBe(400);
    expect(text).toMatch(words);
  });

  test("the author's own refusal is told in its words", async () => {
    const { status, text } = await ask('POST', '_proc/refusing');
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).toContain('not on Sundays');
  });

  test('what one leaves in its session is gone for the next caller', async () => {
    for (let round = 0; round < 2; round++) expect(await answer('POST', '_proc/dirty')).toBe('[]');
    expect(await answer('GET', '_proc/traces')).toBe('[{"v":null,"strict":1}]');
    const rows = JSON.parse(await answer('GET', '_table/t?filter=name=unfinished')) as {
      resource: unknown[];
    };
    expect(rows.resource).toEqual([]);
  });
});
