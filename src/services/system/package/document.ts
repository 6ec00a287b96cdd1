// A configuration as a document: lists of records under the names of their kinds, in an order of their own so
// that two versions can be compared by their lines. Invariant: records refer to each other by name; a secret
// is in it only as sealed text.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { PassphraseSeal } from '../../../security/passphrase.ts';
import { isObject, type Written } from '../request.ts';

/** A record as documents hold it. Secrets in it are `Secret`s until it is written. */
export type Item = Readonly<Record<string, unknown>>;

/** Records by the name of their kind. */
export type Items = ReadonlyMap<string, readonly Item[]>;

/** The member that makes a document one of ours, and its version. */
const marker = 'tenon_package';
const version = 1;

/** A value that leaves the server only sealed, and is shown masked. */
export class Secret {
  readonly value: unknown;
  /** API keys are exported in clear where they are asked for and nothing is sealed. */
  readonly isKey: boolean;

  constructor(value: unknown, { isKey = false }: { readonly isKey?: boolean } = {}) {
    this.value = value;
    this.isKey = isKey;
  }
}

/** What is written of secrets. */
export interface Sealing {
  /** Undefined: secrets are left out. */
  readonly seal: PassphraseSeal | undefined;
  readonly withKeys: boolean;
}

/** The document of records, as JSON can hold it. */
export function documentOf(items: Items, sealing: Sealing): Written {
  const { seal } = sealing;
  const kinds = [...items].map(([kind, records]) => {
    const written = records.map((record) => writeValue(record, sealing, `${kind}|${nameOf(kind, record)}`));
    return [kind, written] as const;
  });
  const secrets = seal === undefined ? {} : { secrets: seal.header };
  return { [marker]: version, ...secrets, ...Object.fromEntries(kinds) };
}

// `undefined` stands for what is left out: of an object with its name, of a list altogether.
function writeValue(value: unknown, sealing: Sealing, place: string): unknown {
  if (value instanceof Secret) return writeSecret(value, sealing, place);
  if (Array.isArray(value)) {
    return value.map((item, index) => writeValue(item, sealing, `${place}.${labelOf(item, index)}`));
  }
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, member]) => {
    return [name, writeValue(member, sealing, `${place}.${name}`)] as const;
  });
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

function writeSecret({ value, isKey }: Secret, { seal, withKeys }: Sealing, place: string): unknown {
  if (isKey && !withKeys) return undefined;
  // A secret that this server itself can not open.
  if (seal !== undefined && value instanceof PlatformError) throw value;
  if (seal !== undefined) return { $sealed: seal.seal(value, place) };
  return isKey ? value : undefined;
}

/** The field by which records of a kind are known everywhere. */
export function keyOfKind(kind: string): string {
  if (kind === 'admin' || kind === 'user') return 'email';
  return kind === 'cors' ? 'path' : 'name';
}

/** Whether records of a kind, or what is referred to by that word, have names in which case says nothing. */
export function ignoresCase(kind: string): boolean {
  return kind === 'service' || kind === 'admin' || kind === 'user';
}

/** The name of a record in its kind; empty when it has none. */
export function nameOf(kind: string, record: Item): string {
  const name = record[keyOfKind(kind)];
  if (typeof name !== 'string') return '';
  return ignoresCase(kind) ? name.trim().toLowerCase() : name.trim();
}

/** A part of a list keeps its place when others come before it. */
function labelOf(item: unknown, index: number): string {
  return isObject(item) && typeof item.name === 'string' ? item.name : String(index);
}

/** A document that was read: its records, and what opens their secrets. */
export interface ReadDocument {
  readonly kinds: Readonly<Record<string, readonly Item[]>>;
  /** How its secrets are sealed; undefined: it has none. */
  readonly secrets: unknown;
}

/** Whether a value is meant to be a document of ours. */
export function isDocument(value: unknown): value is Written {
  return isObject(value) && Object.hasOwn(value, marker);
}

/** Reads the outer form of a document. Throws `request.invalid_record` for what is none. */
export function readDocument(value: unknown, known: readonly string[]): ReadDocument {
  if (!isDocument(value)) throw refused(`It has no member '${marker}', so it is no package of this product.`);
  const { [marker]: given, secrets, password: _password, ...kinds } = value;
  if (given !== version) {
    throw refused(`Its version is ${JSON.stringify(given)}; this server reads version ${version}.`);
  }
  let count = 0;
  for (const [kind, records] of Object.entries(kinds)) {
    if (!known.includes(kind)) {
      throw refused(`It has a part '${kind.slice(0, 40)}'. Parts are ${known.join(', ')}.`);
    }
    if (!Array.isArray(records) || !records.every(isObject)) {
      throw refused(`Its part '${kind}' must be a list of objects.`);
    }
    count += records.length;
  }
  if (count > limits.packageRecords) throw refused(`It has more than ${limits.packageRecords} records.`);
  return { kinds: kinds as ReadDocument['kinds'], secrets };
}

/** A record with its sealed values opened; `place` is its kind and name. */
export function openItem(record: Item, seal: PassphraseSeal | undefined, place: string): Item {
  return openValue(record, seal, place) as Item;
}

function openValue(value: unknown, seal: PassphraseSeal | undefined, place: string): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => openValue(item, seal, `${place}.${labelOf(item, index)}`));
  }
  if (!isObject(value)) return value;
  const { $sealed: sealed } = value;
  if (sealed !== undefined) {
    if (typeof sealed !== 'string' || seal === undefined) {
      throw refused('It has sealed values. Give the passphrase that it was exported with.');
    }
    return new Secret(seal.open(sealed, place));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, openValue(member, seal, `${place}.${name}`)]),
  );
}

/** The refusal of a document as a whole. */
export function refused(problem: string): PlatformError {
  return new PlatformError('request.invalid_record', `The package can not be imported. ${problem}`);
}
