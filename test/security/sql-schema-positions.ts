// Places in requests that change a schema: a name or a type is a good one or refused, a default is the text
// that was given, and what is said beside the database comes back as it was sent.
// Invariant: each attack removes the column or table that it made, and looks at the catalog by the driver.
import { isNoSegment, isUnfit } from './sql-name-positions.ts';
import { type Attack, type Finding, type Position, refused, skipped } from './sql-position.ts';
import type { LiveEngine, Row } from './sql-world.ts';
import type { Reply } from './wire.ts';

const columnNames: Readonly<Record<LiveEngine, string>> = {
  sqlite: "select name as n from pragma_table_info('shape')",
  postgres: `select attname::text as n from pg_attribute
    where attrelid = 'shape'::regclass and attnum > 0 and not attisdropped`,
  mysql: `select column_name as n from information_schema.columns
    where table_schema = database() and table_name = 'shape'`,
};

const tableNames: Readonly<Record<LiveEngine, string>> = {
  sqlite: "select name as n from sqlite_master where type = 'table'",
  postgres:
    "select relname::text as n from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  mysql: 'select table_name as n from information_schema.tables where table_schema = database()',
};

const named = (rows: readonly Row[]) => rows.map(({ n }) => String(n));

/** Makes a field of the table `shape`; resolves to what was answered. */
function field(attack: Attack, given: Readonly<Record<string, unknown>>): Promise<Reply> {
  return attack.ask({ method: 'POST', path: '/_schema/shape/_field', body: { resource: [given] } });
}

async function dropField({ ask }: Attack, name: string): Promise<Finding> {
  const reply = await ask({ method: 'DELETE', path: `/_schema/shape/_field/${encodeURIComponent(name)}` });
  return reply.status === 200 ? undefined : `not dropped: ${reply.status} ${reply.text.slice(0, 200)}`;
}

interface Member {
  readonly name: string;
  given(text: string): Readonly<Record<string, unknown>>;
  /** Whether the text may be taken there. */
  isGood(text: string): boolean;
}

/** A member of a new field that must be refused, unless its text is a good one. */
function member({ name, given, isGood }: Member): Position {
  return {
    name,
    writes: true,
    attack: async (attack) => {
      const own = `f${attack.turn}`;
      const reply = await field(attack, { name: own, type: 'string', ...given(attack.text) });
      if (reply.status !== 200) return refused(reply);
      const fault = isGood(attack.text) ? undefined : `taken: ${reply.text.slice(0, 200)}`;
      return fault ?? (await dropField(attack, own));
    },
  };
}

/** A member of a new field that is text for people, and comes back as it was sent. */
function said(name: string, key: string, wrap: (text: string) => unknown = (text) => text): Position {
  return {
    name,
    writes: true,
    attack: async (attack) => {
      const own = `f${attack.turn}`;
      const given = wrap(attack.text);
      const reply = await field(attack, { name: own, type: 'string', [key]: given });
      if (reply.status !== 200) return refused(reply);
      const read = await attack.ask({ path: `/_schema/shape/_field/${own}` });
      const found = (JSON.parse(read.text) as Row)[key];
      const isSame = JSON.stringify(found) === JSON.stringify(given) || attack.text.trim() === '';
      const fault = isSame ? undefined : `answered ${JSON.stringify(found)?.slice(0, 200)}`;
      return (await dropField(attack, own)) ?? fault;
    },
  };
}

async function nameOfTable(attack: Attack): Promise<Finding | typeof skipped> {
  const { world, text, ask } = attack;
  if (isNoSegment(text) || isUnfit.test(text)) return skipped;
  const before = named(await world.query(tableNames[world.engine]));
  if (before.some((each) => each.toLowerCase() === text.toLowerCase())) return skipped;
  const body = { resource: [{ name: text, field: [{ name: 'id', type: 'id' }] }] };
  const reply = await ask({ method: 'POST', path: '/_schema', body });
  if (reply.status !== 200) return refused(reply);
  const after = named(await world.query(tableNames[world.engine]));
  const gone = await ask({ method: 'DELETE', path: `/_schema/${encodeURIComponent(text)}` });
  if (!after.includes(text)) return `made ${JSON.stringify(after)}`;
  const left = named(await world.query(tableNames[world.engine]));
  return gone.status === 200 && !left.includes(text) ? undefined : `not dropped: ${gone.text.slice(0, 200)}`;
}

