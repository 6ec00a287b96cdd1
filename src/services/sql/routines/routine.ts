// Procedures and functions of a database (spec §5.8): what introspection knows of them and how an engine
// calls them. Invariant: names of routines and parameters in SQL come from introspection, values are bound.
import type { MaybePromise, Transaction } from '../../../database/connection.ts';
import { labelOf } from '../naming.ts';
import type { ColumnFacts, Field } from '../schema.ts';

/** Which kind of routine, as the paths `_proc` and `_func` tell them apart. */
export type RoutineKind = 'procedure' | 'function';

/** A parameter, in the order of the declaration. */
export interface RoutineParameter {
  /** Without signs such as `@`; `p1`, `p2` … where the database has none. */
  readonly name: string;
  readonly mode: 'IN' | 'OUT' | 'INOUT';
  /** Whether a call must give it. */
  readonly isRequired: boolean;
  /** Its type, as that of a field. */
  readonly field: Field;
}

/** A procedure or function; overloads are routines of the same name. */
export interface Routine {
  /** What callers say: with its schema before it where that is not the default. */
  readonly name: string;
  /** Identifiers for SQL, outermost first. */
  readonly path: readonly string[];
  readonly kind: RoutineKind;
  readonly parameters: readonly RoutineParameter[];
  /** What a function answers: a value of a type, or rows; null for procedures. */
  readonly returns: { readonly dbType: string; readonly isRows: boolean } | null;
  readonly description: string | null;
}

/** A call with the JSON values of parameters that go in, by parameter; those with defaults may miss. */
export interface RoutineCall {
  readonly routine: Routine;
  readonly values: ReadonlyMap<RoutineParameter, unknown>;
}

/** A row as JSON values. */
export type RoutineRow = Readonly<Record<string, unknown>>;

/** What a call came to, as JSON values. */
export interface RoutineOutcome {
  readonly sets: readonly (readonly RoutineRow[])[];
  /** By name of the parameter, in order; empty without OUT and INOUT parameters. */
  readonly out: RoutineRow;
  /** Of functions that answer one value. */
  readonly scalar?: { readonly value: unknown };
}

/** The routines of one database. */
export interface Routines {
  /** All of the kind that the caller of the database may use. */
  list(kind: RoutineKind): MaybePromise<readonly Routine[]>;
  /**
   * Calls one, inside an open transaction or on a connection of its own. Throws `request.invalid_record`
   * naming the parameter for values that are not of its type, else DatabaseError.
   */
  call(call: RoutineCall, inside: Transaction | undefined): MaybePromise<RoutineOutcome>;
}

/** The type of a parameter as a field, so that the dialect encodes its values like those of records. */
export function parameterField(
  facts: Pick<ColumnFacts, 'name' | 'type' | 'dbType'> & Partial<ColumnFacts>,
): Field {
  return {
    length: null,
    precision: null,
    scale: null,
    default: null,
    required: false,
    allowNull: true,
    fixedLength: false,
    supportsMultibyte: true,
    autoIncrement: false,
    isGenerated: false,
    isUnique: false,
    isIndex: false,
    isExact: true,
    description: null,
    picklist: null,
    range: null,
    ...facts,
    column: facts.name,
    label: labelOf(facts.name),
    isPrimaryKey: false,
    refTable: null,
    refField: null,
    refOnUpdate: null,
    refOnDelete: null,
  };
}
