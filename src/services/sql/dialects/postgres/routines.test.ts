import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import type { Action } from '../../../../core/operation.ts';
import type { Service } from '../../../../core/service.ts';
import { type CallParts, dispatcherOf, operationOf } from '../../suite/path-fixture.ts';
import { postgres } from './index.ts';

const schema = `
  CREATE SCHEMA other;
  CREATE TYPE pair AS (a int, b numeric(5,2));
  CREATE TABLE todo(id serial PRIMARY KEY, title text, price numeric(10,2));
  INSERT INTO todo(title, price) VALUES ('x', 1.25), ('y', NULL);
  CREATE FUNCTION add(a int, b int DEFAULT 5, c int DEFAULT 0) RETURNS int LANGUAGE sql AS 'SELECT a + b + c';
  CREATE FUNCTION bare(int, text DEFAULT 'd', int DEFAULT 2) RETURNS text LANGUAGE sql AS 'SELECT $1 || $2 || $3';
  CREATE FUNCTION todos(low int) RETURNS SETOF todo LANGUAGE sql
    AS 'SELECT * FROM todo WHERE id >= low ORDER BY id';
  CREATE FUNCTION tab(n int) RETURNS TABLE(i int, big numeric, at timestamptz, list int[]) LANGUAGE sql
    AS 'SELECT g, g::numeric / 3, ''2020-01-01''::timestamptz, ARRAY[g] FROM generate_series(1, n) g';
  CREATE FUNCTION outs(a int, OUT b int, OUT c text, INOUT d numeric) LANGUAGE sql
    AS 'SELECT a + 1, ''c'' || a, d * 2';
  CREATE FUNCTION total(VARIADIC xs int[]) RETURNS bigint LANGUAGE sql AS 'SELECT sum(x) FROM unnest(xs) x';
  CREATE FUNCTION comp() RETURNS pair LANGUAGE sql AS 'SELECT 1, 2.50::numeric(5,2)';
  CREATE FUNCTION nothing() RETURNS void LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION cur() RETURNS refcursor LANGUAGE plpgsql
    AS 'DECLARE c refcursor; BEGIN OPEN c FOR SELECT id, title FROM todo ORDER BY id LIMIT 2; RETURN c; END';
  CREATE FUNCTION words() RETURNS SETOF text LANGUAGE sql AS 'SELECT title FROM todo WHERE id < 3 ORDER BY 1';
  CREATE FUNCTION boom(w text) RETURNS int LANGUAGE plpgsql
    AS 'BEGIN RAISE EXCEPTION ''bad word %'', w; END';
  CREATE FUNCTION same(x anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT x';
  CREATE FUNCTION size(a int) RETURNS text LANGUAGE sql AS 'SELECT ''one''';
  CREATE FUNCTION size(a int, b int) RETURNS text LANGUAGE sql AS 'SELECT ''two''';
  CREATE FUNCTION other.far() RETURNS int LANGUAGE sql AS 'SELECT 9';
  CREATE FUNCTION secret() RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
  CREATE PROCEDURE p_in(a int) LANGUAGE sql AS 'INSERT INTO todo(id) VALUES (a)';
  CREATE PROCEDURE p_io(a int, INOUT b int, INOUT c text DEFAULT 'z') LANGUAGE plpgsql
    AS 'BEGIN b := b + a; c := c || a; END';
  CREATE PROCEDURE p_out(a int, OUT b int) LANGUAGE plpgsql AS 'BEGIN b := a * 2; END';
  CREATE PROCEDURE p_cur(a int, INOUT c refcursor, INOUT n int DEFAULT 3) LANGUAGE plpgsql
    AS 'BEGIN OPEN c FOR SELECT a AS one; n := n + 1; END';
  CREATE PROCEDURE p_commits(a int) LANGUAGE plpgsql
    AS 'BEGIN INSERT INTO todo(id) VALUES (a); COMMIT; INSERT INTO todo(id) VALUES (a + 1); END';`;

