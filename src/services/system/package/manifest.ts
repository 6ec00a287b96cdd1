// What of the configuration is exported: all kinds but accounts, or what a manifest names. Invariant: what is
// named and not there is refused; nothing is exported that was not asked for.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Parameters } from '../../../core/operation.ts';
import { invalidField, readFlag } from '../fields.ts';
import { flagOption, invalidParameter, isObject, listOption, textOption, type Written } from '../request.ts';
import type { Item, Items } from './document.ts';
import { keyOfKind, nameOf } from './document.ts';
import type { Kind } from './kinds.ts';

/** What a caller wants exported. */
export interface Manifest {
  /** Names of records by the names of their kinds; null: all of them. */
  readonly wanted: ReadonlyMap<string, ReadonlySet<string> | null>;
  readonly withKeys: boolean;
  /** Undefined: secrets are left out. */
  readonly passphrase: string | undefined;
  readonly format: 'json' | 'yaml' | 'zip';
}

/** What stands beside the body of a request. */
export interface ManifestRequest {
  readonly parameters: Parameters;
  readonly accept: string;
  /** Of the header. */
  readonly passphrase: string | undefined;
}

/** Reads what is wanted. Throws `request.*` naming what is not understood. */
export function readManifest(
  written: Written,
  { parameters, accept, passphrase: sent }: ManifestRequest,
  kinds: readonly Kind[],
): Manifest {
  const withUsers = readFlag(written, 'include_users') ?? flagOption(parameters, 'include_users');
  const withKeys = readFlag(written, 'include_keys') ?? flagOption(parameters, 'include_keys');
  return {
    wanted: readSelection(written, { kinds, withUsers, only: listOption(parameters, 'only') }),
    withKeys,
    passphrase: readPassphrase(written, sent),
    format: readFormat(parameters, accept),
  };
}

interface Selecting {
  readonly kinds: readonly Kind[];
  readonly withUsers: boolean;
  readonly only: readonly string[] | undefined;
}

function readSelection(written: Written, { kinds, withUsers, only }: Selecting): Manifest['wanted'] {
  const all = kinds.filter(({ isPersonal }) => isPersonal !== true || withUsers);
  const asked = readService(written);
  if (asked !== undefined) return readKinds(asked, kinds);
  if (only === undefined) return new Map(all.map(({ collection }) => [collection.name, null]));
  const names = only.map((name) => {
    const kind = kindNamed(kinds, name);
    if (kind === undefined) throw invalidParameter('only', `names '${name}'; parts are ${listed(kinds)}`);
    return kind.collection.name;
  });
  return new Map(names.map((name) => [name, null]));
}

// As clients of DreamFactory say it: {"service": {"system": {"role": ["readers"]}}}.
function readService(written: Written): Written | undefined {
  const { service } = written;
  if (service === undefined) return undefined;
  if (!isObject(service)) throw invalidField('service', 'must be an object {"system": {…}}');
  const other = Object.keys(service).find((name) => name !== 'system');
  if (other !== undefined) {
    throw invalidField(
      `service.${other.slice(0, 80)}`,
      'cannot be exported: packages hold the configuration, which is in service.system, and no data',
    );
  }
  const { system = {} } = service;
  if (isObject(system)) return system;
  throw invalidField('service.system', 'must be an object of lists of names by kind');
}

function readKinds(asked: Written, kinds: readonly Kind[]): Manifest['wanted'] {
  return new Map(
    Object.entries(asked).flatMap(([name, names]) => {
      const kind = kindNamed(kinds, name);
      const field = `service.system.${name.slice(0, 80)}`;
      if (kind === undefined) throw invalidField(field, `is no part of packages; parts are ${listed(kinds)}`);
      if (names === false || names === null) return [];
      return [[kind.collection.name, readNames(names, field)] as const];
    }),
  );
}

function readNames(names: unknown, field: string): ReadonlySet<string> | null {
  if (names === true || names === '*') return null;
  const list = Array.isArray(names) ? names : [];
  const read = list.map((name) => (isObject(name) ? (name.name ?? name.id) : name));
  if (!Array.isArray(names) || !read.every((name) => typeof name === 'string' || typeof name === 'number')) {
    throw invalidField(field, 'must be a list of names or ids, or true for all');
  }
  return new Set(read.map(String));
}

// People write `--only roles,services`.
function kindNamed(kinds: readonly Kind[], name: string): Kind | undefined {
  const wanted = name.toLowerCase();
  return kinds.find(({ collection }) => wanted === collection.name || wanted === `${collection.name}s`);
}

function listed(kinds: readonly Kind[]): string {
  return kinds.map(({ collection }) => collection.name).join(', ');
}

function readPassphrase(written: Written, sent: string | undefined): string | undefined {
  const { password } = written;
  if (password !== undefined && password !== null && typeof password !== 'string') {
    throw invalidField('password', 'must be text');
  }
  const passphrase = typeof password === 'string' && password !== '' ? password : sent;
  const isSecured = readFlag(written, 'secured');
  if (isSecured === true && passphrase === undefined) {
    throw invalidField('password', 'is required where secured is true: secrets are sealed under it');
  }
  return isSecured === false ? undefined : passphrase;
}

function readFormat(parameters: Parameters, accept: string): Manifest['format'] {
  const format = textOption(parameters, 'format')?.toLowerCase();
  if (format === 'json' || format === 'yaml' || format === 'zip') return format;
  if (format !== undefined) throw invalidParameter('format', 'must be json, yaml or zip');
  return /^\s*application\/(x-)?zip\b/i.test(accept) ? 'zip' : 'json';
}

/** Those of the records that are wanted. Throws `request.not_found` for a name that none has. */
export function selected(
  { wanted }: Manifest,
  all: ReadonlyMap<string, readonly { readonly name: string; readonly id: string; readonly item: Item }[]>,
): Items {
  const kinds = [...all].filter(([kind]) => wanted.has(kind));
  return new Map(
    kinds.map(([kind, records]) => {
      const names = wanted.get(kind) ?? null;
      if (names === null) return [kind, records.map(({ item }) => item)];
      const chosen = records.filter(({ name, id }) => names.has(name) || names.has(id));
      const found = new Set(chosen.flatMap(({ name, id }) => [name, id]));
      const missing = [...names].find((name) => !found.has(name));
      if (missing === undefined) return [kind, chosen.map(({ item }) => item)];
      const shown = missing.slice(0, limits.excerpt);
      const message = `There is no '${kind}' with the ${keyOfKind(kind)} or id '${shown}' to export.`;
      throw new PlatformError('request.not_found', message);
    }),
  );
}

/** The manifest of everything that there is. */
export function manifestOf(items: Items): Written {
  const kinds = [...items].map(([kind, records]) => [kind, records.map((record) => nameOf(kind, record))]);
  return { service: { system: Object.fromEntries(kinds) }, secured: false };
}
