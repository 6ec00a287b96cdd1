import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Action } from '../../../core/operation.ts';
import { goldenSql, openWriteFixture, type WriteFixture } from '../suite/write-fixture.ts';

const noRecords =
  "No record(s) detected in request. Please make sure record(s) are wrapped in a 'resource' tag. " +
  'Example: {"resource":[{"record":1},{"record":2}]}';
const error = (status: number, message: string) => ({
  status,
  body: { error: { code: status, context: null, message, status_code: status } },
});

describe('the recorded writes', () => {
  let db: WriteFixture;
  beforeAll(() => {
    db = openWriteFixture(goldenSql());
  });
  afterAll(() => db.close());

  interface Recorded {
    readonly id: string;
    readonly quirk?: boolean;
    readonly request: { method: string; path: string; body?: unknown; body_is_raw_text?: boolean };
    readonly response: { status: number; body: unknown };
  }
  const transcripts = JSON.parse(
    readFileSync(new URL('../../../../test/golden/transcripts.json', import.meta.url), 'utf8'),
  ) as Recorded[];
  const writes = transcripts.filter(({ id, request }) => {
    const number = Number(id.slice(0, 3));
    return number >= 54 && number <= 91 && request.method !== 'GET';
  });

  // In their order, because each builds on the rows of those before it.
  for (const { id, request, response } of writes) {
    it(id, async () => {
      const url = new URL(request.path, 'http://x');
      const [table = '', key] = url.pathname.split('/').slice(5);
      const call = {
        ...(key === undefined ? {} : { id: key }),
        query: Object.fromEntries(url.searchParams),
        ...(request.body === undefined || request.body === null ? {} : { body: request.body }),
      };
      const answer = await db.ask(request.method as Action, table, call);
      if (id.startsWith('068')) {
        expect(answer.status).toBe(400);
        expect(answer.body.error.message).toMatch(/^The body is not valid JSON/);
      } else {
        const text = JSON.stringify(response.body).replaceAll('&quot;', '\\"');
        expect(answer).toEqual({ status: response.status, body: JSON.parse(text) });
      }
    });
  }
});

