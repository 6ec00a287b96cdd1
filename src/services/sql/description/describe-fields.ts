// The values of fields as JSON Schema: what is answered and what may be sent.
import type { PartMap } from '../../../core/description.ts';
import type { Field, FieldType } from '../schema.ts';

const text: PartMap = { type: 'string' };
const integer: PartMap = { type: 'integer', format: 'int64' };
const moment = (what: string, example: string): PartMap => ({
  type: 'string',
  description: `${what}.`,
  examples: [example],
});

const types: Readonly<Record<FieldType, PartMap>> = {
  id: integer,
  smallint: { type: 'integer', format: 'int32' },
  integer,
  bigint: integer,
  reference: integer,
  boolean: { type: 'boolean' },
  string: text,
  text,
  decimal: { type: 'number' },
  money: { type: 'number' },
  double: { type: 'number', format: 'double' },
  float: { type: 'number', format: 'float' },
  date: { type: 'string', format: 'date' },
  time: moment('Time', '09:30:00'),
  timetz: moment('Time with its distance from UTC', '09:30:00+02'),
  datetime: moment('Date and time', '2026-01-31 09:30:00'),
  datetimetz: moment('Date and time with its distance from UTC', '2026-01-31T09:30:00+02:00'),
  timestamp: moment('Date and time', '2026-01-31 09:30:00'),
  timestamptz: moment('Date and time in UTC', '2026-01-31T07:30:00Z'),
  json: {},
  binary: { type: 'string', contentEncoding: 'base64' },
  uuid: { type: 'string', format: 'uuid' },
  array: { type: 'array', items: {} },
};

/** The values of a field; `seesTable` says whether the reader may know of a table that it refers to. */
export function fieldSchema(field: Field, seesTable: (name: string) => boolean = () => false): PartMap {
  const { description: usual, ...values } = types[field.type];
  const told = [field.description, usual, ...notes(field), ...reference(field, seesTable)];
  const description = told.filter((note) => typeof note === 'string').join(' ');
  const { type } = values;
  const isNullable = field.allowNull && !field.isPrimaryKey && typeof type === 'string';
  return {
    ...values,
    ...(isNullable ? { type: [type, 'null'] } : {}),
    ...bounds(field),
    ...members(field),
    ...(field.label === '' ? {} : { title: field.label }),
    ...(description === '' ? {} : { description }),
    ...(isReadOnly(field) ? { readOnly: true } : {}),
  };
}

/** Whether the API does not let callers write a field. */
export function isReadOnly({ isGenerated, extras, limit }: Field): boolean {
  if (isGenerated || extras?.isVirtual === true || limit !== undefined) return true;
  return Object.hasOwn(extras?.validation ?? {}, 'api_read_only');
}

function bounds({ type, length, range }: Field): PartMap {
  if (type === 'string' || type === 'text') return length === null ? {} : { maxLength: length };
  if (range === null) return {};
  // What a JSON number cannot hold exactly would be another bound than is meant.
  const [minimum, maximum] = [Number(range.min), Number(range.max)];
  return Number.isSafeInteger(minimum) && Number.isSafeInteger(maximum) ? { minimum, maximum } : {};
}

// Values that administrators list beside the database are a rule only where they said so; a value of a set is
// several of its members.
function members({ picklist, dbType, allowNull, extras }: Field): PartMap {
  const isRule = extras === undefined || Object.hasOwn(extras.validation ?? {}, 'picklist');
  if (picklist === null || !isRule || /^set\(/i.test(dbType)) return {};
  return { enum: [...picklist, ...(allowNull ? [null] : [])] };
}

function notes(field: Field): string[] {
  const { extras } = field;
  return [
    ...(field.isPrimaryKey ? ['Primary key.'] : field.isUnique ? ['Unique.'] : []),
    ...(field.autoIncrement ? ['Given by the database when left out.'] : []),
    ...(field.isGenerated && field.limit === undefined ? ['Computed by the database.'] : []),
    ...(field.limit?.access === 'masked' ? ['Masked.'] : []),
    ...(extras?.automatic ? ['Set by the platform.'] : []),
    ...(extras?.isAggregate ? ['Of groups of records only.'] : []),
    ...(field.default === null ? [] : [`Default: ${String(field.default)}.`]),
  ];
}

function reference({ refTable, refField }: Field, seesTable: (name: string) => boolean): string[] {
  return refTable === null || !seesTable(refTable) ? [] : [`Refers to ${refTable}.${refField ?? ''}.`];
}
