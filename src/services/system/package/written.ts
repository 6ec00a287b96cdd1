// From a record of a document to what the API is told to write. Invariant: only what differs from what is
// stored is written, so that masked and absent values never replace stored ones.
import type { ConfigField } from '../../../core/service.ts';
import { documentField } from '../../../openapi/definition.ts';
import { mask } from '../../configuration.ts';
import { invalidField } from '../fields.ts';
import { isObject, type Written } from '../request.ts';
import type { Row } from '../selection.ts';
import { isSame } from './difference.ts';
import { type Item, keyOfKind, Secret } from './document.ts';
import type { Kind, ListKind } from './kinds.ts';
import { type Names, type Reference, referencesAmong, settingsAmong, UnknownName } from './names.ts';
import { keyOf, type Present } from './reader.ts';

/** What is to be written of a record of a document. */
export interface Writing {
  /** For the collection; empty: nothing. */
  readonly written: Written;
  /** Values to be kept beside the record, by their members. */
  readonly asides: Readonly<Record<string, unknown>>;
  /** Members left out because they name what is not there yet. */
  readonly isPartial: boolean;
}

/** What a record is read with. */
export interface Reading {
  readonly kind: Kind;
  readonly names: Names;
  /** Whether names that stand for nothing yet are left out, because the record is written once more later. */
  readonly isFirst: boolean;
}

/** What makes of what is stored what the document says; throws `request.invalid_record` naming the field. */
export function writingOf(item: Item, present: Present | undefined, reading: Reading): Writing {
  const { kind } = reading;
  const members = Object.entries(item).filter(([name, value]) => {
    if (!isKnown(kind, name))
      throw invalidField(name.slice(0, 80), `is no field of '${kind.collection.name}'`);
    // By its name it was found.
    if (present !== undefined && name === keyOfKind(kind.collection.name)) return false;
    const stored = present?.item[name];
    return value !== mask && (present === undefined || !covers(kind, { name, stored, given: value }));
  });
  const isAside = (name: string) => kind.asides.some(({ member }) => member === name);
  const asides = members.filter(([name]) => isAside(name)).map(([name, value]) => [name, bare(value)]);
  let isPartial = false;
  // What names something that is not there yet is left out, and written in a second pass.
  const attempt = (work: () => Written): Written => {
    try {
      return work();
    } catch (thrown) {
      if (!reading.isFirst || !(thrown instanceof UnknownName)) throw thrown;
      isPartial = true;
      return {};
    }
  };
  const own = members
    .filter(([name]) => !isAside(name))
    .map(([name, value]) => attempt(() => memberOf(name, value, { ...reading, item, present, attempt })));
  return { written: Object.assign({}, ...own) as Written, asides: Object.fromEntries(asides), isPartial };
}

function isKnown({ collection, lists, asides, without }: Kind, name: string): boolean {
  const known = collection.fields.map((field) => field.name);
  if (referencesAmong(known).some(({ member }) => member === name)) return true;
  if (known.includes(name) && !without.includes(name) && !/^id$|_date$|_id$/.test(name)) return true;
  if (name === documentField && collection.name === 'service') return true;
  return lists.some(({ field }) => field === name) || asides.some(({ member }) => member === name);
}

interface Member extends Reading {
  readonly item: Item;
  readonly present: Present | undefined;
  readonly attempt: (work: () => Written) => Written;
}

function memberOf(name: string, value: unknown, member: Member): Written {
  const { kind, names, present } = member;
  const list = kind.lists.find(({ field }) => field === name);
  if (list !== undefined) return { [name]: listOf(list, value, { names, row: present?.row }) };
  if (name === 'config' && kind.configured !== undefined) return { config: configOf(value, member) };
  const references = referencesAmong(kind.collection.fields.map((field) => field.name));
  return names.withIds({ [name]: bare(value) }, references);
}

function bare(value: unknown): unknown {
  return value instanceof Secret ? value.value : value;
}

