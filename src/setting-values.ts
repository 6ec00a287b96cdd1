// How settings are read from texts. Invariant: a bad value is refused by the name of its variable, with what
// is accepted.
import { availableParallelism } from 'node:os';
import { delimiter, isAbsolute } from 'node:path';
import { PlatformError } from './core/errors.ts';
import { limits } from './core/limits.ts';
import { Allowances } from './egress/destinations.ts';
import { ClientAddresses } from './http/client-address.ts';
import { isOnServer } from './store/place.ts';

/** What a bad value is refused with; `accepted` stands behind "must be". */
export function refused(variable: string, accepted: string): PlatformError {
  return new PlatformError('config.invalid', `${variable} must be ${accepted}.`);
}

/** Text as it is. */
export function text(value: string): string {
  return value;
}

/** Text, or nothing where it is empty. */
export function optional(value: string): string | undefined {
  return value === '' ? undefined : value;
}

/** A whole number within bounds. */
export function number(least: number, most: number): (value: string, variable: string) => number {
  return (value, variable) => {
    const parsed = Number(value);
    if (/^\d+$/.test(value) && parsed >= least && parsed <= most) return parsed;
    throw refused(variable, `a whole number from ${least} to ${most}`);
  };
}

/** Names of queues in order, '' being that of runs that name none; no name for `none`. */
export function workerQueues(value: string, variable: string): readonly string[] {
  if (value.trim() === '') return [''];
  const names = list(value);
  if (names.includes('none')) {
    if (names.length > 1) throw refused(variable, '`none` alone, or names of queues');
    return [];
  }
  return names.map((name) => (name === '*' ? name : queueName(name, variable)));
}

/** The name of a queue or connection. */
export function queueName(value: string, variable: string): string {
  if (value.trim() === value && value.length <= limits.queueNameChars) return value;
  throw refused(variable, `a name of at most ${limits.queueNameChars} characters, without spaces around it`);
}

/** An address, without a slash at its end. */
export function publicUrl(value: string, variable: string): string {
  if (value === '') return value;
  const isUrl = /^https?:\/\//i.test(value) && URL.canParse(value) && !/[?#]/.test(value);
  if (!isUrl) throw refused(variable, 'an address such as https://api.example.com');
  return value.replace(/\/+$/, '');
}

/** A number from 0 to 1. */
export function share(value: string, variable: string): number {
  const parsed = Number(value);
  if (/^\d*\.?\d+$/.test(value) && parsed <= 1) return parsed;
  throw refused(variable, 'a number from 0 to 1');
}

/** One of some words. */
export function oneOf<Choice extends string>(
  choices: readonly Choice[],
): (value: string, variable: string) => Choice {
  return (value, variable) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw refused(variable, `one of ${choices.join(', ')}`);
    return found;
  };
}

/** True or false. */
export function flag(value: string, variable: string): boolean {
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  if (/^(false|0|no|off)$/i.test(value)) return false;
  throw refused(variable, 'true or false');
}

/** Texts separated by commas. */
export function list(value: string): readonly string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Absolute paths. */
export function paths(value: string, variable: string): readonly string[] {
  const given = value.split(delimiter).filter((path) => path !== '');
  if (given.every((path) => isAbsolute(path) && !path.includes('\n'))) return given;
  throw refused(variable, `absolute paths, separated by '${delimiter}'`);
}

/** Proxies that may say who calls. */
export function proxies(value: string, variable: string): readonly string[] {
  const entries = list(value);
  try {
    new ClientAddresses(entries);
  } catch {
    throw refused(variable, 'addresses or ranges such as 10.0.0.0/8, separated by commas');
  }
  return entries;
}

/** Places that outgoing calls may reach. */
export function places(value: string): readonly string[] {
  const entries = list(value);
  // Throws for an entry that names no place.
  new Allowances(entries);
  return entries;
}

/** A Node.js; that of the server where none is named. */
export function nodePath(value: string): string {
  return value === '' ? process.execPath : value;
}

/**
 * A Python 3; empty where none is named. DreamFactory's DF_PYTHON_PATH names the Python 2 that its older
 * scripts ran in; ours are translated.
 */
export function pythonPath(value: string): string {
  return /python-?2[^/]*$/.test(value) ? '' : value;
}

/** The most runners of a language; by processors where it is not said. */
export function runnersMax(value: string, variable: string): number {
  if (value === '') return Math.min(limits.runnersMax, Math.max(2, availableParallelism()));
  return number(1, 256)(value, variable);
}

/** What readers of metrics show. */
export function metricsToken(value: string, variable: string): string | undefined {
  const least = limits.metricsTokenChars;
  if (value === '' || (value.length >= least && /^[\x21-\x7e]+$/.test(value))) return optional(value);
  throw refused(variable, `at least ${least} characters of ASCII without spaces`);
}

/** The address of a Redis. */
export function redisUrl(value: string, variable: string): string | undefined {
  if (value === '' || /^rediss?:\/\/[^/\s]/.test(value)) return optional(value);
  throw refused(variable, 'an address such as redis://127.0.0.1:6379/0');
}

/** The address of a system database. */
export function databaseUrl(value: string, variable: string): string | undefined {
  if (value === '') return undefined;
  if (/^sqlite:/.test(value)) return value;
  const isServer = isOnServer(value) && /^\w+:\/\/[^/]+\/[^/?]+/.test(value) && URL.canParse(value);
  if (isServer) return value;
  throw refused(
    variable,
    'an address such as sqlite:./.tenon/system.sqlite, postgres://user:password@host/database or ' +
      'mysql://user:password@host/database',
  );
}
