// The part of the conformance suite about relations: reading them, and writing records that bring others.
// Invariant: no scenario knows which engine it runs on.
import { describe, expect, test } from 'vitest';
import {
  type EngineUnderTest,
  openSuiteHouse,
  type SuiteAnswer,
  type SuiteHouse,
  shared,
} from './suite-fixture.ts';

const library = `
  CREATE TABLE author(id {id}, name VARCHAR(40) NOT NULL, code VARCHAR(8) UNIQUE);
  CREATE TABLE profile(author_id INTEGER NOT NULL PRIMARY KEY, motto VARCHAR(40),
    FOREIGN KEY (author_id) REFERENCES author(id));
  CREATE TABLE book(id {id}, author_id INTEGER, title VARCHAR(40) NOT NULL,
    FOREIGN KEY (author_id) REFERENCES author(id));
  CREATE TABLE page(id {id}, book_id INTEGER NOT NULL, number INTEGER NOT NULL,
    FOREIGN KEY (book_id) REFERENCES book(id));
  CREATE TABLE tag(code VARCHAR(8) NOT NULL PRIMARY KEY, label VARCHAR(40));
  CREATE TABLE tagged(id {id}, book_id INTEGER NOT NULL, tag_code VARCHAR(8) NOT NULL, weight INTEGER,
    FOREIGN KEY (book_id) REFERENCES book(id), FOREIGN KEY (tag_code) REFERENCES tag(code));
  CREATE TABLE site(org INTEGER NOT NULL, nr INTEGER NOT NULL, name VARCHAR(20), PRIMARY KEY (org, nr));
  CREATE TABLE room(id {id}, org INTEGER, nr INTEGER, label VARCHAR(20),
    FOREIGN KEY (org, nr) REFERENCES site(org, nr));
  CREATE TABLE door(id {id}, org INTEGER, nr INTEGER, code VARCHAR(8), UNIQUE (org, nr),
    FOREIGN KEY (org, nr) REFERENCES site(org, nr));
`;

/** Defines the tests of relations for an engine. */
export function relationSuite(engine: EngineUnderTest): void {
  describe('relations', () => {
    creating(engine);
    changing(engine);
    leaving(engine);
    linking(engine);
    refusing(engine);
    malformed(engine);
    composite(engine);
  });
}

type House = () => SuiteHouse;

function creating(engine: EngineUnderTest): void {
  describe('a record created with what relates to it', () => {
    const house = shared(() => openSuiteHouse(engine, library));

    test('children, grandchildren, the one child and the parent', async () => {
      const made = await post(house, 'author?fields=*&related=*', {
        name: 'Ann',
        profile_by_author_id: { motto: 'on' },
        book_by_author_id: [
          { title: 'One', page_by_book_id: [{ number: 1 }, { number: 2 }] },
          { title: 'Two' },
        ],
      });
      expect(made.body.resource).toEqual([
        {
          id: 1,
          name: 'Ann',
          code: null,
          book_by_author_id: [
            { id: 1, author_id: 1, title: 'One' },
            { id: 2, author_id: 1, title: 'Two' },
          ],
          profile_by_author_id: { author_id: 1, motto: 'on' },
        },
      ]);
      expect(await list(house, 'page')).toEqual([
        { id: 1, book_id: 1, number: 1 },
        { id: 2, book_id: 1, number: 2 },
      ]);
      const child = await post(house, 'page?fields=*&related=book_by_book_id', {
        number: 9,
        book_by_book_id: { title: 'Three', author_by_author_id: { name: 'Bob' } },
      });
      expect(child.body.resource[0]).toMatchObject({
        book_id: 3,
        book_by_book_id: { id: 3, author_id: 2, title: 'Three' },
      });
    });

    test('what is null or empty brings nothing', async () => {
      const made = await post(house, 'author', {
        name: 'Cy',
        code: 'cy',
        profile_by_author_id: null,
        book_by_author_id: [],
      });
      expect(made.status).toBe(200);
      expect(await list(house, 'author', 'code=cy')).toHaveLength(1);
    });

    test('many at once, each with its own', async () => {
      const resource = Array.from({ length: 20 }, (_unused, index) => ({
        name: `m${index}`,
        book_by_author_id: [{ title: `t${index}a` }, { title: `t${index}b` }],
      }));
      const made = await house().ask('POST', '_table/author?fields=name&related=book_by_author_id', {
        body: { resource },
      });
      const titles = made.body.resource.map((each: { book_by_author_id: { title: string }[] }) =>
        each.book_by_author_id.map(({ title }) => title),
      );
      expect(titles).toEqual(resource.map((each) => each.book_by_author_id.map(({ title }) => title)));
    });
  });
}