// Only what differs, and secrets with it: who changes where they are sent to has to give them anew.
function configOf(value: unknown, { kind, item, present, names, attempt }: Member): unknown {
  if (!isObject(value)) return value;
  const type = item.type ?? present?.item.type;
  const fields = kind.configured?.settings(type);
  const references = settingsAmong(fields ?? []);
  const known = withNamesOf(fields ?? [], references);
  const isSameType = type === present?.item.type;
  const stored = isSameType && isObject(present?.item.config) ? present.item.config : {};
  const changed = Object.entries(value).filter(([name, given]) => {
    if (fields !== undefined && !known.includes(name)) {
      throw invalidField(
        `config.${name.slice(0, 80)}`,
        `is no setting of ${kind.collection.noun}s of type '${String(type)}'`,
      );
    }
    const isKept = Object.hasOwn(stored, name) && isSame(stored[name], given);
    return given !== mask && !(isKept && !(stored[name] instanceof Secret));
  });
  const own = changed.map(([name, given]) => {
    return attempt(() => names.withIds({ [name]: bare(given) }, references));
  });
  return Object.assign({}, ...own);
}

/** The names that settings have in documents. */
function withNamesOf(fields: readonly ConfigField[], references: readonly Reference[]): readonly string[] {
  return fields.map(({ name }) => references.find(({ field }) => field === name)?.member ?? name);
}

interface ListReading {
  readonly names: Names;
  /** The record as it is stored, with its rows and their ids. */
  readonly row: Row | undefined;
}

// A list of a document is the whole list: rows that it does not hold are removed, first of all, so that their
// places are free.
function listOf(list: ListKind, value: unknown, { names, row }: ListReading): unknown {
  if (value === null) return [];
  if (!Array.isArray(value) || !value.every(isObject))
    throw invalidField(list.field, 'must be a list of objects');
  const stored = ((row?.[list.field] ?? []) as readonly Row[]).map((each) => {
    return { id: each.id, key: keyOf(list, names.withNames(each, list.references)) };
  });
  const left = [...stored];
  const written = value.map((given: Item) => {
    const at = left.findIndex(({ key }) => key === keyOf(list, given));
    const same = at < 0 ? undefined : left.splice(at, 1)[0];
    const unknown = Object.keys(given).find((name) => !list.fields.includes(name));
    if (unknown !== undefined)
      throw invalidField(`${list.field}.${unknown.slice(0, 80)}`, 'is no field there');
    const fields = names.withIds(given, list.references);
    const plain = Object.entries(fields).filter(([, each]) => each !== mask);
    const own = Object.fromEntries(plain.map(([name, each]) => [name, bare(each)]));
    return same === undefined ? own : { ...own, id: same.id };
  });
  return [...left.map(({ id }) => ({ id, [list.parent]: null })), ...written];
}

interface Compared {
  readonly name: string;
  readonly stored: unknown;
  readonly given: unknown;
}

// Whether what is stored says all that a document says. A document need not say everything: what it leaves
// out of a configuration or of a row in a list stays as it is.
function covers({ configured, lists }: Kind, { name, stored, given }: Compared): boolean {
  if (typeof given === 'string' || given === null) return isSameText(stored, given) || isSame(stored, given);
  if (configured !== undefined && name === 'config') return isPart(stored, given);
  const list = lists.find(({ field }) => field === name);
  if (list === undefined || !Array.isArray(given) || !Array.isArray(stored)) return isSame(stored, given);
  const left: unknown[] = [...stored];
  return (
    given.length === stored.length &&
    given.every((row) => {
      const at = left.findIndex((each) => isPart(each, row));
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    })
  );
}

function isPart(stored: unknown, given: unknown): boolean {
  if (!isObject(stored) || !isObject(given)) return isSame(stored, given);
  return Object.entries(given).every(([name, value]) => value === mask || isSame(stored[name], value));
}

// Texts are stored without space around them, and no text is the same as an empty one.
function isSameText(stored: unknown, given: string | null): boolean {
  if (stored !== null && stored !== undefined && typeof stored !== 'string') return false;
  return (stored ?? '').trim() === (given ?? '').trim();
}
