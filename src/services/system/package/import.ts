// Makes the configuration what a document says. Invariant: all of it is stored or nothing; a dry run does the
// same and takes it back, so that it finds whatever the import would find.
import { randomBytes } from 'node:crypto';
import { asPlatformError, PlatformError } from '../../../core/errors.ts';
import type { Operation } from '../../../core/operation.ts';
import type { Store } from '../../../core/store.ts';
import type { PassphraseSeal } from '../../../security/passphrase.ts';
import { actionNote, changeNote, type RecordedChange } from '../audit-note.ts';
import type { SystemParts } from '../parts.ts';
import type { Row } from '../selection.ts';
import { changesBetween, type FieldChange } from './difference.ts';
import { type Item, keyOfKind, nameOf, openItem, type ReadDocument, refused } from './document.ts';
import type { Kind } from './kinds.ts';
import { Names, UnknownName } from './names.ts';
import { type Present, Reader } from './reader.ts';
import { type Writing, writingOf } from './written.ts';

/** What happened to a record, or would. */
export interface RecordChange {
  readonly kind: string;
  readonly name: string;
  readonly action: 'created' | 'updated' | 'deleted' | 'unchanged' | 'skipped';
  readonly changes: readonly FieldChange[];
}

/** How a document is imported. */
export interface ImportOptions {
  readonly isDryRun: boolean;
  /** Whether records that are there may be changed; else they are skipped. */
  readonly overwrites: boolean;
  /** Whether records of the document's kinds that it does not hold are removed. */
  readonly deletesMissing: boolean;
  /** That of the import, for the audit log. */
  readonly operation: Operation;
  /** Whether the document brings sealed secrets. */
  readonly isSealed: boolean;
}

/** What an import did. */
export interface Imported {
  readonly records: readonly RecordChange[];
  /** What is stored although it cannot work as it is. */
  readonly warnings: readonly string[];
}

/** Thrown to take a dry run back. */
class TakenBack extends Error {}

/** Imports documents. */
export class Importer {
  readonly #parts: SystemParts;
  readonly #kinds: readonly Kind[];
  readonly #reader: Reader;

  constructor(parts: SystemParts, kinds: readonly Kind[]) {
    this.#parts = parts;
    this.#kinds = kinds;
    this.#reader = new Reader(parts);
  }

  /** Imports a document; throws with the name of the record that cannot be imported. */
  async import(
    document: ReadDocument,
    seal: PassphraseSeal | undefined,
    options: ImportOptions,
  ): Promise<Imported> {
    const wanted = this.#wanted(document, seal);
    const by = options.operation.principal.user?.id ?? null;
    const work = new Work({ ...options, by, parts: this.#parts, reader: this.#reader });
    try {
      await this.#parts.store.transaction(async (store) => {
        await work.do(wanted, store);
        if (options.isDryRun) throw new TakenBack();
        await this.#note(work, options, store);
      });
    } catch (thrown) {
      if (!(thrown instanceof TakenBack)) throw thrown;
    }
    if (!options.isDryRun) await this.#apply(work, options.operation.principal.user?.id ?? null);
    return { records: work.records, warnings: await this.#warnings(work) };
  }

  #wanted({ kinds }: ReadDocument, seal: PassphraseSeal | undefined): readonly Wanted[] {
    const asked = this.#kinds.filter(({ collection }) => Object.hasOwn(kinds, collection.name));
    return asked.map((kind) => {
      const { name } = kind.collection;
      const items = (kinds[name] ?? []).map((record, index) => {
        const own = nameOf(name, record);
        if (own === '') throw refused(`Record ${index} of '${name}' has no '${keyOfKind(name)}'.`);
        return openItem(record, seal, `${name}|${own}`);
      });
      const names = items.map((item) => nameOf(name, item));
      const twice = names.find((each, index) => names.indexOf(each) !== index);
      if (twice !== undefined) throw refused(`It has two records '${twice}' of '${name}'.`);
      return { kind, items };
    });
  }