describe.runIf(canTest('postgres'))('routines of PostgreSQL', () => {
  let own: TestDatabase;
  let service: Service;

  beforeAll(async () => {
    own = await testDatabase('postgres');
    await own.execute(schema);
    const { host, port, user: username, password, database } = own;
    const config = { host, port, username, password, database };
    service = postgres.create({ id: 1, name: 'hr', label: 'hr', config });
  });

  afterAll(async () => {
    await service.close?.();
    await own.drop();
  });

  async function ask(path: string, parts: CallParts = {}, action: Action = 'GET') {
    const dispatcher = dispatcherOf([service], [], undefined);
    const { status, body } = await dispatcher.dispatch(operationOf(action, `/api/v2/hr/${path}`, parts));
    return { status, text: body?.text ?? '' };
  }

  test('are listed by name, those of other schemas with it', async () => {
    const names = JSON.parse((await ask('_func')).text).resource.map((each: { name: string }) => each.name);
    expect(names).toContain('other.far');
    expect(names).not.toContain('noticed');
    expect(names.filter((name: string) => name === 'size')).toHaveLength(1);
    const procedures = JSON.parse((await ask('_proc')).text).resource;
    expect(procedures.map((each: { name: string }) => each.name)).toEqual([
      ...['p_commits', 'p_cur', 'p_in', 'p_io', 'p_out'],
    ]);
  });

  test('are described with their parameters', async () => {
    const [outs] = JSON.parse((await ask('_func?ids=outs')).text).resource;
    const parameters = outs.params.map(
      ({ name, param_type: mode, type, required }: Record<string, unknown>) =>
        [name, mode, type, required].join(' '),
    );
    expect(parameters).toEqual([
      'a IN integer true',
      'b OUT integer false',
      'c OUT text false',
      'd INOUT decimal true',
    ]);
  });

  test.each([
    ['_func/add?a=1', '6'],
    ['_func/add(1,2)', '3'],
    ['_func/add?a=1&c=7', '13'],
    ['_func/bare(1,z,3)', '"1z3"'],
    ['_func/bare(1)', '"1d2"'],
    ['_func/todos?low=2', '[{"id":2,"title":"y","price":null}]'],
    ['_func/tab?n=1', '[{"i":1,"big":0.33333333333333333333,"at":"2020-01-01T00:00:00Z","list":[1]}]'],
    ['_func/outs?a=1&d=1.5', '{"b":2,"c":"c1","d":3}'],
    ['_func/total?xs=[1,2,3]', '6'],
    ['_func/total', 'null'],
    ['_func/comp', '[{"a":1,"b":2.5}]'],
    ['_func/nothing', 'null'],
    ['_func/cur', '[{"id":1,"title":"x"},{"id":2,"title":"y"}]'],
    ['_func/words', '[{"words":"x"},{"words":"y"}]'],
    ['_func/same?x=5', '"5"'],
    ['_func/size?a=1', '"one"'],
    ['_func/size?a=1&b=2', '"two"'],
    ['_func/other.far', '9'],
    ['_proc/p_in?a=50', '[]'],
    ['_proc/p_io?a=1&b=5', '{"b":6,"c":"z1"}'],
    ['_proc/p_out?a=4', '{"b":8}'],
    ['_proc/p_cur?a=7&c=mine', '{"resource":[{"one":7}],"n":4}'],
    ['_proc/p_commits?a=70', '[]'],
  ])('%s is %s', async (path, expected) => {
    expect(await ask(path)).toEqual({ status: 200, text: expected });
  });

  test('take values of every JSON type', async () => {
    const body = { params: [{ name: 'xs', value: [1, null, 3] }] };
    expect(await ask('_func/total', { body }, 'POST')).toEqual({ status: 200, text: '4' });
  });

  test.each([
    ['_func/add?a=x', 400, /'a' must be a valid integer/],
    ['_func/add?a=9999999999', 400, /'a' must be an integer between/],
    ['_func/add', 400, /needs the parameter 'a'/],
    ['_func/missing', 404, /does not exist/],
    ['_func/boom?w=x', 500, /bad word x/],
    ['_proc/p_in?a=50', 409, /breaks a rule/],
  ])('%s is refused with %i', async (path, status, message) => {
    if (path.includes('p_in')) await ask(path);
    const answer = await ask(path);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(message);
    expect(answer.text).not.toMatch(/duplicate key|SELECT/);
  });

  test('that the user may not call are not there', async () => {
    const user = `r_${own.database}`;
    await own.execute(`CREATE ROLE ${user} LOGIN PASSWORD 'pw'; GRANT USAGE ON SCHEMA public TO ${user};
      REVOKE EXECUTE ON FUNCTION secret() FROM PUBLIC;`);
    const { host, port, database } = own;
    const config = { host, port, database, username: user, password: 'pw' };
    const limited = postgres.create({ id: 2, name: 'hr', label: 'hr', config });
    const operation = operationOf('GET', '/api/v2/hr/_func', {});
    const { body } = await dispatcherOf([limited], [], undefined).dispatch(operation);
    await limited.close?.();
    await own.execute(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
    expect(body?.text).toContain('"add"');
    expect(body?.text).not.toContain('secret');
    expect(body?.text).not.toContain('other.far');
  });
});
