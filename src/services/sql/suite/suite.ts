// The conformance suite of SQL engines: the same scenarios over the same tables and records, through the
// whole path. Each engine's test calls it with a live database.
// Invariant: no scenario knows which engine it runs on.

import { describe, expect, test } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import { arbitraryFilter } from '../../../query/filter-fixture.ts';
import { compileWhere } from '../../../query/match.ts';
import { aggregateSuite } from './aggregate-suite.ts';
import { bulkSuite } from './bulk-suite.ts';
import { fieldRuleSuite } from './field-rule-suite.ts';
import { keySuite } from './key-suite.ts';
import { outboxSuite } from './outbox-suite.ts';
import { recorded } from './read-fixture.ts';
import { relationSuite } from './relation-suite.ts';
import { restrictionSuite } from './restriction-suite.ts';
import { type EngineUnderTest, openSuiteHouse, sampleSql, shared } from './suite-fixture.ts';
import { typeSuite } from './type-suite.ts';
import { writeSuite } from './write-suite.ts';

/** Defines the tests of an engine. */
export function sqlEngineSuite(engine: EngineUnderTest): void {
  describe(`${engine.name} as a SQL engine`, () => {
    readingSuite(engine);
    writeSuite(engine);
    filterSuite(engine);
    nameSuite(engine);
    keySuite(engine);
    bulkSuite(engine);
    relationSuite(engine);
    aggregateSuite(engine);
    restrictionSuite(engine);
    fieldRuleSuite(engine);
    schemaSuite(engine);
    outboxSuite(engine);
    typeSuite(engine);
  });
}

// Answers about the schema hold the engine's own words; a malformed number and quotes of CONTAINS are refused
// or read otherwise on all engines, as golden.test.ts says; without an order each has its own.
const notReplayed = /^(?:030|032|053)-|_schema/;

function readingSuite(engine: EngineUnderTest): void {
  describe('reading the sample data', () => {
    const house = shared(() => openSuiteHouse(engine, sampleSql(engine)));
    const cases = recorded().filter(({ id, request: { method, path } }) => {
      const number = Number(id.slice(0, 3));
      const isRead = method === 'GET' && path.startsWith('/api/v2/hr/_table/');
      const isOfReading = (number >= 11 && number <= 53) || number === 94 || (number >= 103 && number <= 106);
      return isRead && isOfReading && !notReplayed.test(id) && !/_schema/.test(path);
    });

    test('has recorded cases', () => expect(cases.length).toBeGreaterThan(14));

    test.each(cases.map((entry) => [entry.id, entry] as const))('%s', async (_id, { request, response }) => {
      const answer = await house().ask('GET', request.path.replace('/api/v2/hr/', ''));
      expect({ status: answer.status, body: answer.body }).toEqual({
        status: response.status,
        body: response.body,
      });
    });

    test('sorts nulls first, and where it is told to', async () => {
      const titles = async (order: string) => {
        const { body } = await house().ask('GET', `_table/todo?fields=id,due&order=${order}`);
        return body.resource.map((row: { due: string | null }) => row.due === null);
      };
      expect((await titles('due,id'))[0]).toBe(true);
      expect((await titles('due desc,id')).at(-1)).toBe(true);
      expect((await titles('due nulls last,id')).at(-1)).toBe(true);
      expect((await titles('due desc nulls first,id'))[0]).toBe(true);
    });

    test('related records of both directions, with limits for each parent', async () => {
      const path =
        '_table/departments?fields=dept_no&order=dept_no&limit=3' +
        '&related=dept_emp_by_dept_no,employees_by_dept_emp&dept_emp_by_dept_no.limit=2' +
        '&dept_emp_by_dept_no.order=id desc' +
        '&employees_by_dept_emp.limit=1&employees_by_dept_emp.fields=emp_no';
      const { status, body } = await house().ask('GET', path);
      expect(status).toBe(200);
      for (const row of body.resource) {
        expect(row.dept_emp_by_dept_no).toHaveLength(2);
        expect(row.dept_emp_by_dept_no[0].id).toBeGreaterThan(row.dept_emp_by_dept_no[1].id);
        expect(Object.keys(row.employees_by_dept_emp[0])).toEqual(['emp_no']);
      }
    });

    test('forty reads at the same time', async () => {
      const asked = Array.from({ length: 40 }, (_unused, index) =>
        house().ask('GET', `_table/employees/${10_001 + index}`),
      );
      const numbers = (await Promise.all(asked)).map(({ body }) => body.emp_no);
      expect(numbers).toEqual(numbers.map((_number, index) => 10_001 + index));
    });

    test('what does not fit a number finds nothing, or everything, and is no failure', async () => {
      const count = async (filter: string) =>
        (await house().ask('GET', `_table/todo?count_only=true&filter=${encodeURIComponent(filter)}`)).body;
      expect(await count('priority = 99999999999')).toBe(0);
      expect(await count('priority < 99999999999 or priority is null')).toBe(3);
      expect(await count('id in (1, 9223372036854775807)')).toBe(1);
      expect((await house().ask('GET', '_table/todo/99999999999999')).status).toBe(404);
      expect((await house().ask('GET', '_table/todo/x')).status).toBe(404);
    });
  });
}

