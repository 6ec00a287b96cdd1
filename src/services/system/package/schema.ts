// What administrators say of the tables of a service beside its database, as a part of the service's record.
// Invariant: what a package says of a service's tables replaces all that was said of them, and gives the
// schema another revision, by which every process sees it.
import { randomUUID } from 'node:crypto';
import { limits } from '../../../core/limits.ts';
import type { SchemaOverlayRecord, Store } from '../../../core/store.ts';
import { invalidField } from '../fields.ts';
import { isObject } from '../request.ts';
import type { AsideChange } from './kinds.ts';
import { UnknownName } from './names.ts';

/** One thing that is said. */
interface Said {
  readonly table: string;
  readonly part: 'table' | 'field' | 'relation';
  /** The field or relation; empty for the table itself. */
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What is said, by the id of the service. */
export async function readSchemas(store: Store): Promise<ReadonlyMap<number, unknown>> {
  const said = (await store.schemaOverlays.list()).filter(({ part }) => part !== 'revision');
  const names = new Map((await store.services.list()).map(({ id, name }) => [id, name]));
  const named = [...Map.groupBy(said, ({ serviceId }) => serviceId)];
  return new Map(named.map(([id, rows]) => [id, rows.map((row) => saidOf(row, names)).sort(inOrder)]));
}

/** Keeps what is said of the tables of a service. */
export async function keepSchema({ store, id, value, by, schemas }: AsideChange): Promise<void> {
  const ids = new Map((await store.services.list()).map((service) => [service.name, service.id]));
  for (const { part, name, settings } of readSaid(value)) if (part === 'field') schemas.check(name, settings);
  const said = readSaid(value).map((each) => ({ ...each, settings: withIds(each.settings, ids) }));
  for (const row of await store.schemaOverlays.list({ serviceId: id })) {
    await store.schemaOverlays.delete(row.id);
  }
  for (const { table, part, name, settings } of said) {
    await store.schemaOverlays.add({ serviceId: id, tableName: table, part, name, settings }, by);
  }
  const settings = { revision: randomUUID() };
  await store.schemaOverlays.add({ serviceId: id, tableName: '', part: 'revision', name: '', settings }, by);
}

function saidOf(
  { tableName, part, name, settings }: SchemaOverlayRecord,
  names: ReadonlyMap<number, string>,
): Said {
  const known = Object.entries(settings).map(([key, value]) => {
    if (!/^(ref|junction)_service_id$/.test(key) || typeof value !== 'number') return [key, value];
    return [key.replace(/_id$/, ''), names.get(value) ?? `?${value}`];
  });
  return { table: tableName, part: part as Said['part'], name, settings: Object.fromEntries(known) };
}

function inOrder(one: Said, other: Said): number {
  const [left, right] = [one, other].map(
    ({ table, part, name }) => `${table}\n${parts.indexOf(part)}\n${name}`,
  );
  return left === right ? 0 : String(left) < String(right) ? -1 : 1;
}

const parts: readonly string[] = ['table', 'field', 'relation'];

function readSaid(value: unknown): readonly Said[] {
  if (!Array.isArray(value)) throw invalidField('schema', 'must be a list');
  const said = value.map((each, index) => {
    const { table, part, name, settings } = isObject(each) ? each : {};
    const isNamed = typeof table === 'string' && table !== '' && typeof name === 'string';
    const isWhole = parts.includes(String(part)) && isObject(settings);
    if (isNamed && isWhole && (part === 'table') === (name === '')) {
      checkSettings(settings, `schema[${index}].settings`);
      return { table, part: part as Said['part'], name, settings };
    }
    throw invalidField(
      `schema[${index}]`,
      'must be an object with table, part (table, field or relation), name and settings',
    );
  });
  const places = new Set(said.map(({ table, part, name }) => JSON.stringify([table, part, name])));
  if (places.size < said.length) throw invalidField('schema', 'says two things of the same place');
  return said;
}

const texts = /^(alias|label|plural|description|name_field|type|field|junction_ref_field)$/;
const references = /^(ref|junction)_(service|table|field)$/;
const flags = /^(is_virtual|is_aggregate|always_fetch|flatten|flatten_drop_prefix)$/;

// The API checks what is said against the database, which a package may come before; here it is the types.
function checkSettings(settings: Readonly<Record<string, unknown>>, place: string): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!isSetting(name, value))
      throw invalidField(`${place}.${name}`, 'is unknown there, or of a wrong type');
  }
}

function isSetting(name: string, value: unknown): boolean {
  if (texts.test(name) || references.test(name)) return value === null || typeof value === 'string';
  if (flags.test(name)) return typeof value === 'boolean';
  if (name === 'validation') return value === null || isObject(value);
  if (name === 'picklist') return value === null || isListOf(value, (each) => typeof each === 'string');
  if (name === 'db_function') return value === null || isListOf(value, isObject);
  return name === 'client_info';
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}

function withIds(settings: Said['settings'], ids: ReadonlyMap<string, number>): Said['settings'] {
  const known = Object.entries(settings).map(([key, value]) => {
    if (!/^(ref|junction)_service$/.test(key) || typeof value !== 'string') return [key, value];
    const id = ids.get(value);
    if (id !== undefined) return [`${key}_id`, id];
    const name = value.slice(0, limits.excerpt);
    throw new UnknownName(`schema.${key}`, `names '${name}', and there is no such service`);
  });
  return Object.fromEntries(known);
}
