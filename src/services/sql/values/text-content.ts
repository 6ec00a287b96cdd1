// Records of forms in which every value is text (CSV, XML), as the values that their fields hold.
// Invariant: what was read in such a form can be written back: an empty text is no value where there may be
// none, and JSON in a cell is the value that it is.
import type { Body } from '../../../core/body.ts';
import { readJson } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { isText } from '../../../formats/index.ts';
import type { Table } from '../schema.ts';
import { isRecord, type WriteContent } from '../writing/records.ts';

/** The content of a body with the values that its texts stand for in a table; other forms as they are. */
export function typedContent(content: WriteContent, body: Body | undefined, table: Table): WriteContent {
  if (body === undefined || !isText(body.mediaType)) return content;
  const { list, bare, beside } = content;
  return {
    list: list?.map((record) => (isRecord(record) ? typedRecord(record, table) : record)),
    bare: bare && typedRecord(bare, table),
    beside: Object.fromEntries(
      Object.entries(beside).map(([name, value]) => [name, value === '' ? null : value]),
    ),
  };
}

function typedRecord(record: Readonly<Record<string, unknown>>, table: Table): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, typedValue(table, name, value)]),
  );
}

function typedValue(table: Table, name: string, value: unknown): unknown {
  if (typeof value !== 'string') return withNulls(value);
  const field = table.field(name);
  if (field === undefined) return table.relations.has(name) ? nested(value) : value;
  if (field.type === 'json') return value === '' ? null : nested(value);
  const keepsEmpty = (field.type === 'string' || field.type === 'text') && !field.allowNull;
  return value === '' && !keepsEmpty ? null : value;
}

// Elements of XML inside of others have no field that would say more.
function withNulls(value: unknown): unknown {
  if (value === '') return null;
  if (Array.isArray(value)) return value.map(withNulls);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withNulls(member)]));
}

// Text that is no JSON is itself the value: a text in a JSON column is written without its quotes.
function nested(text: string): unknown {
  if (text === '') return null;
  try {
    return readJson(text);
  } catch (error) {
    if (error instanceof PlatformError && error.kind === 'request.malformed_json') return text;
    throw error;
  }
}
