// The resources `_proc` and `_func` of a SQL service: lists, descriptions and calls.
// Invariant: routines are read from the database when first asked for and kept until the schema is refreshed.
import { Body } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Operation, Result } from '../../../core/operation.ts';
import {
  DatabaseError,
  type MaybePromise,
  type Transaction,
  whenDone,
} from '../../../database/connection.ts';
import { labelOf } from '../naming.ts';
import { ReadParameters } from '../reading/parameters.ts';
import { listEntries } from '../schema/listing.ts';
import type { View } from '../schema/schema-view.ts';
import type { Routine, RoutineKind, Routines } from './routine.ts';
import { routineAnswer } from './routine-answer.ts';
import { matchRoutine, type RoutineRequest, readRoutineRequest } from './routine-request.ts';

/** The kind of a resource, or undefined when it is another one. */
export function routineKind(root: string | undefined): RoutineKind | undefined {
  if (root === '_proc') return 'procedure';
  return root === '_func' ? 'function' : undefined;
}

type Catalog = ReadonlyMap<string, readonly Routine[]>;

/** The routines of one source. */
export class RoutineDesk {
  readonly #service: string;
  readonly #routines: Routines | undefined;
  readonly #known = new Map<RoutineKind, Catalog>();
  readonly #lookedAt = new Map<RoutineKind, number>();

  constructor({ service, routines }: { readonly service: string; readonly routines: Routines | undefined }) {
    this.#service = service;
    this.#routines = routines;
  }

  /** Whether the database can have any. */
  get isOffered(): boolean {
    return this.#routines !== undefined;
  }