const texts = [
  '',
  'a',
  'A',
  'ab',
  'a%b',
  'a_b',
  'a\\b',
  "it's",
  '"q"',
  'ä',
  'x y',
  'null',
  '100%',
  '\\',
  '%',
  '_',
];
const numbers = [-2, -1, 0, 1, 2, 3, 1000];

function filterSuite(engine: EngineUnderTest): void {
  describe('filters', () => {
    const house = shared(async () => {
      const opened = await openSuiteHouse(engine, 'CREATE TABLE t(id {id}, name VARCHAR(40), n INTEGER);');
      const resource = [...texts, null].flatMap((name, i) =>
        [...numbers, null].map((n, j) => ({ name, n: (i + j) % 7 === 0 ? null : n })),
      );
      const { status } = await opened.ask('POST', '_table/t', { body: { resource } });
      expect(status).toBe(200);
      return opened;
    });

    test('find what the same condition finds in memory', async () => {
      const all = (await house().ask('GET', '_table/t')).body.resource as { id: number }[];
      // Whether `=` tells upper from lower case, and sorts them apart, is the collation's matter.
      const filter = arbitraryFilter({
        name: fc.constantFrom(...texts.filter((text) => !/[aA]/.test(text) || text === 'a_b')),
        n: fc.constantFrom(...numbers).map(String),
      });
      const isOrdered = (where: unknown) =>
        /"between","field":"name"|"field":"name","op":"[<>]/.test(JSON.stringify(where));
      await fc.assert(
        fc.asyncProperty(filter, async ({ text, where }) => {
          fc.pre(!isOrdered(where));
          const matches = compileWhere(where);
          const expected = all.filter((row) => matches(row) === true).map(({ id }) => id);
          const { status, body } = await house().ask('GET', '_table/t', {
            parameters: { filter: text, fields: 'id', order: 'id' },
          });
          expect(status, `${text}: ${JSON.stringify(body)}`).toBe(200);
          expect(
            body.resource.map((row: { id: number }) => row.id),
            text,
          ).toEqual(expected);
        }),
        { numRuns: 60 },
      );
    });

    test('texts with signs of patterns, quotes and backslashes are found as they are', async () => {
      for (const text of texts) {
        const found = await house().ask('GET', '_table/t', {
          parameters: { filter: 'name contains :x', params: { x: text }, fields: 'name', group: 'name' },
        });
        const names = found.body.resource.map((row: { name: string }) => row.name.toLowerCase());
        const expected = texts.filter((each) => each.toLowerCase().includes(text.toLowerCase()));
        expect(new Set(names), text).toEqual(new Set(expected.map((each) => each.toLowerCase())));
      }
    });
  });
}