function changing(engine: EngineUnderTest): void {
  describe('a record changed with what relates to it', () => {
    const house = shared(() => withAuthors(engine));

    test('children are created, changed and adopted', async () => {
      const { status } = await patch(house, 'author/2', {
        name: 'Bobby',
        book_by_author_id: [{ id: 2, title: 'Two of Bob' }, { title: 'New' }],
      });
      expect(status).toBe(200);
      expect(await list(house, 'book')).toEqual([
        { id: 1, author_id: 1, title: 'One' },
        { id: 2, author_id: 2, title: 'Two of Bob' },
        { id: 3, author_id: 2, title: 'New' },
      ]);
      expect(await list(house, 'author', 'id=2')).toMatchObject([{ name: 'Bobby' }]);
    });

    test('children alone, without a field of the record itself', async () => {
      const { status } = await patch(house, 'author/1', { profile_by_author_id: { motto: 'first' } });
      expect(status).toBe(200);
      await patch(house, 'author/1', { profile_by_author_id: { motto: 'second' } });
      expect(await list(house, 'profile')).toEqual([{ author_id: 1, motto: 'second' }]);
      const missing = await patch(house, 'author/99', { profile_by_author_id: { motto: 'x' } });
      expect(missing.status).toBe(404);
    });

    test('its parent is changed, or another one taken', async () => {
      await patch(house, 'book/1', { author_by_author_id: { id: 1, name: 'Anna' } });
      expect(await list(house, 'author', 'id=1')).toMatchObject([{ name: 'Anna' }]);
      await patch(house, 'book/1', { title: 'Moved', author_by_author_id: { id: 2 } });
      expect(await list(house, 'book', 'id=1')).toEqual([{ id: 1, author_id: 2, title: 'Moved' }]);
      const gone = await patch(house, 'book/1', { author_by_author_id: { id: 77 } });
      expect(gone.status).toBe(404);
      const both = await patch(house, 'book/1', { author_id: 1, author_by_author_id: { id: 2 } });
      expect(both.status).toBe(400);
      expect(both.body.error.message).toContain("'author_id'");
    });

    test('records of a filter and of identifiers each get the child', async () => {
      const { body } = await house().ask('PATCH', '_table/author?ids=1,2', {
        body: { resource: [{ book_by_author_id: [{ title: 'For each' }] }] },
      });
      expect(body.resource).toEqual([{ id: 1 }, { id: 2 }]);
      const found = await list(house, 'book', "title='For each'");
      expect(found.map(({ author_id: id }) => id)).toEqual([1, 2]);
    });
  });
}

function leaving(engine: EngineUnderTest): void {
  describe('a child that leaves', () => {
    const house = shared(() => withAuthors(engine));

    test('a child whose key becomes null is let go', async () => {
      await patch(house, 'author/2', { book_by_author_id: [{ title: 'New' }] });
      const { status } = await patch(house, 'author/2', { book_by_author_id: [{ id: 3, author_id: null }] });
      expect(status).toBe(200);
      expect(await list(house, 'book', 'id=3')).toEqual([{ id: 3, author_id: null, title: 'New' }]);
      const other = await patch(house, 'author/2', { book_by_author_id: [{ id: 1, author_id: null }] });
      expect(other.status).toBe(404);
      expect(await list(house, 'book', 'id=1')).toMatchObject([{ author_id: 1 }]);
    });

    test('or deleted where that is not possible, if that is allowed', async () => {
      const body = { page_by_book_id: [{ id: 1, book_id: null }] };
      const refused = await patch(house, 'book/1', body);
      expect(refused.status).toBe(400);
      expect(refused.body.error.message).toMatch(
        /'page_by_book_id\[0\]'.*'book_id'.*allow_related_delete=true/,
      );
      expect(await list(house, 'page')).toHaveLength(1);
      const { status } = await patch(house, 'book/1?allow_related_delete=true', body);
      expect(status).toBe(200);
      expect(await list(house, 'page')).toEqual([]);
    });
  });
}

async function withAuthors(engine: EngineUnderTest): Promise<SuiteHouse> {
  const opened = await openSuiteHouse(engine, library);
  await post(() => opened, 'author', {
    name: 'Ann',
    book_by_author_id: [{ title: 'One', page_by_book_id: [{ number: 1 }] }, { title: 'Two' }],
  });
  await post(() => opened, 'author', { name: 'Bob' });
  return opened;
}

