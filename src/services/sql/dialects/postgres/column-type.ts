// What the types of PostgreSQL's columns mean. A domain means what it is made of, an array what its elements
// are; what is not known by name is text, as which every type is written and read.
import type { FieldType, IntegerRange } from '../../schema.ts';

/** A row of pg_type. */
export interface TypeRow {
  readonly oid: number;
  readonly name: string;
  /** `b` base, `d` domain, `e` enumeration, `r` and `m` ranges, `p` pseudo, `c` composite. */
  readonly form: string;
  /** What a domain is made of, with its modifier; 0 for others. */
  readonly base: number;
  readonly modifier: number;
  readonly isNotNull: boolean;
  /** The type of an array's elements; 0 for others. */
  readonly element: number;
  /** The labels of an enumeration as a JSON list. */
  readonly labels: string | null;
}

/** A type as values are read and written by it. */
export interface ValueType {
  /** The base type's name in the catalog, such as `int4`. */
  readonly name: string;
  readonly form: string;
  readonly type: FieldType;
  readonly length: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly labels: readonly string[] | null;
  readonly element: ValueType | null;
  readonly isNotNull: boolean;
}

const fieldTypes: Readonly<Record<string, FieldType>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  oid: 'bigint',
  bool: 'boolean',
  varchar: 'string',
  bpchar: 'string',
  name: 'string',
  text: 'text',
  citext: 'text',
  xml: 'text',
  numeric: 'decimal',
  money: 'money',
  float4: 'float',
  float8: 'double',
  date: 'date',
  time: 'time',
  timetz: 'timetz',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  json: 'json',
  jsonb: 'json',
  bytea: 'binary',
  uuid: 'uuid',
};

const ranges: Readonly<Record<string, IntegerRange>> = {
  int2: { min: -32_768n, max: 32_767n },
  int4: { min: -2_147_483_648n, max: 2_147_483_647n },
  oid: { min: 0n, max: 4_294_967_295n },
};

/** What integers a type holds; null for 64 bits and for other types. */
export function rangeOf({ name }: ValueType): IntegerRange | null {
  return ranges[name] ?? null;
}

/** A type by its catalog number and the modifier that a column gives it. */
export function valueType(
  types: ReadonlyMap<number, TypeRow>,
  { oid, modifier }: { readonly oid: number; readonly modifier: number },
): ValueType {
  const row = types.get(oid);
  if (row === undefined) return typeNamed('unknown');
  if (row.form === 'd') {
    const base = valueType(types, { oid: row.base, modifier: modifier >= 0 ? modifier : row.modifier });
    return { ...base, isNotNull: base.isNotNull || row.isNotNull };
  }
  if (row.element !== 0) {
    const element = valueType(types, { oid: row.element, modifier });
    return { ...typeNamed(row.name), type: 'array', element };
  }
  const labels = row.labels === null ? null : (JSON.parse(row.labels) as readonly string[]);
  return { ...typeNamed(row.name), form: row.form, ...modified(row.name, modifier), labels };
}

function typeNamed(name: string): ValueType {
  return {
    name,
    form: 'b',
    type: fieldTypes[name] ?? 'string',
    length: null,
    precision: null,
    scale: null,
    labels: null,
    element: null,
    isNotNull: false,
  };
}

// Modifiers count four bytes of header; that of a numeric is its precision and its scale of eleven bits.
function modified(name: string, modifier: number): Partial<ValueType> {
  if (name === 'name') return { length: 63 };
  if (modifier < 0) return {};
  switch (name) {
    case 'varchar':
    case 'bpchar':
      return { length: modifier - 4 };
    case 'bit':
    case 'varbit':
      return { length: modifier };
    case 'numeric': {
      const packed = modifier - 4;
      const scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
      return { precision: (packed >> 16) & 0xffff, scale };
    }
    default:
      return {};
  }
}
