// Writing `_schema`: reads what is asked for, plans it whole, changes the database, stores what is said
// beside it, and reads the schema anew (spec §5.8). Invariant: one change of a service's schema at a time in
// a process; what was done of a change that failed half-way is said.
import { Body } from '../../../core/body.ts';
import { limits } from '../../../core/limits.ts';
import type { Operation, Result } from '../../../core/operation.ts';
import type { Engine } from '../dialect.ts';
import { ReadParameters } from '../reading/parameters.ts';
import { conflict, missing, type PlanMode } from '../reading/plan-context.ts';
import type { Table } from '../schema.ts';
import type { EngineSource } from '../source.ts';
import { besideRecords, isRecord, noRecords, readContent, textOf } from '../writing/records.ts';
import { readField, readObjects, readRelation, readTable } from './definition-request.ts';
import { excerpt, invalidSchema } from './definition-values.ts';
import type { OverlayDesk } from './overlays.ts';
import { dropRelation, planRelation } from './relation-plan.ts';
import { SchemaExecution } from './schema-execution.ts';
import { SchemaPlan } from './schema-plan.ts';

/** What writes the schema of a service. */
export interface SchemaWriterOptions {
  readonly source: EngineSource;
  readonly engine: Engine;
  /** Called when the schema may be another one. */
  readonly changed: () => void;
}

/** A request on `_schema`, with the path below it. */
interface Target {
  readonly operation: Operation;
  readonly parameters: ReadParameters;
  readonly table: string | undefined;
  readonly part: '_field' | '_related' | undefined;
  readonly name: string | undefined;
}

/** Names of what was written, or nothing where what was dropped was named in the path. */
type Written = { readonly list: readonly string[] } | { readonly one: string } | 'gone';

/** Writes the schema of one service. */
export class SchemaWriter {
  readonly #source: EngineSource;
  readonly #engine: Engine;
  readonly #changed: () => void;
  #overlays: OverlayDesk | undefined;
  #line: Promise<unknown> = Promise.resolve();

  constructor({ source, engine, changed }: SchemaWriterOptions) {
    this.#source = source;
    this.#engine = engine;
    this.#changed = changed;
  }

  /** Gives it the place where what is said beside the database is kept. */
  useOverlays(overlays: OverlayDesk): void {
    this.#overlays = overlays;
  }

  /** Does a POST, PUT, PATCH or DELETE below `_schema`. Throws `request.*` saying what can not be. */
  write(operation: Operation): Promise<Result> {
    const work = () => this.#write(operation);
    const done = this.#line.then(work, work);
    this.#line = done.catch(() => undefined);
    return done;
  }

  async #write(operation: Operation): Promise<Result> {
    if (operation.transaction !== undefined) {
      throw invalidSchema('The schema can not be changed inside a transaction of a script.');
    }
    // What is planned on must be what is there.
    await this.#source.refreshIfChanged();
    await this.#source.ready();
    const target = targetOf(operation);
    const plan = this.#plan(operation);
    const written = operation.action === 'DELETE' ? removals(plan, target) : changes(plan, target);
    if (!target.parameters.flag('force')) await this.#refuseRenamed(plan);
    await this.#carryOut(plan, operation);
    return { status: 200, headers: {}, body: answer(written) };
  }

  #plan({ principal }: Operation): SchemaPlan {
    const source = this.#source;
    return new SchemaPlan({
      ddl: this.#engine.dialect.ddl,
      tables: source.tables(),
      catalog: source.catalog(),
      overlay: source.overlay(),
      serviceId: source.settings.serviceId,
      isAdmin: principal.isAdmin,
    });
  }

  // A guard that means a table by its name must not be left behind without anybody noticing.
  async #refuseRenamed({ overlay, context, dropTables }: SchemaPlan): Promise<void> {
    const { serviceId } = this.#source.settings;
    for (const { tableName, part, settings } of overlay) {
      const table = context.tables.find(({ ownName }) => ownName === tableName);
      if (part !== 'table' || table === undefined || dropTables.includes(table)) continue;
      if ((settings?.alias ?? tableName) === table.name || serviceId === undefined) continue;
      const mentions = (await this.#overlays?.mentions(serviceId, table.name)) ?? [];
      if (mentions.length === 0) continue;
      throw conflict(
        `Table '${table.name}' can not be called otherwise while it is meant by ${mentions.join(', ')}. ` +
          "Change these, or say 'force=true'.",
      );
    }
  }

  async #carryOut(plan: SchemaPlan, { principal }: Operation): Promise<void> {
    const { serviceId, service } = this.#source.settings;
    const execution = new SchemaExecution({
      engine: this.#engine,
      database: this.#source.database(),
      service,
    });
    try {
      if (plan.changesDatabase) await execution.run(plan);
      if (this.#overlays !== undefined && serviceId !== undefined) {
        const isNothing = plan.overlay.length === 0 && !plan.changesDatabase;
        if (!isNothing) await this.#overlays.save(serviceId, plan.overlay, principal.user?.id ?? null);
      } else if (plan.overlay.some(({ settings }) => settings !== undefined)) {
        throw invalidSchema('Aliases, labels and rules can not be kept for this service.');
      }
    } finally {
      this.#source.refresh();
      this.#changed();
      await this.#source.ready();
    }
  }
}

