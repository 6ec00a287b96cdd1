import { afterEach, describe, expect, test } from 'vitest';
import { PlatformError } from '../../../core/errors.ts';
import { openReadFixture, type ReadFixture, type ReadFixtureOptions } from '../suite/read-fixture.ts';

const houses: ReadFixture[] = [];
const t = '/api/v2/hr/_table';

function open(options?: ReadFixtureOptions): ReadFixture {
  const house = openReadFixture(options);
  houses.push(house);
  return house;
}

afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

function withRelated(path: string, relation: string, ...options: readonly string[]): string {
  return [`${t}/${path}`, `related=${relation}`, ...options.map((option) => `${relation}.${option}`)].join(
    '&',
  );
}

const library = `
  CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT);
  CREATE TABLE profile(author_id INTEGER UNIQUE REFERENCES author, motto TEXT);
  CREATE TABLE book(isbn TEXT PRIMARY KEY, author INTEGER REFERENCES author, title TEXT);
  CREATE TABLE tag(id INTEGER PRIMARY KEY, "a, b" TEXT);
  CREATE TABLE tagged(book TEXT REFERENCES book, tag INTEGER REFERENCES tag);
  INSERT INTO author VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cy');
  INSERT INTO profile VALUES (1, 'on');
  INSERT INTO book VALUES ('b''1', 1, 'Z'), ('b"2', 1, 'Y'), ('b,3', 2, 'X'), ('b4', NULL, 'W');
  INSERT INTO tag VALUES (1, 'old'), (2, 'new');
  INSERT INTO tagged VALUES ('b''1', 1), ('b''1', 2), ('b,3', 2), ('b,3', 2);`;

describe('the four kinds', () => {
  test('one, or null', async () => {
    const house = open({ sql: library });
    const books = (await house.ask('GET', `${t}/book?fields=isbn&related=author_by_author&order=isbn`)).body
      .resource;
    expect(books).toEqual([
      { isbn: 'b"2', author_by_author: { id: 1, name: 'Ann' } },
      { isbn: "b'1", author_by_author: { id: 1, name: 'Ann' } },
      { isbn: 'b,3', author_by_author: { id: 2, name: 'Bob' } },
      { isbn: 'b4', author_by_author: null },
    ]);
    const authors = (await house.ask('GET', `${t}/author?fields=name&related=profile_by_author_id`)).body
      .resource;
    expect(authors[0]).toEqual({ name: 'Ann', profile_by_author_id: { author_id: 1, motto: 'on' } });
    expect(authors[2]).toEqual({ name: 'Cy', profile_by_author_id: null });
  });

  test('many, or none', async () => {
    const house = open({ sql: library });
    const path = withRelated('author?fields=name', 'book_by_author', 'fields=title', 'order=title');
    expect((await house.ask('GET', path)).body.resource).toEqual([
      { name: 'Ann', book_by_author: [{ title: 'Y' }, { title: 'Z' }] },
      { name: 'Bob', book_by_author: [{ title: 'X' }] },
      { name: 'Cy', book_by_author: [] },
    ]);
  });

  test('many beyond a junction, each once, by text keys and names with commas', async () => {
    const house = open({ sql: library });
    const books = (await house.ask('GET', `${t}/book?fields=title&related=tag_by_tagged&order=title desc`))
      .body.resource;
    expect(books[0]).toEqual({
      title: 'Z',
      tag_by_tagged: [
        { id: 1, 'a, b': 'old' },
        { id: 2, 'a, b': 'new' },
      ],
    });
    expect(books[2]).toEqual({ title: 'X', tag_by_tagged: [{ id: 2, 'a, b': 'new' }] });
    const tags = (await house.ask('GET', `${t}/tag/2?fields=id&related=*`)).body;
    expect(tags.book_by_tagged.map((book: { title: string }) => book.title)).toEqual(['Z', 'X']);
    expect(tags.tagged_by_tag).toHaveLength(3);
  });

  test('by ids as in lists', async () => {
    const { body } = await open({ sql: library }).ask(
      'GET',
      `${t}/author?ids=2,1&fields=name&related=book_by_author&book_by_author.fields=title`,
    );
    expect(body.resource[0]).toEqual({ name: 'Bob', book_by_author: [{ title: 'X' }] });
    expect(body.resource[1].book_by_author).toHaveLength(2);
  });
});