function linking(engine: EngineUnderTest): void {
  describe('records beyond a junction', () => {
    const house = shared(async () => {
      const opened = await openSuiteHouse(engine, library);
      await post(() => opened, 'book', { title: 'One', tag_by_tagged: [{ code: 'a', label: 'A' }] });
      return opened;
    });
    const tags = async () => {
      const { body } = await house().ask(
        'GET',
        '_table/book/1?fields=id&related=tag_by_tagged&tag_by_tagged.order=code',
      );
      return body.tag_by_tagged.map((tag: { code: string }) => tag.code);
    };

    test('are created, changed and linked once', async () => {
      expect(await tags()).toEqual(['a']);
      const { status } = await patch(house, 'book/1', {
        tag_by_tagged: [{ code: 'a', label: 'AA' }, { code: 'b' }, { code: 'a' }],
      });
      expect(status).toBe(200);
      expect(await tags()).toEqual(['a', 'b']);
      expect(await list(house, 'tag', 'code=a')).toEqual([{ code: 'a', label: 'AA' }]);
      expect(await list(house, 'tagged')).toHaveLength(2);
    });

    test('their link has fields of its own', async () => {
      await patch(house, 'book/1', {
        tag_by_tagged: [
          { code: 'c', 'tagged.weight': 3 },
          { code: 'b', 'tagged.weight': 4 },
        ],
      });
      const weights = await list(house, 'tagged', 'weight is not null');
      expect(weights.map(({ tag_code: code, weight }) => [code, weight]).toSorted()).toEqual([
        ['b', 4],
        ['c', 3],
      ]);
    });

    test('a link is taken away, the record stays', async () => {
      const { status } = await patch(house, 'book/1', { tag_by_tagged: [{ code: 'b', 'tagged.id': null }] });
      expect(status).toBe(200);
      expect(await tags()).toEqual(['a', 'c']);
      expect(await list(house, 'tag', 'code=b')).toHaveLength(1);
      const again = await patch(house, 'book/1', { tag_by_tagged: [{ code: 'b', 'tagged.book_id': null }] });
      expect(again.status).toBe(404);
    });
  });
}

function refusing(engine: EngineUnderTest): void {
  describe('a nested record that is refused', () => {
    const house = shared(() => openSuiteHouse(engine, library));
    const good = { name: 'Good', book_by_author_id: [{ title: 'Good one' }] };
    const bad = {
      name: 'Bad',
      book_by_author_id: [{ title: 'Bad one', page_by_book_id: [{ number: 1 }, {}] }],
    };
    const names = async () => (await list(house, 'author')).map(({ name }) => name);
    const titles = async () => (await list(house, 'book')).map(({ title }) => title);

    test('is named by its place, and takes its whole record with it', async () => {
      const { status, body } = await house().ask('POST', '_table/author', {
        body: { resource: [good, bad, good] },
      });
      expect(status).toBe(400);
      expect(body.error.context.error).toEqual([1]);
      expect(body.error.context.resource[1].message).toBe(
        "Required field 'book_by_author_id[0].page_by_book_id[1].number' can not be NULL.",
      );
      expect(await names()).toEqual(['Good']);
      expect(await titles()).toEqual(['Good one']);
      expect(await list(house, 'page')).toEqual([]);
    });

    test('others go on, or all are undone', async () => {
      const kept = await house().ask('POST', '_table/author?continue=true', {
        body: { resource: [bad, good] },
      });
      expect(kept.body.error.context.error).toEqual([0]);
      expect(await names()).toEqual(['Good', 'Good']);
      const undone = await house().ask('POST', '_table/author?rollback=true', {
        body: { resource: [good, bad] },
      });
      expect(undone.body.error.message).toContain('All changes rolled back.');
      expect(await titles()).toEqual(['Good one', 'Good one']);
    });

    test('by the database, in the words of the nested table', async () => {
      const twice = {
        name: 'X',
        code: 'same',
        book_by_author_id: [{ title: 't', author_by_author_id: null }],
      };
      expect((await post(house, 'author', twice)).status).toBe(200);
      const { body } = await post(house, 'book', {
        title: 'u',
        author_by_author_id: { name: 'Y', code: 'same' },
      });
      expect(body.error.context.resource[0]).toMatchObject({ code: 409 });
      expect(body.error.context.resource[0].message).toMatch(/author_by_author_id/);
      expect(await list(house, 'book', 'title=u')).toEqual([]);
    });
  });
}

