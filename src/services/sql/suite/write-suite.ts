// The part of the conformance suite about writing.
import { describe, expect, test } from 'vitest';
import { type EngineUnderTest, openSuiteHouse, sampleSql, shared } from './suite-fixture.ts';

/** Defines the tests of writing with an engine. */
export function writeSuite(engine: EngineUnderTest): void {
  writingSuite(engine);
  batchSuite(engine);
  refusalSuite(engine);
}

function writingSuite(engine: EngineUnderTest): void {
  describe('writing', () => {
    const house = shared(() => openSuiteHouse(engine, sampleSql(engine)));

    test('gives generated keys, one and many, and answers fields', async () => {
      const one = await house().ask('POST', '_table/todo', { body: { resource: [{ title: 'a' }] } });
      expect(one).toMatchObject({ status: 200, body: { resource: [{ id: 4 }] } });
      const many = await house().ask('POST', '_table/todo?fields=id,title,done,price', {
        body: { resource: [{ title: 'b', done: true, price: 1.5 }, { title: 'ü€😀' }] },
      });
      expect(many.body.resource).toEqual([
        { id: 5, title: 'b', done: true, price: 1.5 },
        { id: 6, title: 'ü€😀', done: false, price: null },
      ]);
    });

    test('changes, replaces and deletes by identifier, list and filter', async () => {
      expect(await house().ask('PATCH', '_table/todo/1', { body: { title: 'x' } })).toMatchObject({
        status: 200,
        body: { id: 1 },
      });
      expect((await house().ask('PATCH', '_table/todo/1', { body: { title: 'x' } })).status).toBe(200);
      const two = await house().ask('PUT', '_table/todo?ids=1,2', { body: { priority: 9 } });
      expect(two.body).toEqual({ resource: [{ id: 1 }, { id: 2 }] });
      const found = await house().ask('PATCH', '_table/todo?filter=priority=9&fields=id,priority', {
        body: { resource: [{ priority: 8 }] },
      });
      expect(found.body.resource).toEqual([
        { id: 1, priority: 8 },
        { id: 2, priority: 8 },
      ]);
      expect((await house().ask('DELETE', '_table/todo/2?fields=*')).body.priority).toBe(8);
      expect((await house().ask('GET', '_table/todo/2')).status).toBe(404);
      expect((await house().ask('DELETE', '_table/todo?filter=id=1')).body).toEqual({
        resource: [{ id: 1 }],
      });
      expect((await house().ask('DELETE', '_table/todo/77')).status).toBe(404);
    });
  });
}

function batchSuite(engine: EngineUnderTest): void {
  describe('batches', () => {
    const house = shared(() => openSuiteHouse(engine, sampleSql(engine)));
    const rows = [
      { dept_no: 'x001', dept_name: 'One' },
      { dept_no: 'd001', dept_name: 'Twice' },
      { dept_no: 'x002', dept_name: 'Two' },
    ];
    const counted = async (like: string) =>
      (await house().ask('GET', `_table/departments?count_only=true&filter=dept_no starts with ${like}`))
        .body;

    test('a batch stops at the first refusal and keeps what was before', async () => {
      const { status, body } = await house().ask('POST', '_table/departments', { body: { resource: rows } });
      expect(status).toBe(400);
      expect(body.error).toMatchObject({ code: 1000, context: { error: [1] } });
      expect(await counted('x')).toBe(1);
      await house().ask('DELETE', '_table/departments/x001');
    });

    test('continues when it is told to', async () => {
      const path = '_table/departments?continue=true';
      const { status, body } = await house().ask('POST', path, { body: { resource: rows } });
      expect(status).toBe(400);
      expect(body.error.context.error).toEqual([1]);
      expect(body.error.context.resource[2]).toEqual({ dept_no: 'x002' });
      expect(await counted('x')).toBe(2);
      await house().ask('DELETE', '_table/departments?ids=x001,x002');
    });

    test('rolls everything back when it is told to', async () => {
      const path = '_table/departments?rollback=true';
      const { status, body } = await house().ask('POST', path, { body: { resource: rows } });
      expect(status).toBe(400);
      expect(body.error.message).toMatch(/All changes rolled back/);
      expect(await counted('x')).toBe(0);
    });
  });
}

function refusalSuite(engine: EngineUnderTest): void {
  describe('refusals', () => {
    const house = shared(() => openSuiteHouse(engine, sampleSql(engine)));

    test('refusals say the field, in the same words on every engine', async () => {
      const post = async (table: string, record: unknown) => {
        const { status, body } = await house().ask('POST', `_table/${table}`, {
          body: { resource: [record] },
        });
        return [status, body.error?.context?.resource?.[0]?.message ?? body.error?.message];
      };
      expect(await post('departments', { dept_no: 'd001', dept_name: 'New' })).toEqual([
        expect.any(Number),
        "A record with the same value of 'dept_no' exists already.",
      ]);
      expect(await post('departments', { dept_no: 'x9', dept_name: 'Sales' })).toEqual([
        expect.any(Number),
        "A record with the same value of 'dept_name' exists already.",
      ]);
      expect(await post('departments', { dept_no: 'x9' })).toEqual([
        400,
        "Required field 'dept_name' can not be NULL.",
      ]);
      expect((await post('dept_emp', { emp_no: 5, dept_no: 'd001', from_date: '2020-01-01' }))[1]).toMatch(
        /'emp_no' must be a key of 'employees'/,
      );
      expect((await post('todo', { title: 'a', priority: 'many' }))[1]).toMatch(/'priority'/);
      expect((await post('todo', { title: 'a', due: '2020-02-30' }))[1]).toMatch(/'due'/);
      const long = await post('departments', { dept_no: 'x8', dept_name: 'y'.repeat(41) });
      expect(long[0]).toBe(engine.keepsLongText ? 200 : 400);
      if (!engine.keepsLongText) expect(long[1]).toMatch(/'dept_name' can not be longer than 40/);
      const referenced = await house().ask('DELETE', '_table/departments/d001');
      expect(referenced.body.error.message).toMatch(/still referenced/);
    });

    test('fifty writers at the same time lose nothing', async () => {
      const before = (await house().ask('GET', '_table/todo?count_only=true')).body;
      const asked = Array.from({ length: 50 }, (_unused, index) =>
        house().ask('POST', '_table/todo', {
          body: { resource: [{ title: `w${index}` }, { title: `v${index}` }] },
        }),
      );
      const answers = await Promise.all(asked);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      const ids = answers.flatMap(({ body }) => body.resource.map((row: { id: number }) => row.id));
      expect(new Set(ids).size).toBe(100);
      expect((await house().ask('GET', '_table/todo?count_only=true')).body).toBe(before + 100);
    });
  });
}
