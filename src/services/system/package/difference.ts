// What changes between two versions of a record, field by field. Invariant: secrets are told as masked, also
// that they changed; nothing is told of fields that stay.
import { isDeepStrictEqual } from 'node:util';
import { mask } from '../../configuration.ts';
import { isObject } from '../request.ts';
import { type Item, Secret } from './document.ts';
import type { Kind, ListKind } from './kinds.ts';
import { keyOf } from './reader.ts';

/** A field that changes. */
export interface FieldChange {
  /** `description`, `config.host`, `role_service_access_by_role_id[sales, _table/*, 1]`. */
  readonly field: string;
  /** Null where there was nothing. */
  readonly before: unknown;
  readonly after: unknown;
}

/** The fields that differ between what there was and what there is; undefined: there was, or is, nothing. */
export function changesBetween(
  kind: Kind,
  before: Item | undefined,
  after: Item | undefined,
): readonly FieldChange[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names.flatMap((name) => {
    const list = kind.lists.find(({ field }) => field === name);
    const [old, now] = [before?.[name], after?.[name]];
    return list === undefined ? valueChanges(name, old, now) : listChanges(list, rowsOf(old), rowsOf(now));
  });
}

function valueChanges(field: string, before: unknown, after: unknown): readonly FieldChange[] {
  if (isSame(before, after)) return [];
  if (isMap(before) && isMap(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => valueChanges(`${field}.${name}`, before[name], after[name]));
  }
  if (isMap(after) && isEmpty(before)) return valueChanges(field, {}, after);
  if (isEmpty(before) && isEmpty(after)) return [];
  return [{ field, before: shown(before), after: shown(after) }];
}

function listChanges(
  list: ListKind,
  before: readonly Item[],
  after: readonly Item[],
): readonly FieldChange[] {
  const old = keyed(list, before);
  const now = keyed(list, after);
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const field = `${list.field}[${key}]`;
    const [was, is] = [old.get(key), now.get(key)];
    if (was !== undefined && is !== undefined) return valueChanges(field, was, is);
    return [{ field, before: shown(was), after: shown(is) }];
  });
}

// Rows that nothing tells apart are told by their number.
function keyed(list: ListKind, rows: readonly Item[]): ReadonlyMap<string, Item> {
  const found = new Map<string, Item>();
  for (const row of rows) {
    const key = (JSON.parse(keyOf(list, row)) as unknown[]).map((part) => part ?? '*').join(', ');
    let place = key;
    for (let more = 2; found.has(place); more++) place = `${key}, #${more}`;
    found.set(place, row);
  }
  return found;
}

/** Whether two values of a document say the same. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Secret || other instanceof Secret) return isDeepStrictEqual(bare(one), bare(other));
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  }
  if (isMap(one) && isMap(other)) {
    const names = new Set([...Object.keys(one), ...Object.keys(other)]);
    return [...names].every((name) => isSame(one[name], other[name]));
  }
  return one === other;
}

function bare(value: unknown): unknown {
  return value instanceof Secret ? value.value : value;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !(value instanceof Secret);
}

/** A value as people may see it. */
function shown(value: unknown): unknown {
  if (value instanceof Secret) return value.value === null ? null : mask;
  if (Array.isArray(value)) return value.map(shown);
  if (!isMap(value)) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shown(member)]));
}

function isEmpty(value: unknown): boolean {
  if (value instanceof Secret) return value.value === null;
  if (value === undefined || value === null || value === '') return true;
  return Array.isArray(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;
}

function rowsOf(value: unknown): readonly Item[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