function targetOf(operation: Operation): Target {
  const [, table, part, name] = operation.path;
  const content = readContent(operation.request, operation.action);
  const parameters = new ReadParameters(besideRecords(operation.request, content));
  // `_schema/t/f` is the old spelling of `_schema/t/_field/f`.
  const isOldSpelling = part !== undefined && part !== '_field' && part !== '_related';
  if (isOldSpelling) return { operation, parameters, table, part: '_field', name: part };
  return { operation, parameters, table, part, name };
}

function modeOf({ operation: { action }, parameters, part }: Target): PlanMode {
  const isReplaced = action === 'PUT';
  return {
    creates: action === 'POST',
    addsFields: action === 'POST' || part === undefined,
    refusesExisting: action === 'POST' && parameters.flag('check_exist'),
    replaces: isReplaced,
    drops: isReplaced && parameters.flag('force'),
  };
}

function changes(plan: SchemaPlan, target: Target): Written {
  const { operation, table: name, part } = target;
  const mode = modeOf(target);
  const objects = readObjects(operation);
  refuseMany(objects.length);
  if (name === undefined)
    return {
      list: plan.tables(
        objects.map((object) => readTable(object)),
        mode,
      ),
    };
  if (part === undefined) {
    const known = plan.targets.table(name);
    const [object] = objects;
    if (object === undefined || objects.length > 1)
      throw invalidSchema('The path names one table: send one.');
    const [made = name] = plan.tables([readTable(object, known?.ownName ?? name)], mode);
    return { one: made };
  }
  const table = tableOf(plan, name);
  if (target.name !== undefined && objects.length > 1)
    throw invalidSchema('The path names one entry: send one.');
  const names =
    part === '_field'
      ? plan.fields(
          table,
          objects.map((object) => readField(object, target.name)),
          mode,
        )
      : objects.map((object) =>
          planRelation(
            plan,
            { ...table, name: table.ownName, table },
            { relation: readRelation(object, target.name), mode },
          ),
        );
  return target.name === undefined ? { list: names } : { one: names[0] ?? target.name };
}

function removals(plan: SchemaPlan, target: Target): Written {
  const { table: name, part } = target;
  if (name !== undefined && part === undefined) {
    plan.dropTable(tableOf(plan, name));
    plan.refuseReferenced();
    return 'gone';
  }
  const drop = (table: Table, one: string) =>
    part === '_field' ? plan.dropField(table, one) : dropRelation(plan, table, one);
  if (name !== undefined && target.name !== undefined) {
    drop(tableOf(plan, name), target.name);
    return 'gone';
  }
  const names = namedIn(target);
  refuseMany(names.length);
  if (name !== undefined) {
    const table = tableOf(plan, name);
    return { list: names.map((one) => drop(table, one)) };
  }
  const tables = [...new Set(names.map((one) => tableOf(plan, one)))];
  for (const table of tables) plan.dropTable(table);
  plan.refuseReferenced();
  return { list: tables.map(({ ownName }) => ownName) };
}

// Names: `ids` of the query or body, or records with a name each.
function namedIn({ operation, parameters }: Target): readonly string[] {
  const ids = parameters.list('ids') ?? parameters.list('names');
  const listed = ids ?? readContent(operation.request, operation.action).list ?? [];
  const names = listed.map((entry) => (isRecord(entry) ? entry.name : entry));
  if (names.length === 0) throw noRecords();
  return names.map((name) => {
    if (typeof name === 'string' && name !== '') return name;
    throw invalidSchema(`'${excerpt(textOf(name))}' is no name.`);
  });
}

function tableOf(plan: SchemaPlan, name: string): Table {
  const table = plan.targets.table(name);
  if (table !== undefined) return table;
  throw missing(`Table "${excerpt(name)}" does not exist in the database.`);
}

function refuseMany(count: number): void {
  if (count <= limits.schemaTables) return;
  throw invalidSchema(`The request has ${count} entries; at most ${limits.schemaTables} are taken at once.`);
}

function answer(written: Written): Body {
  if (written === 'gone') return Body.ofValue({ success: true });
  if ('one' in written) return Body.ofValue({ name: written.one });
  return Body.ofValue({ resource: written.list.map((name) => ({ name })) });
}
