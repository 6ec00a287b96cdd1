// The configuration of a record against the fields of its type: checked when written, completed when used.
// Invariant: secret values are sealed before they reach the store and never leave towards a caller.
import { PlatformError } from '../core/errors.ts';
import type { ConfigField, ServiceType } from '../core/service.ts';
import { namesIn, withValues } from '../query/lookups.ts';

/** Seals texts for the place where they are kept; a text moved to another place cannot be opened there. */
export interface Secrets {
  seal(text: string, place: string): string;
  /** Throws when the text was not sealed for this place or with this key. */
  open(sealed: string, place: string): string;
}

/** What says which settings there are: a type of services, a kind of queue connections. */
export type ConfigType = Pick<ServiceType, 'name' | 'config'>;

/** A configuration by field name. */
export type Config = Readonly<Record<string, unknown>>;

/** What callers see in place of a secret; written back, it leaves the stored value as it is (rulings 5). */
export const mask = '********';

/** The fields of a type that a caller gave, checked. What the type does not know is left out. */
export function checkConfig(type: ConfigType, given: unknown): Config {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object') throw invalid('config', 'must be an object');
  // An empty list is how PHP clients write an empty object.
  if (Array.isArray(given) && given.length > 0) throw invalid('config', 'must be an object');
  const values = given as Config;
  const known = type.config.filter((field) => Object.hasOwn(values, field.name));
  for (const field of known) checkValue(field, values[field.name]);
  return Object.fromEntries(known.map((field) => [field.name, values[field.name]]));
}

/**
 * The configuration to use: defaults filled in. Refuses with `service.invalid_config` when a required
 * field is missing.
 */
export function completeConfig(type: ConfigType, config: Config): Config {
  const complete: Record<string, unknown> = {};
  for (const field of type.config) {
    const value = config[field.name] ?? field.default ?? null;
    if (field.required && (value === null || value === '')) {
      throw invalid(`config.${field.name}`, `is missing; what is of type '${type.name}' needs it`);
    }
    complete[field.name] = value;
  }
  return complete;
}

/** What is really changed: a field that holds the mask keeps its stored value. */
export function withoutMasks(changes: Config): Config {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== mask));
}

/** What names in braces stand for in configurations. */
export interface ConfigLookups {
  /** The value of a lookup of the system, private ones included; undefined: there is none. */
  value(name: string): string | undefined;
  /** Another text when the value may be another one. */
  mark(name: string): string;
}

/** The configuration with the values of the lookups that its texts name. It is never shown to anybody. */
export function meantConfig(type: ConfigType, config: Config, { value }: ConfigLookups): Config {
  const meant = mapTexts(type, config, (text) => withValues(text, value));
  const entries = type.config.flatMap((field) => {
    return Object.hasOwn(meant, field.name) ? [[field.name, typed(field, meant[field.name])]] : [];
  });
  return { ...meant, ...Object.fromEntries(entries) };
}

/** The names that stand in braces in a configuration. */
export function namesInConfig(type: ConfigType, config: Config): string[] {
  const names = new Set<string>();
  mapTexts(type, config, (text) => {
    for (const name of namesIn(text)) names.add(name);
    return text;
  });
  return [...names];
}

/**
 * Refuses changes that would send what is stored to another place than the one that it was given for: whoever
 * may change a host must not learn the password that way.
 */
export function checkBindings(type: ConfigType, stored: Config, changes: Config): void {
  const isKept = ({ name, secret }: ConfigField) =>
    secret === true && isSet(stored[name]) && !Object.hasOwn(changes, name);
  const kept = type.config.filter(isKept).map(({ name }) => `'config.${name}'`);
  if (kept.length === 0) return;
  const moved = type.config.find((field) => field.binds === true && isMoved(field, stored, changes));
  if (moved === undefined) return;
  throw invalid(
    `config.${moved.name}`,
    `leads elsewhere than before: give ${kept.join(' and ')} again, because what is stored is for the host ` +
      'that it was given for',
  );
}

