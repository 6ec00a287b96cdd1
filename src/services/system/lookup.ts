// Lookups: named values of the system, an app, a role or a user. Invariant: a private value is stored sealed
// and never answered; the mask written back leaves it as it is, and nothing but a new value makes it public.
import { limits } from '../../core/limits.ts';
import type { LookupRecord, New } from '../../core/store.ts';
import { lookupPlace } from '../../security/sealed-places.ts';
import { mask } from '../configuration.ts';
import type { Change, Collection } from './collection.ts';
import { invalidField, readFlag, readOptionalText, readText, required } from './fields.ts';
import { type NestedChange, type NestedList, nestedList } from './nested.ts';
import type { SystemParts } from './parts.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { type Field, type Row, stampFields } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'value', type: 'text' },
  { name: 'private', type: 'boolean' },
  { name: 'description', type: 'text' },
  { name: 'script_visible', type: 'boolean' },
  ...stampFields,
];

const system = { owner: 'system', appId: null, roleId: null, userId: null };

type Owner = Pick<LookupRecord, 'owner' | 'appId' | 'roleId' | 'userId'>;

/** The records of `lookup`: those of the system. */
export function lookupCollection(parts: SystemParts): Collection {
  const { authority, services, store: stored, observe } = parts;
  return {
    name: 'lookup',
    noun: 'lookup',
    identifier: 'id',
    fields,
    rows: async (store) => (await store.lookups.list({ owner: system.owner })).map(rowOf),
    create: (change) => create(parts, change),
    update: (row, change) => update(parts, Number(row.id), change),
    remove: async (row, { store }) => void (await store.lookups.delete(Number(row.id))),
    applied: async (ids, by) => {
      await authority.load();
      // Configurations may name them.
      services.reload(await stored.services.list());
      for (const id of ids) observe({ kind: 'config.changed', record: `lookup/${id}`, by });
    },
  };
}

/** The list of lookups inside an app, a role or a user. */
export function nestedLookups(parts: SystemParts, of: 'app' | 'role' | 'user'): NestedList {
  const parent = `${of}Id` as const;
  return nestedList<LookupRecord>({
    field: `lookup_by_${of}_id`,
    parent: `${of}_id`,
    repository: (store) => store.lookups,
    parentOf: (entry) => entry[parent],
    rowOf: (entry) => {
      const { id, ...rest } = rowOf(entry);
      return { id, [`${of}_id`]: entry[parent], ...rest };
    },
    write: async ({ store, written, parentId, stored }: NestedChange<LookupRecord>) => {
      const owner = { ...system, owner: `${of}:${parentId}`, [parent]: parentId };
      const entry = readLookup(parts, written, { owner, stored });
      if (stored === undefined) await store.lookups.add(entry, null);
      else await store.lookups.update(stored.id, entry, null);
    },
  });
}

async function create(parts: SystemParts, { store, written, by }: Change): Promise<Row> {
  const entry = readLookup(parts, written, { owner: system, stored: undefined });
  return store.transaction(async (inside) => {
    await inside.lookups.add(entry, by);
    const [made] = await inside.lookups.list({ owner: entry.owner, name: entry.name });
    return rowOf(made ?? unreadable());
  });
}

async function update(parts: SystemParts, id: number, { store, written, by }: Change): Promise<Row> {
  return store.transaction(async (inside) => {
    const [stored] = await inside.lookups.list({ id, owner: system.owner });
    if (stored === undefined) throw recordNotFound(id);
    const entry = readLookup(parts, written, { owner: system, stored });
    await inside.lookups.update(id, entry, by);
    const [changed] = await inside.lookups.list({ id });
    return rowOf(changed ?? unreadable());
  });
}

function unreadable(): never {
  throw new Error('a lookup that was just written cannot be read back');
}

interface Before {
  readonly owner: Owner;
  readonly stored: LookupRecord | undefined;
}

function readLookup(
  { secrets }: SystemParts,
  written: Written,
  { owner, stored }: Before,
): New<LookupRecord> {
  const name = required(readName(written) ?? stored?.name, 'name');
  const isPrivate = readFlag(written, 'private') ?? stored?.isPrivate ?? false;
  const given = readValue(written);
  if (given === undefined && stored?.isPrivate === true && !isPrivate) {
    throw invalidField('private', "cannot be taken away from a value; give a new 'value' as well");
  }
  const value = given ?? (stored === undefined ? '' : clearValue(secrets, stored));
  const description = readOptionalText(written, 'description', { max: limits.descriptionText });
  return {
    ...owner,
    name,
    value: isPrivate ? secrets.seal(value, lookupPlace(owner.owner, name)) : value,
    isPrivate,
    isScriptVisible: readFlag(written, 'script_visible') ?? stored?.isScriptVisible ?? false,
    description: description === undefined ? (stored?.description ?? null) : description,
  };
}

function clearValue(
  secrets: SystemParts['secrets'],
  { owner, name, value, isPrivate }: LookupRecord,
): string {
  return isPrivate ? secrets.open(value, lookupPlace(owner, name)) : value;
}

function readName(written: Written): string | undefined {
  const name = readText(written, 'name', { max: limits.lookupName });
  if (name === undefined || /^[A-Za-z_]\w*(\.\w+)*$/.test(name)) {
    if (name === undefined || !/^(user|role|app|session|df)\./.test(name)) return name;
    throw invalidField(
      'name',
      `cannot begin with '${name.split('.')[0]}.', which stands for the caller's own`,
    );
  }
  throw invalidField('name', "may have letters, digits, '_' and '.' only, and begins with a letter");
}

function readValue(written: Written): string | undefined {
  const value = Object.hasOwn(written, 'value') ? written.value : undefined;
  if (value === undefined || value === mask) return undefined;
  if (value === null) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') throw invalidField('value', 'must be text');
  if (value.length > limits.lookupValue) {
    throw invalidField('value', `must have at most ${limits.lookupValue} characters`);
  }
  return value;
}

function rowOf(lookup: LookupRecord): Row {
  return {
    id: lookup.id,
    name: lookup.name,
    value: lookup.isPrivate ? mask : lookup.value,
    private: lookup.isPrivate,
    description: lookup.description,
    script_visible: lookup.isScriptVisible,
    created_date: lookup.createdDate,
    last_modified_date: lookup.lastModifiedDate,
    created_by_id: lookup.createdById,
    last_modified_by_id: lookup.lastModifiedById,
  };
}
