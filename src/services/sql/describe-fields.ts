// The values of fields as JSON Schema: what is answered and what may be sent.
import type { PartMap } from '../../core/description.ts';
import type { Field, FieldType } from './schema.ts';

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
  timetz: moment('Time with its distance from UTC', '09:30:00+02:00'),
  datetime: moment('Date and time', '2026-01-31 09:30:00'),
  datetimetz: moment('Date and time with its distance from UTC', '2026-01-31 09:30:00+02:00'),
  timestamp: moment('Date and time', '2026-01-31 09:30:00'),
  timestamptz: moment('Date and time with its distance from UTC', '2026-01-31 09:30:00+02:00'),
  json: {},
  binary: { type: 'string', contentEncoding: 'base64' },
  uuid: { type: 'string', format: 'uuid' },
  array: { type: 'array', items: {} },
};

/** The values of a field. */
export function fieldSchema(field: Field): PartMap {
  const { description: usual, ...values } = types[field.type];
  const description = [field.description, usual, ...notes(field)].filter((note) => typeof note === 'string');
  const { type } = values;
  return {
    ...values,
    ...(field.allowNull && !field.isPrimaryKey && typeof type === 'string' ? { type: [type, 'null'] } : {}),
    ...(isText(field) && field.length !== null ? { maxLength: field.length } : {}),
    ...(field.picklist === null ? {} : { enum: [...field.picklist, ...(field.allowNull ? [null] : [])] }),
    ...(field.label === '' ? {} : { title: field.label }),
    ...(description.length === 0 ? {} : { description: description.join(' ') }),
    ...(field.isGenerated ? { readOnly: true } : {}),
  };
}

function isText({ type }: Field): boolean {
  return type === 'string' || type === 'text';
}

function notes(field: Field): string[] {
  const { refTable, refField } = field;
  return [
    ...(field.isPrimaryKey ? ['Primary key.'] : field.isUnique ? ['Unique.'] : []),
    ...(field.autoIncrement ? ['Given by the database when left out.'] : []),
    ...(field.isGenerated ? ['Computed by the database.'] : []),
    ...(field.default === null ? [] : [`Default: ${String(field.default)}.`]),
    ...(refTable === null ? [] : [`Refers to ${refTable}.${refField ?? ''}.`]),
  ];
}
