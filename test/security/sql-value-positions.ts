// Places for values and for whole filters: the answer must be what bound parameters find.
// Invariant: of a whole filter our parser says what it means, and memory or a refusal must say the same.
import type { Where } from '../../src/core/query.ts';
import { parseFilter } from '../../src/query/filter.ts';
import { compileWhere } from '../../src/query/match.ts';
import { compared, filtered, type Position, page, quoted, refused, skipped } from './sql-position.ts';
import type { Asked, LiveEngine } from './sql-world.ts';

// ---- values ----

interface ValuePosition {
  readonly name: string;
  asked(text: string): Asked;
  /** SQL that finds the same ids by bound values. */
  reference(text: string, engine: LiveEngine): readonly [sql: string, ...values: (string | number)[]];
}

function valuePosition({ name, asked, reference }: ValuePosition): Position {
  return {
    name,
    writes: false,
    attack: async ({ world, text, ask }) => {
      const reply = await ask(asked(text));
      if (!world.canStore(text)) return reply.status < 500 ? undefined : `status ${reply.status}`;
      const [sql, ...values] = reference(text, world.engine);
      const wanted = (await world.query(`${sql} order by id limit ${page}`, values)).map(({ id }) => id);
      return compared(reply, wanted);
    },
  };
}

const same = (text: string): readonly [string, string] => ['select id from word where body = ?', text];

function likeSql(engine: LiveEngine, isEscaped: boolean): string {
  if (engine === 'postgres') return isEscaped ? "body ilike ? escape '\\'" : "body ilike ? escape ''";
  if (engine === 'sqlite') return isEscaped ? "body like ? escape '\\'" : 'body like ?';
  // The table's texts tell cases apart, which LIKE is not to do.
  return 'lower(body) like lower(?)';
}

function like(isEscaped: boolean, pattern: (text: string) => string): ValuePosition['reference'] {
  return (text, engine) => {
    // MySQL always has an escape character.
    const special = isEscaped ? /[\\%_]/g : engine === 'mysql' ? /\\/g : /(?!)/g;
    const sql = `select id from word where ${likeSql(engine, isEscaped)}`;
    return [sql, pattern(text.replace(special, '\\$&'))];
  };
}

