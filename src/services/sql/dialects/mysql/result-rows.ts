// Rows of a result whose columns are only known by what the server says of them beside it.
// Invariant: a column of a type answers the same JSON as a field of that type does.
import type { MysqlResults } from '../../../../database/mysql-connection.ts';
import { parameterField, type RoutineRow } from '../../routines/routine.ts';
import type { Field, FieldType } from '../../schema.ts';
import { decode } from './values.ts';

/** What the driver tells of a column. */
interface ResultColumn {
  readonly name: string;
  readonly columnType?: number;
  readonly columnLength?: number;
  readonly extendedFormat?: string;
}

/** The rows of one result as JSON values. */
export function resultRows({ rows, fields }: MysqlResults['sets'][number]): readonly RoutineRow[] {
  const known = (fields as readonly ResultColumn[]).map(fieldOf);
  return rows.map((row) =>
    Object.fromEntries(known.map((field) => [field.name, decode(field, row[field.name])])),
  );
}

// The protocol's numbers of types.
const types: Readonly<Record<number, FieldType>> = {
  4: 'float',
  7: 'timestamp',
  11: 'time',
  12: 'datetime',
  16: 'bigint',
  245: 'json',
  246: 'decimal',
};

const tiny = 1;
const bit = 16;

function fieldOf({ name, columnType = 0, columnLength, extendedFormat }: ResultColumn): Field {
  const isBoolean = columnLength === 1 && (columnType === tiny || columnType === bit);
  const type = extendedFormat === 'json' ? 'json' : isBoolean ? 'boolean' : (types[columnType] ?? 'string');
  return parameterField({ name, type, dbType: '' });
}
