// Everything that a request on `_schema` comes to: what is done to the database, what is stored beside it,
// and what has to hold before. Invariant: a plan is made whole before its first step, and every refusal
// happens here.
import { PlatformError } from '../../../core/errors.ts';
import { conflict, fieldNamed, missing, type PlanContext, type PlanMode } from '../reading/plan-context.ts';
import type { Field, Table } from '../schema.ts';
import { changedColumn } from './column-plan.ts';
import type { ColumnChange } from './ddl.ts';
import type {
  ColumnDefinition,
  ColumnRequest,
  FieldRequest,
  ForeignKeyDefinition,
  TableDefinition,
  TableRequest,
} from './definition.ts';
import { typeWords } from './definition.ts';
import { checkName, excerpt, invalidSchema } from './definition-values.ts';
import type { FieldSaid, TableOverlay } from './overlay.ts';
import { checkedAlias, fieldSaying, type Named, tableSaying } from './overlay-plan.ts';
import type { OverlayChange } from './overlays.ts';
import { PlanTargets } from './plan-targets.ts';
import { planRelation } from './relation-plan.ts';

/** What has to hold before anything is done: a query that must find nothing. */
export interface Precondition {
  readonly kind: 'no_rows' | 'no_nulls' | 'no_duplicates' | 'no_orphans';
  readonly table: Table;
  readonly field: string;
  /** Of orphans: the key that they would have to have. */
  readonly key?: ForeignKeyDefinition;
}

/** Changes of a table that is there, while they are collected. */
export interface Alteration {
  readonly table: Table;
  readonly add: ColumnDefinition[];
  readonly alter: ColumnChange[];
  readonly drop: string[];
  readonly addKeys: ForeignKeyDefinition[];
  readonly dropKeys: (readonly string[])[];
}

/** Collects what is to be done. */
export class SchemaPlan {
  readonly context: PlanContext;
  readonly create: TableDefinition[] = [];
  readonly dropTables: Table[] = [];
  readonly overlay: OverlayChange[] = [];
  readonly preconditions: Precondition[] = [];
  readonly #alterations = new Map<string, Alteration>();
  readonly targets: PlanTargets;
  readonly #newTables = new Map<string, TableRequest>();