// A secret that says where to (a URL) is not compared: given, it is another one.
function isMoved({ name, secret, default: fallback }: ConfigField, stored: Config, changes: Config): boolean {
  if (!Object.hasOwn(changes, name)) return false;
  const plain = (value: unknown) =>
    String(value ?? fallback ?? '')
      .trim()
      .toLowerCase();
  return secret === true ? isSet(changes[name]) : plain(changes[name]) !== plain(stored[name]);
}

function isSet(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}

/** The configuration with each secret that is set sealed for its place. */
export function sealConfig(type: ConfigType, config: Config, keep: Keep): Config {
  return mapSecrets(type, config, (value, field) => {
    return keep.secrets.seal(JSON.stringify(value), keep.placeOf(field));
  });
}

/** The configuration with its secrets in clear. */
export function openConfig(type: ConfigType, config: Config, keep: Keep): Config {
  return mapSecrets(type, config, (value, field) => {
    return JSON.parse(keep.secrets.open(String(value), keep.placeOf(field)));
  });
}

/** The configuration as callers may see it: every field of the type, secrets masked. */
export function showConfig(type: ConfigType, config: Config): Config {
  const fields = type.config.map((field) => [field.name, config[field.name] ?? field.default ?? null]);
  return mapSecrets(type, Object.fromEntries(fields), () => mask);
}

/** Whose secrets are sealed, and by what. */
interface Keep {
  readonly secrets: Secrets;
  /** The place of a field: sealed texts are bound to it. */
  readonly placeOf: (field: string) => string;
}

function mapSecrets(
  type: ConfigType,
  config: Config,
  change: (value: unknown, field: string) => unknown,
): Config {
  const secret = new Set(type.config.filter((field) => field.secret === true).map((field) => field.name));
  const entries = Object.entries(config).map(([name, value]) => {
    return [name, isSet(value) && secret.has(name) ? change(value, name) : value];
  });
  return Object.fromEntries(entries);
}

function mapTexts(type: ConfigType, config: Config, change: (text: string) => string): Config {
  const verbatim = new Set(
    type.config.filter(({ isVerbatim }) => isVerbatim === true).map(({ name }) => name),
  );
  const entries = Object.entries(config).map(([name, value]) => {
    return [name, verbatim.has(name) ? value : changedTexts(value, change)];
  });
  return Object.fromEntries(entries);
}

function changedTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => changedTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, changedTexts(item, change)]));
}

// Numbers and switches come out of lookups as text; what they are not is refused now, as it would have been.
function typed(field: ConfigField, value: unknown): unknown {
  if (typeof value !== 'string' || !isOpen(field)) return value;
  const known: Readonly<Record<string, boolean>> = { true: true, false: false };
  const own =
    field.type === 'integer' && /^-?\d{1,15}$/.test(value)
      ? Number(value)
      : field.type === 'boolean' && Object.hasOwn(known, value)
        ? known[value]
        : value;
  checkValue({ ...field, isVerbatim: true }, own);
  return own;
}

// Fields that a lookup as a whole may stand in, although they are no texts.
function isOpen({ type, isVerbatim }: ConfigField): boolean {
  return isVerbatim !== true && ['integer', 'boolean', 'picklist'].includes(type);
}

function checkValue(field: ConfigField, value: unknown): void {
  const name = `config.${field.name}`;
  if (value === null || (field.secret === true && value === mask)) return;
  if (isOpen(field) && typeof value === 'string' && /^\{[\w.()]+\}$/.test(value)) return;
  switch (field.type) {
    case 'integer':
      if (!Number.isSafeInteger(value)) throw invalid(name, 'must be an integer');
      return;
    case 'boolean':
      if (typeof value !== 'boolean') throw invalid(name, 'must be true or false');
      return;
    case 'object':
      if (typeof value !== 'object') throw invalid(name, 'must be an object');
      return;
    case 'picklist':
      if (!field.values?.some((allowed) => allowed === value)) {
        throw invalid(name, `must be one of ${(field.values ?? []).join(', ')}`);
      }
      return;
    default:
      if (typeof value !== 'string') throw invalid(name, 'must be text');
  }
}

function invalid(name: string, problem: string): PlatformError {
  return new PlatformError('service.invalid_config', `Field '${name}' ${problem}.`);
}