describe('selections', () => {
  let db: WriteFixture;
  beforeEach(() => {
    db = openWriteFixture(goldenSql());
  });
  afterEach(() => db.close());
  const titles = () => db.look('SELECT title FROM todo ORDER BY id').map((row) => row.title);

  it('refuses to create by identifier', async () => {
    expect(await db.ask('POST', 'todo', { id: '9', body: { resource: [{ title: 'x' }] } })).toEqual(
      error(400, 'Create record by identifier not currently supported.'),
    );
  });

  it('takes parameters from the body as from the query', async () => {
    const byIds = await db.ask('PATCH', 'todo', {
      body: { ids: [1, 2], fields: 'id,priority', resource: [{ priority: 4 }] },
    });
    expect(byIds.body).toEqual({
      resource: [
        { id: 1, priority: 4 },
        { id: 2, priority: 4 },
      ],
    });
    const byFilter = await db.ask('PATCH', 'todo', {
      body: { filter: 'id > :low', params: { low: 2 }, resource: { priority: 8 } },
    });
    expect(byFilter.body).toEqual({ resource: [{ id: 3 }] });
    expect((await db.ask('DELETE', 'todo', { body: { ids: '1,3' } })).body).toEqual({
      resource: [{ id: 1 }, { id: 3 }],
    });
    expect((await db.ask('DELETE', 'todo', { body: { force: true } })).body).toEqual({ success: true });
    expect(titles()).toEqual([]);
  });

  it('takes a bare record for identifiers and filters', async () => {
    const answer = await db.ask('PATCH', 'todo', { query: { ids: ['1', '2'] }, body: { title: 'both' } });
    expect(answer).toEqual({ status: 200, body: { resource: [{ id: 1 }, { id: 2 }] } });
    await db.ask('PUT', 'todo', { query: { where: 'id = 3' }, body: { title: 'third' } });
    expect(titles()).toEqual(['both', 'both', 'third']);
  });

  it('refuses several records for the same identifiers', async () => {
    const answer = await db.ask('PATCH', 'todo', {
      query: { ids: '1,2' },
      body: { resource: [{ title: 'a' }, { title: 'b' }] },
    });
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain('One record is needed');
    expect(titles()).not.toContain('a');
  });

  it('says what was wrong with one record for many only once, and changes nothing', async () => {
    const answer = await db.ask('PATCH', 'todo', { query: { ids: '1,2' }, body: { priority: 'abc' } });
    expect(answer).toEqual(error(400, "Field 'priority' must be a valid integer."));
  });

  it.each([{ ids: '' }, { ids: [] }, { filter: ' ' }, { where: '' }])(
    'never takes %o for everything',
    async (query) => {
      const answer = await db.ask('DELETE', 'todo', { query: { ...query, force: 'true' } });
      expect(answer.status).toBe(400);
      expect(answer.body.error.message).toContain(`Parameter '${Object.keys(query)[0]}'`);
      expect(titles()).toHaveLength(3);
    },
  );

  it('never takes an empty list of records for everything', async () => {
    const answer = await db.ask('DELETE', 'todo', { query: { force: 'true' }, body: { resource: [] } });
    expect(answer).toEqual(error(400, noRecords));
    expect(titles()).toHaveLength(3);
  });

  it('answers an empty list when a filter finds nothing', async () => {
    const answer = await db.ask('DELETE', 'todo', { query: { filter: 'id > 1000' } });
    expect(answer).toEqual({ status: 200, body: { resource: [] } });
  });

  it('selects by another field than the primary key', async () => {
    const patched = await db.ask('PATCH', 'departments', {
      id: 'Sales',
      query: { id_field: 'dept_name', fields: '*' },
      body: { dept_no: 'd777' },
    });
    expect(patched.status).toBe(409);
    expect(patched.body.error.message).toContain('other records depend on the key');
    const one = await db.ask('PATCH', 'todo', {
      id: 'Call Bob',
      query: { id_field: 'title', id_type: 'string', fields: 'id,done' },
      body: { done: true },
    });
    expect(one.body).toEqual({ id: 3, done: true });
    const wrong = await db.ask('PATCH', 'todo', {
      id: '1',
      query: { id_field: 'nope' },
      body: { done: true },
    });
    expect(wrong.body.error.message).toContain("'id_field' names 'nope'");
    const textless = { id_field: [{ toString: 1 }], ids: [1], resource: [{ done: true }] };
    const refused = await db.ask('PATCH', 'todo', { body: textless });
    expect([refused.status, refused.body.error.message]).toEqual([
      400,
      expect.stringContaining('names \'{"to'),
    ]);
  });

  it('answers what was deleted when fields are asked for', async () => {
    const answer = await db.ask('DELETE', 'todo', { query: { ids: '3,1', fields: 'title' } });
    expect(answer.body).toEqual({ resource: [{ title: 'Call Bob' }, { title: 'Buy milk' }] });
    expect(titles()).toHaveLength(1);
  });

  it('tells which identifiers of a delete were not there', async () => {
    const answer = await db.ask('DELETE', 'todo', { query: { ids: '1,99,2', fields: 'id,title' } });
    expect(answer.body.error).toMatchObject({
      code: 1000,
      message: 'Batch Error: Not all requested records could be deleted.',
      context: { error: [1], resource: [{ id: 1, title: 'Buy milk' }, { code: 404 }] },
    });
    expect(titles()).toHaveLength(2);
  });

  it('refuses malformed parameters by name', async () => {
    for (const [query, name] of [
      [{ continue: 'maybe' }, 'continue'],
      [{ rollback: '2' }, 'rollback'],
      [{ fields: 'id,nope' }, 'nope'],
      [{ continue: 'yes', rollback: 'on' }, 'rollback'],
      [{ related: 'nope' }, 'nope'],
    ] as const) {
      const answer = await db.ask('POST', 'todo', { query, body: { resource: [{ title: 'x' }] } });
      expect(answer.status).toBe(400);
      expect(answer.body.error.message).toContain(name);
    }
    expect(titles()).toHaveLength(3);
  });
});