  constructor(context: PlanContext) {
    this.context = context;
    this.targets = new PlanTargets({ context, newTables: this.#newTables });
  }

  /** What is to be done to tables that are there. */
  get alterations(): readonly Alteration[] {
    return [...this.#alterations.values()].filter(({ add, alter, drop, addKeys, dropKeys }) =>
      [add, alter, drop, addKeys, dropKeys].some((list) => list.length > 0),
    );
  }

  /** Whether the database itself is to be changed. */
  get changesDatabase(): boolean {
    return this.create.length + this.dropTables.length + this.alterations.length > 0;
  }

  /** Plans tables; answers their names. */
  tables(requests: readonly TableRequest[], mode: PlanMode): readonly string[] {
    refuseDuplicates(requests, 'table');
    const isNew = (request: TableRequest) => this.targets.table(request.name) === undefined;
    for (const request of requests.filter(isNew)) this.#newTables.set(request.name.toLowerCase(), request);
    return requests.map((request) => {
      const table = this.targets.table(request.name);
      if (table === undefined) return this.#newTable(request, mode);
      if (mode.refusesExisting) throw conflict(`Table '${table.name}' exists already.`);
      const isAlias = table.ownName.toLowerCase() !== request.name.toLowerCase();
      if (isAlias && mode.creates)
        throw conflict(`'${request.name}' is the alias of table '${table.ownName}'.`);
      this.#changedTable(table, request, mode);
      return table.ownName;
    });
  }

  /** Plans fields of a table that is there; answers their names. */
  fields(table: Table, requests: readonly FieldRequest[], mode: PlanMode): readonly string[] {
    refuseDuplicates(requests, 'field');
    this.#aliases(table, requests);
    return requests.map((request) => {
      const before = fieldNamed(table, request.name);
      if (before === undefined) return this.#newField(table, request, mode);
      if (mode.refusesExisting) throw conflict(`Field '${before.name}' of '${table.name}' exists already.`);
      this.#changedField(table, { before, request, mode });
      return before.column;
    });
  }

  /** Plans that a table goes, with all that is said of it. */
  dropTable(table: Table): void {
    if (table.isView)
      throw invalidSchema(`'${table.name}' is a view: it can only be dropped in the database.`);
    this.dropTables.push(table);
    this.overlay.push({ tableName: table.ownName, part: 'table', settings: undefined });
  }

  /** Refuses to drop a table that others refer to; to be asked when all tables to drop are known. */
  refuseReferenced(): void {
    const dropped = new Set(this.dropTables.map(({ ownName }) => ownName));
    for (const key of this.context.catalog.foreignKeys) {
      if (!dropped.has(key.refTable) || dropped.has(key.table)) continue;
      throw conflict(
        `Table '${key.refTable}' can not be dropped: '${key.columns.join(', ')}' of table '${key.table}' ` +
          'refers to it.',
      );
    }
  }

  /** Plans that a field goes, with all that is said of it. */
  dropField(table: Table, name: string): string {
    const field = fieldNamed(table, name);
    if (field === undefined)
      throw missing(`Field '${excerpt(name)}' does not exist in table '${table.name}'.`);
    this.overlay.push({ tableName: table.ownName, part: 'field', name: field.column, settings: undefined });
    if (field.extras?.isVirtual === true) return field.column;
    refuseView(table);
    this.#refuseNeeded(table, field);
    const alteration = this.alteration(table);
    for (const key of this.context.catalog.foreignKeys) {
      if (key.table === table.ownName && key.columns.includes(field.column))
        alteration.dropKeys.push(key.columns);
    }
    alteration.drop.push(field.column);
    return field.column;
  }

  /** The changes of a table, to add to. */
  alteration(table: Table): Alteration {
    const known = this.#alterations.get(table.ownName);
    if (known !== undefined) return known;
    const made = { table, add: [], alter: [], drop: [], addKeys: [], dropKeys: [] };
    this.#alterations.set(table.ownName, made);
    return made;
  }

  /** What is said of a table so far. */
  said(table: string): TableOverlay | undefined {
    return this.context.overlay.tables.get(table);
  }

  #newTable(request: TableRequest, mode: PlanMode): string {
    const { name, fields = [] } = request;
    if (!mode.creates) throw missing(`Table '${excerpt(name)}' does not exist in the database.`);
    const path = this.targets.newPath(name);
    refuseDuplicates(fields, 'field');
    const real = fields.filter((field) => field.column !== undefined);
    if (real.length === 0) throw invalidSchema(`Table '${name}' needs at least one 'field'.`);
    for (const field of fields) this.#checkFieldName(field.name);
    const columns = real.map((field) => this.targets.column(field.name, field.column ?? {}));
    const keys = columns.filter((column) => column.isPrimaryKey);
    if (keys.filter((key) => key.autoIncrement).length > 0 && keys.length > 1) {
      throw invalidSchema(`Table '${name}': a field that counts by itself must be the only primary key.`);
    }
    const foreignKeys = real.flatMap(({ name: field, column }) =>
      column?.reference == null ? [] : [this.targets.key([field], column.reference)],
    );
    this.create.push({ path, columns, primaryKey: keys.map((key) => key.name), foreignKeys });
    this.#sayTable(request, mode);
    for (const field of fields) this.#sayField(name, field, mode);
    for (const relation of request.relations ?? []) planRelation(this, { name, path }, { relation, mode });
    return name;
  }

  #changedTable(table: Table, request: TableRequest, mode: PlanMode): void {
    this.#sayTable({ ...request, name: table.ownName }, mode);
    if (request.fields !== undefined) {
      this.fields(table, request.fields, mode);
      if (mode.drops) this.#dropUnlisted(table, request.fields);
    }
    const { ownName: name, path } = table;
    for (const relation of request.relations ?? [])
      planRelation(this, { name, path, table }, { relation, mode });
  }