async function nameOfField(attack: Attack): Promise<Finding | typeof skipped> {
  const { world, text } = attack;
  if (isNoSegment(text) || isUnfit.test(text)) return skipped;
  const before = named(await world.query(columnNames[world.engine]));
  if (before.some((each) => each.toLowerCase() === text.toLowerCase())) return skipped;
  const reply = await field(attack, { name: text, type: 'integer' });
  if (reply.status !== 200) return refused(reply);
  const after = named(await world.query(columnNames[world.engine]));
  const fault = await dropField(attack, text);
  return after.includes(text) ? fault : `made ${JSON.stringify(after)}`;
}

async function defaultOfField(attack: Attack): Promise<Finding> {
  const { world, text, turn } = attack;
  const own = `f${turn}`;
  const reply = await field(attack, { name: own, type: 'string', length: 250, default: text });
  if (reply.status !== 200) return refused(reply);
  await world.query('insert into shape (id) values (?)', [turn]);
  const [row] = await world.query(`select ${own} as n from shape where id = ?`, [turn]);
  await world.query('delete from shape where id = ?', [turn]);
  const fault = await dropField(attack, own);
  // Text that is a moment or a key to the platform means what it means there.
  const isMeant = /^(null|now\(\)|current_\w+|true|false)?$/i.test(text.trim());
  return fault ?? (row?.n === text || isMeant ? undefined : `made ${JSON.stringify(row?.n)?.slice(0, 200)}`);
}

// Expressions are for administrators, who may well write one that fails; it must not reach beyond its place.
async function functionOfField(attack: Attack): Promise<Finding> {
  const { text, turn, ask } = attack;
  const own = `f${turn}`;
  const db_function = [{ use: ['FILTER'], function: text }];
  const reply = await field(attack, { name: own, type: 'string', db_function });
  if (reply.status !== 200) return refused(reply);
  return dropField({ ...attack, ask }, own);
}

/** Places in changes of a schema. */
export const schemas: readonly Position[] = [
  { name: 'name of a new table', writes: true, attack: nameOfTable },
  { name: 'name of a new field', writes: true, attack: nameOfField },
  { name: 'default of a new field', writes: true, attack: defaultOfField },
  { name: 'function of a new field', writes: true, attack: functionOfField },
  member({
    name: 'type of a new field',
    given: (text) => ({ type: text }),
    isGood: (text) => /^\s*\w+\s*$/.test(text),
  }),
  member({
    name: 'type of a new field, in words of the engine',
    given: (text) => ({ db_type: text, type: undefined }),
    isGood: (text) => /^[\w ]*(\(\d+(,\d+)?\))?(\[\])?$/.test(text),
  }),
  member({
    name: 'length of a new field',
    given: (text) => ({ length: text }),
    isGood: (text) => /^\s*\+?\d{0,9}\s*$/.test(text),
  }),
  member({
    name: 'table of a reference',
    given: (text) => ({ type: 'reference', ref_table: text }),
    isGood: isTable,
  }),
  member({
    name: 'field of a reference',
    given: (text) => ({ type: 'reference', ref_table: 'word', ref_field: text }),
    isGood: (text) => /^\s*(id)?\s*$/i.test(text),
  }),
  member({
    name: 'action of a reference',
    given: (text) => ({ type: 'reference', ref_table: 'word', ref_on_delete: text }),
    isGood: (text) => /^\s*(null|cascade)?\s*$/i.test(text),
  }),
  said('label of a new field', 'label'),
  said('description of a new field', 'description'),
  said('choices of a new field', 'picklist', (text) => [text, 'x']),
];

function isTable(text: string): boolean {
  return /^\s*("|`|\[)?(word|secret|note|shape)("|`|\])?\s*$/i.test(text.replace(/^[^.]*\./, ''));
}