  /** Reads the routines of a kind unless they are there; looks again, once a moment, for an unknown name. */
  ready(kind: RoutineKind, name: string | undefined): Promise<void> | undefined {
    const known = this.#known.get(kind);
    const isThere = name === undefined || known?.has(name.toLowerCase()) === true;
    const isFresh = performance.now() - (this.#lookedAt.get(kind) ?? 0) < limits.schemaLookMs;
    if (this.#routines === undefined || (known !== undefined && (isThere || isFresh))) return undefined;
    const done = whenDone(this.#load(kind), () => undefined);
    // What is wrong is said by whoever needs the list.
    return done instanceof Promise ? done.catch(() => undefined) : undefined;
  }

  /** Names in their own spelling, in alphabetical order, of those that were read. */
  names(kind: RoutineKind): readonly string[] {
    return [...(this.#known.get(kind)?.values() ?? [])].flatMap(([first]) => first?.name ?? []);
  }

  /** All that were read, overloads side by side. */
  all(kind: RoutineKind): readonly Routine[] {
    return [...(this.#known.get(kind)?.values() ?? [])].flat();
  }

  /** A name in its own spelling; undefined when there is no such routine. */
  spelling(kind: RoutineKind, name: string): string | undefined {
    return this.#known.get(kind)?.get(name.toLowerCase())?.[0]?.name;
  }

  /** Reads them anew when next asked for. */
  refresh(): void {
    this.#known.clear();
    this.#lookedAt.clear();
  }

  /** The list, or the descriptions that `ids` names. */
  list(kind: RoutineKind, { request }: Operation): MaybePromise<Result> {
    this.#refuseUnoffered(kind);
    const parameters = new ReadParameters(request);
    return whenDone(this.#catalog(kind), (catalog) => {
      const ids = parameters.list('ids')?.map(String);
      const wanted = ids?.map((id) => this.#found(kind, catalog, id)) ?? [...catalog.values()];
      const isFull = ids !== undefined || parameters.text('fields') !== undefined;
      const views = wanted.flatMap((overloads) =>
        isFull ? overloads.map(routineView) : overloads.slice(0, 1).map(({ name }) => ({ name })),
      );
      return answer(
        listEntries(
          parameters,
          views.map((view) => ({ view, access: ['GET', 'POST'] })),
        ),
      );
    });
  }

  /** Calls one. `inside`: the session of the transaction that it is a part of. */
  call(kind: RoutineKind, operation: Operation, inside: Transaction | undefined): MaybePromise<Result> {
    this.#refuseUnoffered(kind);
    const { action } = operation;
    if (action !== 'GET' && action !== 'POST') {
      throw new PlatformError(
        'request.unsupported_verb',
        `${action} requests on a ${kind} are not supported: call it with GET or POST.`,
      );
    }
    const request = readRoutineRequest(operation);
    return whenDone(this.#catalog(kind), (catalog) => {
      const call = matchRoutine(this.#found(kind, catalog, request.name), request.given);
      return this.#outcome(() => this.#routines?.call(call, inside), { kind, request });
    });
  }

  #outcome(
    call: () => ReturnType<Routines['call']> | undefined,
    { kind, request }: { readonly kind: RoutineKind; readonly request: RoutineRequest },
  ): MaybePromise<Result> {
    const done = (outcome: Awaited<ReturnType<Routines['call']>> | undefined) =>
      answer(Body.ofValue(routineAnswer(outcome ?? { sets: [], out: {} }, request)));
    const refused = (error: unknown): never => {
      throw refusal(error, kind, request.name);
    };
    try {
      const outcome = call();
      return outcome instanceof Promise ? outcome.then(done, refused) : done(outcome);
    } catch (error) {
      return refused(error);
    }
  }

  #found(kind: RoutineKind, catalog: Catalog, name: string): readonly Routine[] {
    const overloads = catalog.get(name.toLowerCase());
    if (overloads !== undefined) return overloads;
    const what = kind === 'procedure' ? 'Procedure' : 'Function';
    throw new PlatformError('request.not_found', `${what} '${name}' does not exist in the database.`);
  }

  #catalog(kind: RoutineKind): MaybePromise<Catalog> {
    return this.#known.get(kind) ?? this.#load(kind);
  }

  #load(kind: RoutineKind): MaybePromise<Catalog> {
    this.#lookedAt.set(kind, performance.now());
    return whenDone(this.#routines?.list(kind) ?? [], (routines) => {
      const sorted = routines.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      const catalog = Map.groupBy(sorted, ({ name }) => name.toLowerCase());
      this.#known.set(kind, catalog);
      return catalog;
    });
  }

  #refuseUnoffered(kind: RoutineKind): void {
    if (this.isOffered) return;
    throw new PlatformError(
      'request.not_found',
      `The database of service '${this.#service}' has no ${kind}s: its engine does not know them.`,
    );
  }
}

function answer(body: Body): Result {
  return { status: 200, headers: {}, body };
}

function routineView(routine: Routine): View {
  return {
    name: routine.name,
    label: labelOf(routine.name),
    description: routine.description,
    type: routine.kind,
    return_type: routine.returns?.dbType ?? null,
    returns_rows: routine.returns?.isRows ?? false,
    params: routine.parameters.map(({ name, mode, isRequired, field }, index) => ({
      name,
      position: index + 1,
      param_type: mode,
      type: field.type,
      db_type: field.dbType,
      length: field.length,
      precision: field.precision,
      scale: field.scale,
      required: isRequired,
      default: field.default,
    })),
  };
}

// The author of a routine may say what is wrong; the driver's own words stay in the log.
function refusal(error: unknown, kind: RoutineKind, name: string): unknown {
  if (!(error instanceof DatabaseError)) return error;
  const failed =
    kind === 'procedure' ? 'Failed to call database stored procedure.' : 'Failed to call database function.';
  switch (error.failure) {
    case 'busy':
    case 'unavailable':
      return error;
    case 'raised':
      return new PlatformError('request.failed', `${failed}\n${error.message}`, { cause: error });
    case 'type':
      return new PlatformError(
        'request.invalid_parameter',
        `A value given to '${name}' does not fit its parameter, or what it is used for.`,
        { cause: error },
      );
    case 'unique':
    case 'foreign_key':
    case 'not_null':
    case 'check':
      return new PlatformError(
        'request.conflict',
        `${failed}\nWhat '${name}' writes breaks a rule of the database.`,
        {
          cause: error,
        },
      );
    default:
      return new PlatformError('request.failed', failed, { cause: error });
  }
}