  // Each change is told like any other, and before them by what they were made.
  async #note(work: Work, { operation, isSealed }: ImportOptions, store: Store): Promise<void> {
    const { audit } = this.#parts;
    const action = isSealed ? 'import_secrets' : 'import';
    const changed = work.notes.length;
    await audit.add(actionNote(operation, { action, record: 'package', after: { changed } }), store);
    for (const note of work.notes) await audit.add(changeNote(operation, note), store);
  }

  // One kind after the other, each as a request of its own would bring its records into force.
  async #apply(work: Work, by: number | null): Promise<void> {
    for (const { collection } of this.#kinds) {
      const touched = work.touched.get(collection.name);
      if (touched !== undefined) await collection.applied?.(touched, by);
    }
    if (work.touched.size > 0) await this.#parts.schemas.load();
  }

  async #warnings({ scripts, services }: Work): Promise<readonly string[]> {
    const flaws: string[] = [];
    for (const record of scripts) {
      const flaw = await this.#parts.scripts.flaw(record);
      if (flaw !== undefined) flaws.push(`Script '${record.name}' can not be loaded: ${flaw}.`);
    }
    for (const record of services) {
      const flaw = await this.#parts.services.flaw(record);
      if (flaw !== undefined) flaws.push(flaw);
    }
    return flaws;
  }
}

interface Wanted {
  readonly kind: Kind;
  readonly items: readonly Item[];
}

interface WorkOptions extends ImportOptions {
  readonly by: number | null;
  readonly parts: SystemParts;
  readonly reader: Reader;
}

type Scripts = Awaited<ReturnType<Store['eventScripts']['list']>>;
type ServiceRecords = Awaited<ReturnType<Store['services']['list']>>;

/** One import under way. */
class Work {
  readonly records: RecordChange[] = [];
  /** Identifiers of what was written, by kind. */
  readonly touched = new Map<string, unknown[]>();
  /** For the audit log. */
  readonly notes: RecordedChange[] = [];
  scripts: Scripts = [];
  services: ServiceRecords = [];
  readonly #options: WorkOptions;

  constructor(options: WorkOptions) {
    this.#options = options;
  }

  async do(wanted: readonly Wanted[], store: Store): Promise<void> {
    const before = new Map<Kind, readonly Present[]>();
    const again: (readonly [Kind, readonly Item[]])[] = [];
    for (const { kind, items } of wanted) {
      before.set(kind, await this.#present(kind, store));
      const partial = await this.#write(kind, items, { store, isFirst: true });
      if (partial.length > 0) again.push([kind, partial]);
    }
    // Services and roles may name each other: whoever named what was not there yet is written once more.
    for (const [kind, items] of again) await this.#write(kind, items, { store, isFirst: false });
    if (this.#options.deletesMissing) await this.#deleteMissing(wanted, store);
    for (const { kind, items } of wanted)
      await this.#tell(kind, { items, before: before.get(kind) ?? [], store });
    this.scripts = (await store.eventScripts.list()).filter(({ name }) =>
      this.#isTouched('event_script', name),
    );
    this.services = (await store.services.list()).filter(({ id }) => this.#isTouched('service', id));
  }

  #present(kind: Kind, store: Store): Promise<readonly Present[]> {
    return this.#options.reader.present(kind, store);
  }

  #isTouched(kind: string, id: unknown): boolean {
    return this.touched.get(kind)?.includes(id) === true;
  }

  async #write(kind: Kind, items: readonly Item[], pass: Pass): Promise<Item[]> {
    const present = new Map((await this.#present(kind, pass.store)).map((each) => [each.name, each]));
    const names = await Names.read(pass.store);
    const isFirst = pass.isFirst && kind.isWhole !== true;
    const partial: Item[] = [];
    for (const item of items) {
      const name = nameOf(kind.collection.name, item);
      const stored = present.get(name);
      // What this very import made is completed in its second pass.
      if (stored !== undefined && !this.#options.overwrites && pass.isFirst) continue;
      try {
        const writing = writingOf(item, stored, { kind, names, isFirst });
        const isWhole = await this.#writeOne(kind, { writing, stored, ...pass });
        if (writing.isPartial || !isWhole) partial.push(item);
      } catch (thrown) {
        throw blamed(thrown, kind, name);
      }
    }
    return partial;
  }

  /** Whether all of it could be written. */
  async #writeOne(kind: Kind, one: One): Promise<boolean> {
    const { written, asides } = one.writing;
    const { collection } = kind;
    if (one.stored !== undefined && Object.keys(written).length + Object.keys(asides).length === 0)
      return true;
    const row = await this.#row(kind, one);
    const isWhole = await this.#writeAsides(kind, Number(row.id), one);
    this.touched.set(collection.name, [
      ...(this.touched.get(collection.name) ?? []),
      row[collection.identifier],
    ]);
    return isWhole;
  }

  async #writeAsides({ asides }: Kind, id: number, { writing, store, isFirst }: One): Promise<boolean> {
    const { by, parts } = this.#options;
    let isWhole = true;
    for (const { member, write } of asides.filter((aside) => Object.hasOwn(writing.asides, aside.member))) {
      try {
        await write({ store, id, value: writing.asides[member], by, schemas: parts.schemas });
      } catch (thrown) {
        if (!isFirst || !(thrown instanceof UnknownName)) throw thrown;
        isWhole = false;
      }
    }
    return isWhole;
  }

  async #row({ collection }: Kind, { writing, stored, store }: Omit<One, 'isFirst'>): Promise<Row> {
    const { by } = this.#options;
    const { written } = writing;
    if (stored === undefined) {
      if (collection.create === undefined) throw refused(`Records of '${collection.name}' can not be made.`);
      // An administrator has a password from the beginning; nobody knows this one.
      const password = collection.name === 'admin' ? { password: randomBytes(32).toString('base64') } : {};
      return collection.create({ store, written: { ...password, ...written }, by });
    }
    if (Object.keys(written).length === 0 || collection.update === undefined) return stored.row;
    return collection.update(stored.row, { store, written, by });
  }