describe('how they are asked for', () => {
  test('as a map, as a script sets it', async () => {
    const house = open();
    const related = {
      dept_emp_by_emp_no: { name: 'dept_emp_by_emp_no', fields: 'id', limit: null, order: null, group: null },
    };
    const { body } = await house.ask('GET', `${t}/employees/10001`, {
      parameters: { fields: 'emp_no', related },
    });
    expect(body).toEqual({ emp_no: 10001, dept_emp_by_emp_no: [{ id: 1 }] });
  });

  test('a limit holds for each parent, in the given order', async () => {
    const house = open();
    const path = withRelated('departments?', 'dept_emp_by_dept_no', 'fields=id', 'limit=2', 'order=id desc');
    const { body } = await house.ask('GET', path);
    const all = await house.ask('GET', `${t}/dept_emp?fields=id,dept_no&order=id desc`);
    for (const { dept_no, dept_emp_by_dept_no: found } of body.resource) {
      const expected = all.body.resource
        .filter((row: { dept_no: string }) => row.dept_no === dept_no)
        .slice(0, 2);
      expect(found).toEqual(expected.map(({ id }: { id: number }) => ({ id })));
    }
    const beyond = withRelated('departments?', 'employees_by_dept_emp', 'limit=1', 'order=emp_no desc');
    for (const { employees_by_dept_emp: found } of (await house.ask('GET', beyond)).body.resource)
      expect(found).toHaveLength(1);
  });

  test('more related records than the cap all come, in pages', async () => {
    const house = open({ config: { max_records: 50 } });
    const { body } = await house.ask(
      'GET',
      `${t}/departments?fields=dept_no&related=dept_emp_by_dept_no&dept_emp_by_dept_no.fields=id`,
    );
    const ids = body.resource.flatMap((row: { dept_emp_by_dept_no: { id: number }[] }) =>
      row.dept_emp_by_dept_no.map(({ id }) => id),
    );
    expect(new Set(ids).size).toBe(1000);
    expect(ids).toHaveLength(1000);
  });
});

describe('inner calls', () => {
  test('are one per relation, whatever the number of records', async () => {
    const house = open();
    await house.ask('GET', `${t}/employees?limit=500&related=dept_emp_by_emp_no`);
    expect(house.fired).toEqual([
      'hr._table.{table_name}.get',
      'hr._table.employees.get',
      'hr._table.{table_name}.get',
      'hr._table.dept_emp.get',
    ]);
  });

  test('a script of the related table may narrow them', async () => {
    const house = open({
      before: (exchange) => {
        const { parameters } = exchange.request;
        if (exchange.operation.depth === 0) return;
        const filter = `(${String(parameters.filter)}) and (id > 2)`;
        exchange.request = { ...exchange.request, parameters: { ...parameters, filter } };
      },
    });
    const { body } = await house.ask(
      'GET',
      `${t}/employees?limit=3&fields=emp_no&related=dept_emp_by_emp_no&dept_emp_by_emp_no.fields=id`,
    );
    expect(body.resource).toEqual([
      { emp_no: 10001, dept_emp_by_emp_no: [] },
      { emp_no: 10002, dept_emp_by_emp_no: [] },
      { emp_no: 10003, dept_emp_by_emp_no: [{ id: 3 }] },
    ]);
  });

  test('a refusal of the related table is a refusal of the whole', async () => {
    const house = open({
      before: (exchange) => {
        if (exchange.operation.depth > 0) throw new PlatformError('access.forbidden', 'Not for you.');
      },
    });
    const { status, body } = await house.ask('GET', `${t}/employees/10001?related=dept_emp_by_emp_no`);
    expect(status).toBe(403);
    expect(body.error.message).toBe('Not for you.');
  });

  test('keys of another type than they refer to relate to nothing', async () => {
    const house = open({
      sql: `PRAGMA foreign_keys = OFF; CREATE TABLE a(id INTEGER PRIMARY KEY);
        CREATE TABLE b(id INTEGER PRIMARY KEY, a INTEGER REFERENCES a); INSERT INTO a VALUES (1);
        INSERT INTO b VALUES (1, 'abc'), (2, 1), (3, 99), (4, x'00')`,
    });
    const { body } = await house.ask('GET', `${t}/b?fields=id&related=a_by_a`);
    expect(body.resource).toEqual([
      { id: 1, a_by_a: null },
      { id: 2, a_by_a: { id: 1 } },
      { id: 3, a_by_a: null },
      { id: 4, a_by_a: null },
    ]);
  });
});
