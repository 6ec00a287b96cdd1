// Procedures and functions of PostgreSQL: what the catalog says of those that the user may call.
// Invariant: names and types in a call come from here; triggers, aggregates and what belongs to extensions
// are left out.
import type { Row, Session } from '../../../../database/connection.ts';
import {
  parameterField,
  type Routine,
  type RoutineKind,
  type RoutineParameter,
} from '../../routines/routine.ts';
import type { Field } from '../../schema.ts';
import { rangeOf, type TypeRow, type ValueType, valueType } from './column-type.ts';
import { apiName, isServed, readTypes, type SchemaChoice } from './introspection.ts';

/** A parameter, with how its value is handed over. */
export interface PostgresParameter extends RoutineParameter {
  /** Its name in the database, '' where it has none. */
  readonly ownName: string;
  /** The type that its value is cast to; undefined for types that only a call decides. */
  readonly cast: string | undefined;
  readonly isVariadic: boolean;
}

/** How the answer of a function comes. */
export type ResultForm = 'nothing' | 'value' | 'row' | 'rows' | 'cursor' | 'cursors';

/** A routine, with what its call and its answer need. */
export interface PostgresRoutine extends Routine {
  readonly parameters: readonly PostgresParameter[];
  readonly form: ResultForm;
  /** The columns of its answer; none where only the answer says them. */
  readonly columns: readonly Field[];
}

/** What was found, with the types of all parameters and columns by their declaration. */
export interface FoundRoutines {
  readonly routines: readonly PostgresRoutine[];
  readonly types: ReadonlyMap<string, ValueType>;
}

interface RoutineRow {
  readonly schema: string;
  readonly name: string;
  readonly is_procedure: boolean;
  readonly comment: string | null;
  readonly returns_set: boolean;
  readonly return_type: number;
  readonly return_name: string;
  readonly return_declared: string;
  readonly defaults: number;
  /** JSON: of each argument its mode, name, type and declaration. */
  readonly arguments: string;
  /** JSON: the columns of a composite result, likewise. */
  readonly composite: string | null;
}

interface Argument {
  readonly mode: string;
  readonly name: string | null;
  readonly type: number;
  readonly declared: string;
}

const statement = {
  sql: `SELECT n.nspname AS schema, p.proname AS name, p.prokind = 'p' AS is_procedure,
      obj_description(p.oid, 'pg_proc') AS comment, p.proretset AS returns_set, p.prorettype AS return_type,
      r.typname AS return_name, format_type(p.prorettype, NULL) AS return_declared,
      p.pronargdefaults AS defaults,
      (SELECT coalesce(json_agg(json_build_object('mode', coalesce(p.proargmodes[a.at]::text, 'i'),
          'name', p.proargnames[a.at], 'type', a.type::bigint, 'declared', format_type(a.type, NULL))
          ORDER BY a.at), '[]')
        FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS a(type, at))::text
        AS arguments,
      (SELECT json_agg(json_build_object('mode', 't', 'name', a.attname, 'type', a.atttypid::bigint,
          'declared', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = r.typrelid AND a.attnum > 0 AND NOT a.attisdropped)::text
        AS composite
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type r ON r.oid = p.prorettype
    WHERE p.prokind IN ('p', 'f') AND ${isServed}
      AND r.typname NOT IN ('trigger', 'event_trigger', 'internal')
      AND NOT (2281 = ANY (p.proargtypes)) AND left(p.proname, 7) <> '_tenon_'
      AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        AND d.deptype = 'e')
    ORDER BY n.nspname, p.proname, p.oid`,
};

/** Reads all routines of the served schemas. */
export async function readRoutines(session: Session, choice: SchemaChoice): Promise<FoundRoutines> {
  const rows = await session.rows(statement, [JSON.stringify(choice.schemas)]);
  const reading = new Reading(rows.length === 0 ? new Map() : await readTypes(session), choice);
  const routines = rows.map((row) => reading.routine(row as Row & RoutineRow));
  return { routines, types: reading.types };
}

class Reading {
  readonly types = new Map<string, ValueType>();
  readonly #known: ReadonlyMap<number, TypeRow>;
  readonly #choice: SchemaChoice;

  constructor(known: ReadonlyMap<number, TypeRow>, choice: SchemaChoice) {
    this.#known = known;
    this.#choice = choice;
  }

  routine(row: RoutineRow): PostgresRoutine {
    const given = JSON.parse(row.arguments) as Argument[];
    const declared = given.filter(({ mode }) => mode !== 't');
    const kind: RoutineKind = row.is_procedure ? 'procedure' : 'function';
    const parameters = this.#parameters(declared, row.defaults);
    const form = row.is_procedure ? 'nothing' : formOf(row, given);
    return {
      name: apiName(row.schema, row.name, this.#choice),
      path: [row.schema, row.name],
      kind,
      parameters,
      returns: row.is_procedure
        ? null
        : { dbType: row.return_declared, isRows: form !== 'value' && form !== 'nothing' },
      description: row.comment,
      form,
      columns: this.#columns(row, given),
    };
  }

  #parameters(declared: readonly Argument[], defaults: number): PostgresParameter[] {
    const inward = declared.filter(({ mode }) => mode !== 'o');
    const needed = new Set(inward.slice(0, inward.length - defaults));
    return declared.map((argument, index) => {
      const name = argument.name === null || argument.name === '' ? `p${index + 1}` : argument.name;
      const isVariadic = argument.mode === 'v';
      return {
        name,
        ownName: argument.name ?? '',
        mode: argument.mode === 'o' ? 'OUT' : argument.mode === 'b' ? 'INOUT' : 'IN',
        isRequired: needed.has(argument) && !isVariadic,
        field: this.#field(argument, name),
        cast: this.#known.get(argument.type)?.form === 'p' ? undefined : argument.declared,
        isVariadic,
      };
    });
  }

  // The columns of a table or of OUT parameters, of a composite type, or the one value.
  #columns(row: RoutineRow, given: readonly Argument[]): Field[] {
    const outward = given.filter(({ mode }) => mode === 't' || mode === 'o' || mode === 'b');
    const parts =
      outward.length > 0 || row.is_procedure
        ? outward
        : row.composite === null
          ? []
          : (JSON.parse(row.composite) as Argument[]);
    if (parts.length > 0 || row.is_procedure) {
      return parts.map((part, index) =>
        this.#field(part, part.name || `p${given.indexOf(part) + 1 || index + 1}`),
      );
    }
    if (row.return_name === 'record') return [];
    return [
      this.#field(
        { mode: 't', name: row.name, type: row.return_type, declared: row.return_declared },
        row.name,
      ),
    ];
  }

  #field({ type: oid, declared }: Argument, name: string): Field {
    const type = valueType(this.#known, { oid, modifier: -1 });
    this.types.set(declared, type);
    return parameterField({
      name,
      type: type.type,
      dbType: declared,
      fixedLength: type.name === 'bpchar',
      picklist: type.labels,
      range: rangeOf(type),
    });
  }
}

function formOf(row: RoutineRow, given: readonly Argument[]): ResultForm {
  const outward = given.filter(({ mode }) => mode === 't' || mode === 'o' || mode === 'b');
  if (row.return_name === 'refcursor') return row.returns_set ? 'cursors' : 'cursor';
  if (row.returns_set) return 'rows';
  if (outward.length > 0) return 'row';
  if (row.return_name === 'void') return 'nothing';
  return row.composite === null ? 'value' : 'rows';
}