  #dropUnlisted(table: Table, listed: readonly FieldRequest[]): void {
    const names = new Set(listed.map(({ name }) => fieldNamed(table, name)?.column));
    for (const { column } of table.fields.values()) if (!names.has(column)) this.dropField(table, column);
  }

  #newField(table: Table, request: FieldRequest, mode: PlanMode): string {
    const { name, column } = request;
    if (!mode.addsFields) throw missing(`Field '${excerpt(name)}' does not exist in table '${table.name}'.`);
    this.#checkFieldName(name);
    if (fieldAliased(table, name))
      throw conflict(`'${name}' is the alias of another field of '${table.name}'.`);
    this.#sayField(table.ownName, request, mode);
    if (column === undefined) return name;
    refuseView(table);
    const made = this.targets.column(name, column);
    if (made.isPrimaryKey) {
      throw invalidSchema(`Field '${name}': a primary key can only be made together with its table.`);
    }
    const alteration = this.alteration(table);
    alteration.add.push(made);
    if (!made.allowNull && made.default === null) {
      this.preconditions.push({ kind: 'no_rows', table, field: name });
    }
    if (column.reference != null) alteration.addKeys.push(this.targets.key([name], column.reference));
    return name;
  }

  #changedField(
    table: Table,
    { before, request, mode }: { before: Field; request: FieldRequest; mode: PlanMode },
  ): void {
    const name = before.column;
    if (before.extras?.isVirtual === true) {
      this.#sayField(table.ownName, asVirtual(request, name), mode);
      return;
    }
    if (request.column === undefined) {
      throw conflict(`Field '${before.name}' is a column of '${table.name}' and can not become virtual.`);
    }
    this.#sayField(table.ownName, { ...request, name }, mode);
    const input = { ddl: this.context.ddl, name, request: request.column, referred: undefined };
    const change = changedColumn(before, input);
    const isKeyChanged = this.#changedReference(table, before, request.column);
    if (change === undefined && !isKeyChanged) return;
    refuseView(table);
    if (change === undefined) return;
    this.alteration(table).alter.push(change);
    if (change.changes.has('allowNull') && !change.after.allowNull) {
      this.preconditions.push({ kind: 'no_nulls', table, field: name });
    }
    if (change.changes.has('isUnique') && change.after.isUnique) {
      this.preconditions.push({ kind: 'no_duplicates', table, field: name });
    }
  }

  // What a client read and writes back names the reference that is there.
  #changedReference(table: Table, before: Field, { reference }: ColumnRequest): boolean {
    if (reference === undefined || (reference === null && before.refTable === null)) return false;
    const alteration = this.alteration(table);
    const key = reference === null ? undefined : this.targets.key([before.column], reference);
    const there = this.context.catalog.foreignKeys.find(
      ({ table: owner, columns }) =>
        owner === table.ownName && columns.length === 1 && columns[0] === before.column,
    );
    if (there !== undefined && key !== undefined) {
      const isSame =
        this.targets.table(there.refTable)?.path.join() === key.refPath.join() &&
        there.refColumns.join() === key.refColumns.join() &&
        (key.onUpdate ?? there.onUpdate) === there.onUpdate &&
        (key.onDelete ?? there.onDelete) === there.onDelete;
      if (isSame) return false;
    }
    if (there !== undefined) alteration.dropKeys.push(there.columns);
    if (key !== undefined) this.addKey(table, key);
    return there !== undefined || key !== undefined;
  }

  /** Plans a foreign key of a table that is there. */
  addKey(table: Table, key: ForeignKeyDefinition): void {
    refuseView(table);
    this.alteration(table).addKeys.push(key);
    this.preconditions.push({ kind: 'no_orphans', table, field: key.columns[0] ?? '', key });
  }

  #sayTable({ name, said }: TableRequest, { replaces }: PlanMode): void {
    const alias = checkedAlias({ ownName: name, alias: said.alias }, 'table', this.#tableNames());
    const { name_field: nameField } = said;
    const table = this.targets.table(name);
    const field = nameField == null || table === undefined ? undefined : fieldNamed(table, nameField);
    if (nameField != null && table !== undefined && field === undefined) {
      throw invalidSchema(
        `'name_field' names '${excerpt(nameField)}', which is no field of table '${name}'.`,
      );
    }
    const given = {
      ...said,
      ...(alias === undefined ? {} : { alias }),
      ...(field === undefined ? {} : { name_field: field.column }),
    };
    const stored = this.said(name)?.table;
    if (Object.keys(given).length === 0 && (!replaces || stored === undefined)) return;
    this.overlay.push(tableSaying(name, { stored, given, replaces }));
  }

  #tableNames(): readonly Named[] {
    const made = [...this.#newTables.values()].map(({ name, said }) => ({
      ownName: name,
      alias: said.alias,
    }));
    const known = this.context.tables.map(({ ownName, name }) => ({
      ownName,
      alias: name === ownName ? null : name,
    }));
    return [...known, ...made];
  }

  #aliases(table: Table, requests: readonly FieldRequest[]): void {
    const given = requests.map(({ name, said }) => ({
      ownName: fieldNamed(table, name)?.column ?? name,
      alias: said.alias,
    }));
    const asked = new Set(given.filter(({ alias }) => alias !== undefined).map(({ ownName }) => ownName));
    const known = [...table.fields.values()].map(({ column, name }) => ({
      ownName: column,
      alias: name === column || asked.has(column) ? null : name,
    }));
    for (const entry of given) checkedAlias(entry, 'field', [...known, ...given]);
  }

  #sayField(tableName: string, { name, said }: FieldRequest, { replaces }: PlanMode): void {
    const stored = this.said(tableName)?.fields.get(name);
    const given: FieldSaid = said.alias === name ? { ...said, alias: null } : said;
    this.#checkFunctions(name, { ...stored, ...given }, given);
    if (Object.keys(given).length === 0 && (!replaces || stored === undefined)) return;
    this.overlay.push(fieldSaying(tableName, name, { stored, given, replaces }));
  }

  #checkFunctions(name: string, said: FieldSaid, given: FieldSaid): void {
    const functions = given.db_function ?? [];
    if (functions.length > 0 && !this.context.isAdmin) {
      throw new PlatformError(
        'access.forbidden',
        `Field '${name}': only a system administrator may store SQL ('db_function').`,
      );
    }
    const hasSelect = (said.db_function ?? []).some(({ use }) => use.includes('SELECT'));
    if (said.is_virtual === true && !hasSelect) {
      throw invalidSchema(`Field '${name}' is virtual and needs a 'db_function' for SELECT.`);
    }
  }

  #refuseNeeded(table: Table, field: Field): void {
    if (field.isPrimaryKey) {
      throw conflict(`Field '${field.name}' can not be dropped: it is the primary key of '${table.name}'.`);
    }
    const key = this.context.catalog.foreignKeys.find(
      ({ table: owner, refTable, refColumns }) =>
        refTable === table.ownName && refColumns.includes(field.column) && owner !== table.ownName,
    );
    if (key === undefined) return;
    throw conflict(
      `Field '${field.name}' can not be dropped: '${key.columns.join(', ')}' of table '${key.table}' ` +
        'refers to it.',
    );
  }

  #checkFieldName(name: string): void {
    checkName(name, 'a field');
    this.targets.checkLength(name, 'field');
  }
}

function asVirtual({ said, column }: FieldRequest, name: string): FieldRequest {
  const { type: _type, ...rest } = said;
  const type = column?.type === undefined ? said.type : typeWords[column.type];
  return { name, column: undefined, said: { ...rest, is_virtual: true, ...(type == null ? {} : { type }) } };
}

function fieldAliased(table: Table, name: string): boolean {
  return [...table.fields.values()].some((field) => field.name.toLowerCase() === name.toLowerCase());
}

function refuseView(table: Table): void {
  if (table.isView)
    throw invalidSchema(`'${table.name}' is a view: its columns can only be changed in the database.`);
}

function refuseDuplicates(requests: readonly { readonly name: string }[], what: string): void {
  const seen = new Set<string>();
  for (const { name } of requests) {
    if (seen.has(name.toLowerCase())) throw invalidSchema(`The ${what} '${excerpt(name)}' is given twice.`);
    seen.add(name.toLowerCase());
  }
}
