// From records as the API shows them to records as documents hold them: names in place of ids, without what
// the store adds. Invariant: whatever is secret becomes a `Secret` here, before anything else sees it.

import { asPlatformError } from '../../../core/errors.ts';
import type { ConfigField } from '../../../core/service.ts';
import type { Store } from '../../../core/store.ts';
import { documentField } from '../../../openapi/definition.ts';
import type { SystemParts } from '../parts.ts';
import { isObject } from '../request.ts';
import type { Row } from '../selection.ts';
import { type Item, nameOf, Secret } from './document.ts';
import { type Configuration, type Kind, type ListKind, lookupSecret } from './kinds.ts';
import { Names, referencesAmong, settingsAmong } from './names.ts';

/** A record of the store, as the API shows it and as documents hold it. */
export interface Present {
  readonly name: string;
  readonly row: Row;
  readonly item: Item;
}

const stamps = ['id', 'created_date', 'last_modified_date', 'created_by_id', 'last_modified_by_id'];

/** Reads the records of kinds. */
export class Reader {
  readonly #parts: SystemParts;

  constructor(parts: SystemParts) {
    this.#parts = parts;
  }

  /** All records of a kind that belong into documents, in the order of their names. */
  async present(kind: Kind, store: Store): Promise<readonly Present[]> {
    const { collection } = kind;
    const rows = await collection.rows(store, {});
    const view = await this.#view(kind, store);
    return rows
      .filter((row) => row.mutable !== false)
      .map((row) => ({ name: nameOf(collection.name, row), row, item: itemOf(kind, row, view) }))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  async #view(kind: Kind, store: Store): Promise<View> {
    const names = await Names.read(store);
    const secrets = new Map<number, unknown>();
    if (kind.collection.name === 'lookup' || kind.lists.some(({ keys }) => keys[0] === 'name')) {
      for (const lookup of await store.lookups.list()) {
        if (lookup.isPrivate)
          secrets.set(
            lookup.id,
            this.#opened(() => lookupSecret(this.#parts, lookup)),
          );
      }
    }
    const configs = new Map<number, Row>();
    for (const configuration of (await kind.configured?.read(store)) ?? []) {
      const fields = kind.configured?.settings(configuration.type) ?? [];
      configs.set(configuration.id, this.#config(configuration, { fields, names }));
    }
    const asides: View['asides'][number][] = [];
    for (const { member, read } of kind.asides) asides.push({ member, values: await read(store) });
    return { names, secrets, configs, asides };
  }

  #config({ shown: own, reveal }: Configuration, { fields, names }: Settings): Row {
    const shown = names.withNames(own, settingsAmong(fields));
    const secret = fields.filter((field) => field.secret === true).map(({ name }) => name);
    if (secret.length === 0) return shown;
    const opened = this.#opened(reveal);
    const values = secret.map((name) => {
      return [name, new Secret(opened instanceof Secret ? opened.value : (opened[name] ?? null))];
    });
    return { ...shown, ...Object.fromEntries(values) };
  }

  // Nothing that is given equals it, so what can not be opened can be written anew.
  #opened<T>(open: () => T): T | Secret {
    try {
      return open();
    } catch (thrown) {
      return new Secret(asPlatformError(thrown));
    }
  }
}

interface Settings {
  readonly fields: readonly ConfigField[];
  readonly names: Names;
}

/** What rows are read with. */
interface View {
  readonly names: Names;
  /** Values of private lookups by id. */
  readonly secrets: ReadonlyMap<number, unknown>;
  /** Configurations by the id of their record. */
  readonly configs: ReadonlyMap<number, Row>;
  readonly asides: readonly { readonly member: string; readonly values: ReadonlyMap<number, unknown> }[];
}

function itemOf(kind: Kind, row: Row, view: View): Item {
  const { collection, without, lists } = kind;
  const left = new Set([...stamps, ...without]);
  const id = Number(row.id);
  const own = collection.fields.filter(({ name }) => !left.has(name)).map(({ name }) => [name, row[name]]);
  const plain: Record<string, unknown> = view.names.withNames(
    Object.fromEntries(own),
    referencesAmong(collection.fields.map(({ name }) => name)),
  );
  if (view.secrets.has(id) && collection.name === 'lookup') plain.value = view.secrets.get(id);
  const config = view.configs.get(id);
  if (config !== undefined) plain.config = config;
  for (const list of lists) {
    const rows = (row[list.field] ?? []) as readonly Row[];
    if (rows.length > 0)
      plain[list.field] = sorted(
        list,
        rows.map((each) => rowOf(list, each, view)),
      );
    else plain[list.field] = [];
  }
  const document = row[documentField];
  if (isObject(document)) plain[documentField] = { content: document.content, format: document.format };
  for (const { member, values } of view.asides) {
    if (values.has(id)) plain[member] = values.get(id);
  }
  return plain;
}

/** A row of a list inside a record, as documents hold it. */
function rowOf({ fields, references }: ListKind, row: Row, { names, secrets }: View): Item {
  const named = names.withNames(row, references);
  const own = Object.fromEntries(fields.filter((name) => name in named).map((name) => [name, named[name]]));
  const secret = own.private === true ? secrets.get(Number(row.id)) : undefined;
  return secret === undefined ? own : { ...own, value: secret };
}

// Rows have no order of their own; by their keys two versions of a list have the same.
function sorted(list: ListKind, rows: readonly Item[]): readonly Item[] {
  const keyed = rows.map((row) => [keyOf(list, row), row] as const);
  return keyed.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)).map(([, row]) => row);
}

/** What tells a row of a list from others. */
export function keyOf({ keys }: ListKind, row: Item): string {
  return JSON.stringify(keys.map((key) => row[key] ?? null));
}