  // The other way round, so that what refers to others goes before them.
  async #deleteMissing(wanted: readonly Wanted[], store: Store): Promise<void> {
    for (const { kind, items } of [...wanted].reverse()) {
      const { collection } = kind;
      // Whoever imports could lock himself out.
      if (collection.name === 'admin') continue;
      const kept = new Set(items.map((item) => nameOf(collection.name, item)));
      for (const { name, row } of await this.#present(kind, store)) {
        if (kept.has(name) || row.deletable === false) continue;
        try {
          const settled = await collection.settle?.(row, { store, by: this.#options.by });
          this.notes.push(...(settled ?? []));
          await collection.remove?.(row, { store, by: this.#options.by });
        } catch (thrown) {
          throw blamed(thrown, kind, name);
        }
        const gone = [...(this.touched.get(collection.name) ?? []), row[collection.identifier]];
        this.touched.set(collection.name, gone);
      }
    }
  }

  // What changed is found by comparing what was stored with what is stored: nothing is told that is not so.
  async #tell(kind: Kind, { items, before, store }: Told): Promise<void> {
    const old = new Map(before.map((each) => [each.name, each]));
    const now = new Map((await this.#present(kind, store)).map((each) => [each.name, each]));
    const given = new Set(items.map((item) => nameOf(kind.collection.name, item)));
    for (const name of [...new Set([...given, ...old.keys()])].sort()) {
      const [was, is] = [old.get(name), now.get(name)];
      const change = this.#changeOf(kind, { name, was: was?.item, is: is?.item });
      if (!given.has(name) && change.action !== 'deleted') continue;
      this.records.push(change);
      const action = actions[change.action];
      if (action !== undefined) this.notes.push(noteOf(kind, action, { was: was?.row, is: is?.row }));
    }
  }

  #changeOf(kind: Kind, { name, was, is }: Versions): RecordChange {
    const changes = changesBetween(kind, was, is);
    const told = { kind: kind.collection.name, name, changes };
    if (was === undefined) return { ...told, action: 'created' };
    if (is === undefined) return { ...told, action: 'deleted' };
    if (changes.length > 0) return { ...told, action: 'updated' };
    return { ...told, action: this.#options.overwrites ? 'unchanged' : 'skipped' };
  }
}

const actions = {
  created: 'create',
  updated: 'update',
  deleted: 'delete',
  unchanged: undefined,
  skipped: undefined,
} as const;

function noteOf(
  { collection }: Kind,
  action: RecordedChange['action'],
  { was, is }: { readonly was: Row | undefined; readonly is: Row | undefined },
): RecordedChange {
  const { name, identifier } = collection;
  const record = `${name}/${String((is ?? was)?.[identifier])}`;
  return { action, record, identifier, before: was, after: is };
}

interface Pass {
  readonly store: Store;
  readonly isFirst: boolean;
}

interface One extends Pass {
  readonly writing: Writing;
  readonly stored: Present | undefined;
}

interface Told {
  readonly items: readonly Item[];
  readonly before: readonly Present[];
  readonly store: Store;
}

interface Versions {
  readonly name: string;
  readonly was: Item | undefined;
  readonly is: Item | undefined;
}

// Which of many records it was is what whoever wrote the document has to know.
function blamed(thrown: unknown, kind: Kind, name: string): PlatformError {
  const error = asPlatformError(thrown);
  if (error.status >= 500) return error;
  const message = `Nothing was imported, because of ${kind.collection.noun} '${name}': ${error.message}`;
  return new PlatformError(error.kind, message, { context: error.context, cause: thrown });
}
