// Places for names, numbers and keys: a known one, or a clear refusal.
// Invariant: what is a good text in a place is said here, in the words of the documentation.
import { compared, type Position, queryChars, reading, refused, skipped } from './sql-position.ts';
import { type Asked, isKey } from './sql-world.ts';

// ---- names, which must be known ----

const fieldNames: ReadonlySet<string> = new Set(['id', 'body', 'n', 'code', 'word_id', 'data']);
const tableNames: ReadonlySet<string> = new Set(['word', 'code', 'note', 'key_note', 'secret']);

/** A name without the quotes that names may stand in. */
function unquoted(name: string): string {
  return name
    .trim()
    .replace(/^([`"[])(.*)[`"\]]$/s, '$2')
    .toLowerCase();
}

/** Whether a text names a field of some table. */
export const isField = (text: string) => fieldNames.has(unquoted(text));
const areFields = (text: string) =>
  text.split(',').every((part) => /^\s*\*?\s*$/.test(part) || isField(part));
const areOrders = (text: string) =>
  text.split(',').every((part) => {
    return part.trim() === '' || isField(part.replace(/(\s+(asc|desc))?(\s+nulls\s+(first|last))?\s*$/i, ''));
  });
const isCount = (text: string) => /^\s*\d{0,15}\s*$/.test(text);
// A schema's name may stand before a table's.
const isTable = (text: string) => tableNames.has(unquoted(text.replace(/^[^.]*\./, '')));

interface NamePosition {
  readonly name: string;
  asked(text: string): Asked | undefined;
  /** Whether the text is a good one there. */
  isGood(text: string): boolean;
}

function namePosition({ name, asked, isGood }: NamePosition): Position {
  return {
    name,
    writes: false,
    attack: async ({ text, ask }) => {
      const request = asked(text);
      if (request === undefined) return skipped;
      const reply = await ask(request);
      return isGood(text) ? undefined : refused(reply);
    },
  };
}

const read = (name: string) => (text: string) => reading('/_table/word', { limit: '2', [name]: text });

/** What no segment of a path can be: nothing, and the one that means the folder itself. */
export function isNoSegment(text: string): boolean {
  return text.trim() === '' || text === '.';
}

function segment(before: string, after = ''): NamePosition['asked'] {
  return (text) => {
    const part = encodeURIComponent(text);
    return isNoSegment(text) || part.length > queryChars ? undefined : { path: `${before}${part}${after}` };
  };
}

const related = (parameters: (text: string) => Record<string, unknown>) => (text: string) =>
  reading('/_table/word', { limit: '2', related: 'note_by_word_id', ...parameters(text) });

const never = () => false;

/** Places of names and numbers. */
export const names: readonly Position[] = [
  namePosition({ name: 'fields', asked: read('fields'), isGood: areFields }),
  namePosition({
    name: 'fields, after a good one',
    asked: (text) => reading('/_table/word', { limit: '2', fields: `id,${text}` }),
    isGood: areFields,
  }),
  namePosition({ name: 'order', asked: read('order'), isGood: areOrders }),
  namePosition({
    name: 'order: direction',
    asked: (text) => reading('/_table/word', { limit: '2', order: `id ${text}` }),
    isGood: (text) => areOrders(`id ${text}`),
  }),
  namePosition({ name: 'group', asked: read('group'), isGood: areFields }),
  namePosition({ name: 'limit', asked: (text) => reading('/_table/word', { limit: text }), isGood: isCount }),
  namePosition({ name: 'offset', asked: read('offset'), isGood: isCount }),
  namePosition({
    name: 'related',
    asked: read('related'),
    isGood: (text) => text.split(',').every((part) => /^\s*(\*|note_by_word_id)?\s*$/.test(part)),
  }),
  namePosition({
    name: 'fields of a relation',
    asked: related((text) => ({ 'note_by_word_id.fields': text })),
    isGood: areFields,
  }),
  namePosition({
    name: 'order of a relation',
    asked: related((text) => ({ 'note_by_word_id.order': text })),
    isGood: areOrders,
  }),
  namePosition({
    name: 'limit of a relation',
    asked: related((text) => ({ 'note_by_word_id.limit': text })),
    isGood: isCount,
  }),
  namePosition({ name: 'table', asked: segment('/_table/'), isGood: isTable }),
  namePosition({ name: 'schema of a table', asked: segment('/_schema/'), isGood: isTable }),
  namePosition({ name: 'schema of a field', asked: segment('/_schema/word/_field/'), isGood: isField }),
  namePosition({ name: 'schema of a relation', asked: segment('/_schema/word/_related/'), isGood: never }),
  namePosition({ name: 'resource', asked: segment('/'), isGood: (text) => /^_(table|schema)$/.test(text) }),
  namePosition({ name: 'procedure', asked: segment('/_proc/'), isGood: never }),
  namePosition({ name: 'function', asked: segment('/_func/'), isGood: never }),
  namePosition({
    name: 'id_field',
    asked: (text) => reading('/_table/word', { ids: '1', id_field: text }),
    isGood: areFields,
  }),
];

// ---- records by their keys ----

/** Paths with these are refused, whatever they lead to. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is meant
export const isUnfit = /[\0-\x1f\x7f]|\.\.\//;

/** Places of keys. */
export const keys: readonly Position[] = [
  {
    name: 'id in the path',
    writes: false,
    attack: async ({ world, text, ask }) => {
      if (!isKey(text) || isNoSegment(text)) return skipped;
      const reply = await ask({ path: `/_table/code/${encodeURIComponent(text)}` });
      if (isUnfit.test(text)) return refused(reply);
      const wanted = await world.query('select code from code where code = ?', [text]);
      if (wanted.length === 0) return refused(reply);
      return compared(reply, [text], 'code');
    },
  },
  {
    name: 'id of a number in the path',
    writes: false,
    attack: async ({ text, ask }) => {
      if (isNoSegment(text) || text.length > queryChars) return skipped;
      const reply = await ask({ path: `/_table/word/${encodeURIComponent(text)}` });
      return /^\s*[+]?\d+(\.0*)?\s*$/.test(text) ? undefined : refused(reply);
    },
  },
  {
    name: 'ids',
    writes: false,
    attack: async ({ world, text, ask }) => {
      if (!isKey(text)) return skipped;
      const body = { ids: [text], fields: 'code' };
      const reply = await ask({
        method: 'POST',
        path: '/_table/code',
        headers: { 'X-HTTP-Method': 'GET' },
        body,
      });
      const wanted = await world.query('select code from code where code = ?', [text]);
      return wanted.length === 0 ? refused(reply) : compared(reply, [text], 'code');
    },
  },
  {
    name: 'ids in the query',
    writes: false,
    attack: async ({ text, ask }) => {
      if (text.trim() === '') return skipped;
      const reply = await ask(reading('/_table/word', { ids: text, fields: 'id' }));
      return /^[\s\d,+.()-]*$/.test(text) ? undefined : refused(reply);
    },
  },
  {
    name: 'id_field with ids',
    writes: false,
    attack: async ({ world, text, ask }) => {
      const body = { ids: [text], id_field: 'body', fields: 'id' };
      const reply = await ask({
        method: 'POST',
        path: '/_table/word',
        headers: { 'X-HTTP-Method': 'GET' },
        body,
      });
      if (!world.canStore(text)) return reply.status < 500 ? undefined : `status ${reply.status}`;
      const wanted = (await world.query('select id from word where body = ? order by id', [text])).map(
        ({ id }) => id,
      );
      return wanted.length === 0 ? refused(reply) : compared(reply, wanted);
    },
  },
  {
    name: 'id_type',
    writes: false,
    attack: async ({ text, ask }) => {
      const reply = await ask(reading('/_table/word', { ids: '1', id_type: text, fields: 'id' }));
      return reply.status === 200 ? compared(reply, [1]) : refused(reply);
    },
  },
];

// ---- headers ----

const headerNames = [
  ...['X-HTTP-Method', 'X-DreamFactory-API-Key', 'X-DreamFactory-Session-Token', 'Authorization', 'Accept'],
  ...['User-Agent', 'X-Forwarded-For', 'Referer', 'Origin', 'Cookie', 'If-None-Match', 'Accept-Language'],
];

/** Headers, in turn. */
export const headers: Position = {
  name: 'headers',
  writes: false,
  attack: async ({ text, turn, ask }) => {
    const value = Buffer.from(text).toString('latin1');
    // Others never leave a client.
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return skipped;
    const name = headerNames[turn % headerNames.length] ?? 'Accept';
    const method = name === 'X-HTTP-Method' ? 'POST' : 'GET';
    const reply = await ask({ method, path: '/_table/word?limit=1&fields=id', headers: { [name]: value } });
    return reply.status === 200 ? compared(reply, [1]) : refused(reply);
  },
};
