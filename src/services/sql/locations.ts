// Where paths of a SQL service lead: what access is granted on and which events fire (spec §2.3). Invariant:
// a table has one spelling here, its own, however it was asked for; so neither access nor scripts can be got
// round by case. Memory is bounded: locations of existing tables are kept, those inside a schema by use.
import { LRUCache } from 'lru-cache';
import { type EventName, eventName } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import { type Action, actions } from '../../core/operation.ts';
import type { Location } from '../../core/service.ts';
import type { RoutineKind } from './routines/routine.ts';
import { type RoutineDesk, routineKind } from './routines/routine-desk.ts';
import { routineName } from './routines/routine-request.ts';

/** What the segments of a path stand for; undefined means that the service has no such resource. */
export class Locations {
  readonly #service: string;
  readonly #tableName: (name: string, isOwn: boolean) => string | undefined;
  readonly #routines: RoutineDesk;
  readonly #tables = new Map<string, TableLocations>();
  readonly #roots = new Map<string, Location>();
  // By use, because names of fields come from the path.
  readonly #schemas = new LRUCache<string, Location>({ max: limits.preparedStatements });

  /**
   * `tableName` gives a table's one spelling, undefined when there is no such table; `isOwn`: also when it is
   * called what its alias stands for.
   */
  constructor(options: {
    readonly service: string;
    readonly tableName: (name: string, isOwn: boolean) => string | undefined;
    readonly routines: RoutineDesk;
  }) {
    this.#service = options.service;
    this.#tableName = options.tableName;
    this.#routines = options.routines;
  }

  /** The same object for the same table, shape and action. */
  find(path: readonly string[], action: Action): Location | undefined {
    const [root, name] = path;
    if (root === '_table' && name !== undefined) return this.#table(path, name, action);
    const kind = this.#routines.isOffered ? routineKind(root) : undefined;
    if (root === undefined || path.length === 1) return this.#root(root ?? '', action, kind !== undefined);
    if (kind !== undefined) return path.length === 2 ? this.#routine(kind, name ?? '', action) : undefined;
    return root === '_schema' && name !== undefined ? this.#schema(path, name, action) : undefined;
  }

  /** Forgets tables, which may be others now. */
  clear(): void {
    this.#tables.clear();
    this.#schemas.clear();
  }

  #table(path: readonly string[], name: string, action: Action): Location | undefined {
    if (path.length > 3) return undefined;
    let known = this.#tables.get(name);
    if (known === undefined) {
      const table = this.#tableName(name, false);
      known = (table === undefined ? undefined : this.#tables.get(table)) ?? this.#locate(table ?? name);
      if (table !== undefined) this.#tables.set(table, known);
    }
    return path.length === 2 ? known.list[action] : known.record[action];
  }

  #root(root: string, action: Action, isRoutines: boolean): Location | undefined {
    if (root !== '' && root !== '_table' && root !== '_schema' && !isRoutines) return undefined;
    const key = `${root} ${action}`;
    let location = this.#roots.get(key);
    if (location === undefined) {
      const segments = root === '' ? [] : [root];
      location = {
        component: root,
        events: [{ name: this.#name(segments, action), drop: segments.length }],
        // Names of tables are no records; routines may show any.
        isRestrictable: !isRoutines,
      };
      this.#roots.set(key, location);
    }
    return location;
  }

  #routine(kind: RoutineKind, segment: string, action: Action): Location {
    const asked = routineName(segment);
    const name = this.#routines.spelling(kind, asked) ?? asked;
    const [root, placeholder] =
      kind === 'procedure' ? ['_proc', '{procedure_name}'] : ['_func', '{function_name}'];
    const key = JSON.stringify([root, name, action]);
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const location = {
      component: `${root}/${name}`,
      events: [
        { name: this.#name([root, placeholder], action), drop: 1 },
        { name: this.#name([root, name], action), drop: 1 },
      ],
    };
    this.#schemas.set(key, location);
    return location;
  }

  #schema(path: readonly string[], name: string, action: Action): Location | undefined {
    const table = this.#tableName(name, true) ?? name;
    const rest = path.slice(2);
    const pattern = patternOf(rest);
    if (pattern === undefined) return undefined;
    const key = JSON.stringify([table, action, ...rest]);
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const concrete = rest.length === 1 && pattern.length === 2 ? ['_field', ...rest] : rest;
    const location = {
      component: `_schema/${table}`,
      events: [
        { name: this.#name(['_schema', '{table_name}', ...pattern], action), drop: 1 },
        { name: this.#name(['_schema', table, ...concrete], action), drop: Math.max(1, path.length - 1) },
      ],
      // Looking shows no records; a change of the schema can concern all of them.
      isRestrictable: action === 'GET',
    };
    this.#schemas.set(key, location);
    return location;
  }

  #locate(table: string): TableLocations {
    const generic = ['_table', '{table_name}'];
    const component = `_table/${table}`;
    const of = (segments: readonly string[], drop: number) => (action: Action) => [
      action,
      {
        component,
        events: [
          { name: this.#name([...generic, ...segments], action), drop: 1 },
          { name: this.#name(['_table', table, ...segments], action), drop },
        ] satisfies EventName[],
        isRestrictable: true,
      },
    ];
    return {
      list: Object.fromEntries(actions.map(of([], 1))),
      record: Object.fromEntries(actions.map(of(['{id}'], 2))),
    };
  }

  #name(segments: readonly string[], action: Action): string {
    return eventName(this.#service, segments, action);
  }
}

interface TableLocations {
  readonly list: Readonly<Record<Action, Location>>;
  readonly record: Readonly<Record<Action, Location>>;
}

// `_schema/t/f` is the old spelling of `_schema/t/_field/f`.
function patternOf(rest: readonly string[]): readonly string[] | undefined {
  const [part, name, ...more] = rest;
  if (more.length > 0) return undefined;
  if (part === undefined) return [];
  if (name === undefined)
    return part === '_field' || part === '_related' ? [part] : ['_field', '{field_name}'];
  if (part === '_field') return [part, '{field_name}'];
  return part === '_related' ? [part, '{relationship_name}'] : undefined;
}