function malformed(engine: EngineUnderTest): void {
  describe('nested records that are none', () => {
    const house = shared(() => openSuiteHouse(engine, library));

    test.each([
      ['a list where one record is meant', { name: 'x', profile_by_author_id: [{}] }, /takes an object/],
      ['text where records are meant', { name: 'x', book_by_author_id: 'no' }, /takes a list of objects/],
      ['text among records', { name: 'x', book_by_author_id: [{ title: 'a' }, 5] }, /book_by_author_id\[1\]/],
      ['a wrong type', { name: 'x', book_by_author_id: [{ id: 'q', title: 'a' }] }, /book_by_author_id\[0\]/],
    ])('%s', async (_what, record, message) => {
      const { status, body } = await post(house, 'author', record);
      expect(status).toBe(400);
      expect(body.error.context.resource[0].message).toMatch(message);
    });

    test('deeper than the limit', async () => {
      let record: Record<string, unknown> = { title: 'deepest' };
      for (let level = 0; level < 3; level++) {
        record = { title: 'b', author_by_author_id: { name: 'a', book_by_author_id: [record] } };
      }
      const { status, body } = await post(house, 'book', record);
      expect(status).toBe(400);
      expect(body.error.context.resource[0].message).toContain('5 levels deep');
      expect(await list(house, 'book', 'title=deepest')).toEqual([]);
    });
  });
}

function composite(engine: EngineUnderTest): void {
  describe('relations over several fields', () => {
    const house = shared(() => openSuiteHouse(engine, library));

    test('are written and read like others', async () => {
      const made = await house().ask('POST', '_table/site', {
        body: {
          resource: [
            { org: 1, nr: 1, name: 'a', room_by_org_nr: [{ label: 'r1' }, { label: 'r2' }] },
            { org: 1, nr: 2, name: 'b', room_by_org_nr: [{ label: 'r3' }] },
            { org: 2, nr: 1, name: 'c' },
          ],
        },
      });
      expect(made.status).toBe(200);
      const { body } = await house().ask(
        'GET',
        '_table/site?fields=name&related=room_by_org_nr&room_by_org_nr.fields=label&order=name',
      );
      expect(body.resource).toEqual([
        { name: 'a', room_by_org_nr: [{ label: 'r1' }, { label: 'r2' }] },
        { name: 'b', room_by_org_nr: [{ label: 'r3' }] },
        { name: 'c', room_by_org_nr: [] },
      ]);
      await post(house, 'room', { label: 'nowhere' });
      const rooms = await house().ask('GET', '_table/room?fields=label&related=site_by_org_nr&order=label');
      expect(
        rooms.body.resource.map(
          (row: { site_by_org_nr: { name: string } | null }) => row.site_by_org_nr?.name,
        ),
      ).toEqual([undefined, 'a', 'a', 'b']);
    });

    test('a limit holds for each parent', async () => {
      const { body } = await house().ask(
        'GET',
        '_table/site?fields=name&order=name&related=room_by_org_nr&room_by_org_nr.limit=1' +
          '&room_by_org_nr.order=label desc&room_by_org_nr.fields=label',
      );
      expect(body.resource.map((row: { room_by_org_nr: unknown }) => row.room_by_org_nr)).toEqual([
        [{ label: 'r2' }],
        [{ label: 'r3' }],
        [],
      ]);
    });

    test('are to one record where the fields together are unique', async () => {
      await patch(house, 'site/1,1', { door_by_org_nr: { code: 'x' } });
      await patch(house, 'site/1,1', { door_by_org_nr: { code: 'y' } });
      const { body } = await house().ask('GET', '_table/site/1,1?fields=name&related=door_by_org_nr');
      expect(body).toEqual({ name: 'a', door_by_org_nr: { id: 1, org: 1, nr: 1, code: 'y' } });
    });

    test('children move from one parent to another', async () => {
      const { status } = await patch(house, 'room/3', { site_by_org_nr: { org: 2, nr: 1 } });
      expect(status).toBe(200);
      expect(await list(house, 'room', 'id=3')).toEqual([{ id: 3, org: 2, nr: 1, label: 'r3' }]);
      const { body } = await house().ask('PATCH', '_table/site', {
        body: { resource: [{ org: 2, nr: 1, room_by_org_nr: [{ id: 3, org: null }] }] },
      });
      expect(body.resource).toEqual([{ org: 2, nr: 1 }]);
      expect(await list(house, 'room', 'id=3')).toEqual([{ id: 3, org: null, nr: null, label: 'r3' }]);
    });
  });
}

function post(house: House, path: string, record: object): Promise<SuiteAnswer> {
  return house().ask('POST', `_table/${path}`, { body: { resource: [record] } });
}

function patch(house: House, path: string, record: object): Promise<SuiteAnswer> {
  return house().ask('PATCH', `_table/${path}`, { body: record });
}

async function list(house: House, table: string, filter?: string): Promise<Record<string, unknown>[]> {
  const parameters = {
    ...(filter === undefined ? {} : { filter }),
    order: table === 'profile' ? 'author_id' : '',
  };
  const { body } = await house().ask('GET', `_table/${table}`, { parameters });
  const key = 'id';
  return body.resource.toSorted(
    (a: Record<string, number>, b: Record<string, number>) => (a[key] ?? 0) - (b[key] ?? 0),
  );
}