/** Places of values. */
export const values: readonly Position[] = [
  valuePosition({
    name: "filter: = '…'",
    asked: (text) => filtered(`body = ${quoted(text, "'")}`),
    reference: same,
  }),
  valuePosition({
    name: 'filter: = "…"',
    asked: (text) => filtered(`(n >= 0) and (body = ${quoted(text, '"')})`),
    reference: same,
  }),
  valuePosition({
    name: 'filter: !=',
    asked: (text) => filtered(`body != ${quoted(text, "'")}`),
    reference: (text) => ['select id from word where body <> ?', text],
  }),
  valuePosition({
    name: 'filter: in list',
    asked: (text) => filtered(`body in ('no such', ${quoted(text, "'")}, 'x', 'y', 'z')`),
    reference: (text) => ["select id from word where body in ('no such', ?, 'x', 'y', 'z')", text],
  }),
  valuePosition({
    name: 'filter: between',
    asked: (text) => filtered(`body between ${quoted(text, "'")} and ${quoted(text, '"')}`),
    reference: same,
  }),
  valuePosition({
    name: 'filter: like',
    asked: (text) => filtered(`body like ${quoted(text, "'")}`),
    reference: like(false, (text) => text),
  }),
  valuePosition({
    name: 'filter: contains',
    asked: (text) => filtered(`body contains ${quoted(text, "'")}`),
    reference: like(true, (text) => `%${text}%`),
  }),
  valuePosition({
    name: 'filter: starts with',
    asked: (text) => filtered(`body starts with ${quoted(text, "'")}`),
    reference: like(true, (text) => `${text}%`),
  }),
  valuePosition({
    name: 'filter: ends with',
    asked: (text) => filtered(`not (body ends with ${quoted(text, "'")})`),
    reference: (text, engine) => {
      const [sql, value] = like(true, (each) => `%${each}`)(text, engine);
      return [sql.replace('where ', 'where not '), value ?? ''];
    },
  }),
  valuePosition({
    name: 'params map',
    asked: (text) => ({
      ...{ method: 'POST', path: '/_table/word', headers: { 'X-HTTP-Method': 'GET' } },
      body: { filter: 'body = :x', params: { x: text }, fields: 'id', order: 'id', limit: page },
    }),
    reference: same,
  }),
  valuePosition({
    name: 'name in the params map',
    asked: (text) => ({
      ...{ method: 'POST', path: '/_table/word', headers: { 'X-HTTP-Method': 'GET' } },
      body: {
        filter: 'body = :x',
        params: Object.fromEntries([['x', text], ...(text === '__proto__' ? [] : [[text, 'x']])]),
        ...{ fields: 'id', order: 'id', limit: page },
      },
    }),
    reference: (text) => same(text === 'x' ? 'x' : text),
  }),
  valuePosition({
    name: 'filter: number field',
    asked: (text) => filtered(`(id = 1) or (body = ${quoted(text, "'")} and n < 0)`),
    reference: () => ['select id from word where id = 1'],
  }),
  {
    name: 'filter: = of a number field',
    writes: false,
    attack: async ({ text, ask }) => {
      const reply = await ask(filtered(`n = ${quoted(text, "'")}`));
      // What is no number is refused; what is one finds what it says, which other tests look into.
      return /^\s*[-+]?[\d.]+(e[-+]?\d+)?\s*$/i.test(text) || reply.status !== 200
        ? undefined
        : compared(reply, []);
    },
  },
];

// ---- whole filters, whose meaning the parser alone says ----

/** Whether memory and every engine agree on a condition: equality of texts and numbers. */
function isPlain(where: Where): boolean {
  switch (where.kind) {
    case 'not':
      return isPlain(where.term);
    case 'and':
    case 'or':
    case 'xor':
      return where.terms.every(isPlain);
    case 'compare':
      return where.field === 'body' && (where.op === '=' || where.op === '!=');
    case 'null':
      return true;
    case 'in':
      return where.field === 'body';
    case 'between':
      return false;
  }
}

function filterPosition(name: string, filterOf: (text: string) => string): Position {
  return {
    name,
    writes: false,
    attack: async ({ world, text, ask }) => {
      const filter = filterOf(text);
      if (filter.trim() === '') return skipped;
      const reply = await ask(filtered(filter));
      let where: Where;
      try {
        const field = (given: string) => ['id', 'body', 'n'].find((each) => each === given.toLowerCase());
        where = parseFilter(filter, { field, parameter: () => undefined });
      } catch {
        return refused(reply);
      }
      if (!isPlain(where) || !world.canStore(text)) return undefined;
      const matches = compileWhere(where);
      const rows = await world.query('select id, body, n from word order by id');
      const wanted = rows.filter((row) => matches(row) === true).slice(0, page);
      return compared(
        reply,
        wanted.map(({ id }) => id),
      );
    },
  };
}

/** Places of parts of a filter, and all of it. */
export const filters: readonly Position[] = [
  filterPosition('filter: bare value', (text) => `body = ${text}`),
  filterPosition('filter: bare value in parentheses', (text) => `(n < 0) or (body = ${text})`),
  filterPosition('filter: bare value in a list', (text) => `body in (${text})`),
  filterPosition('filter: field', (text) => `${text} = 'x'`),
  filterPosition('filter: quoted field', (text) => `\`${text.replaceAll('`', '``')}\` = 'x'`),
  filterPosition('filter: operator', (text) => `body ${text} 'x'`),
  filterPosition('filter: joining word', (text) => `(n < 0) ${text} (body = 'x')`),
  filterPosition('filter: all of it', (text) => text),
];