function nameSuite(engine: EngineUnderTest): void {
  describe('names that SQL has other uses for', () => {
    const house = shared(() =>
      openSuiteHouse(
        engine,
        `CREATE TABLE "order"("select" {id}, "group by" VARCHAR(20), "x.y" INTEGER, "it's" INTEGER,
          "a""b" INTEGER, "Über" INTEGER);`,
      ),
    );

    test('are read, written, filtered, sorted and grouped by', async () => {
      const record = { 'group by': 'one', 'x.y': 1, "it's": 2, 'a"b': 3, Über: 4 };
      const made = await house().ask('POST', '_table/order?fields=*', { body: { resource: [record] } });
      expect(made.body.resource).toEqual([{ select: 1, ...record }]);
      const parameters = {
        filter: '(`x.y` = 1) and (`a"b` = 3) and (`it\'s` = 2) and (Über = 4)',
        order: '`x.y` desc',
      };
      const found = await house().ask('GET', '_table/order', { parameters });
      expect(found.body.resource).toEqual([{ select: 1, ...record }]);
      const changed = await house().ask('PATCH', '_table/order/1?fields=*', { body: { 'a"b': 5 } });
      expect(changed.body['a"b']).toBe(5);
      const grouped = await house().ask('GET', '_table/order', {
        parameters: { fields: 'x.y', group: 'x.y' },
      });
      expect(grouped.body.resource).toEqual([{ 'x.y': 1 }]);
    });
  });
}

function schemaSuite(engine: EngineUnderTest): void {
  describe('the schema', () => {
    const house = shared(() => openSuiteHouse(engine, sampleSql(engine)));

    test('has tables, keys and relations', async () => {
      const names = (await house().ask('GET', '_table?as_list=true')).body.resource;
      expect(names).toEqual(['departments', 'dept_emp', 'employees', 'todo']);
      const { body } = await house().ask('GET', '_schema/dept_emp');
      expect(body.primary_key).toEqual(['id']);
      const field = (name: string) => body.field.find((each: { name: string }) => each.name === name);
      expect(field('id')).toMatchObject({ type: 'id', auto_increment: true, required: false });
      expect(field('emp_no')).toMatchObject({
        type: 'reference',
        ref_table: 'employees',
        ref_field: 'emp_no',
        required: true,
      });
      expect(field('dept_no')).toMatchObject({ type: 'string', length: 4, fixed_length: true });
      expect(field('from_date')).toMatchObject({ type: 'date', allow_null: false });
      const relations = body.related.map((each: { name: string }) => each.name);
      expect(relations).toEqual(['departments_by_dept_no', 'employees_by_emp_no']);
      const todo = (await house().ask('GET', '_schema/todo')).body.field;
      expect(todo.map((each: { type: string }) => each.type)).toEqual([
        ...['id', 'string', 'boolean', 'integer', 'date', 'decimal'],
        expect.stringMatching(/^(?:timestamp|datetime)/),
      ]);
      expect(todo[2].default).toBe(false);
      expect(todo[5]).toMatchObject({ precision: 10, scale: 2 });
    });

    test('changes are seen after a refresh, new tables by their name', async () => {
      await house().database.execute(inOwnWords(engine, 'CREATE TABLE fresh(id {id}, v INTEGER);'));
      expect((await house().ask('GET', '_table/fresh')).body.resource).toEqual([]);
      await house().database.execute('ALTER TABLE fresh ADD COLUMN w INTEGER;');
      await house().ask('GET', '_schema?refresh=true');
      const made = await house().ask('POST', '_table/fresh?fields=*', {
        body: { resource: [{ v: 1, w: 2 }] },
      });
      expect(made.body.resource).toEqual([{ id: 1, v: 1, w: 2 }]);
      await house().database.execute('DROP TABLE fresh;');
      expect((await house().ask('GET', '_table/fresh')).status).toBeGreaterThanOrEqual(400);
    });
  });
}

function inOwnWords(engine: EngineUnderTest, sql: string): string {
  return sql.replace('{id}', engine.words.id);
}
