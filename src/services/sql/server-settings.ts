// Settings of database servers as their drivers take them: read one by one, with what is wrong said by the
// setting's name. Invariant: an empty setting counts as none.
import { PlatformError } from '../../core/errors.ts';

/** A configuration by the names of its settings. */
export type Config = Readonly<Record<string, unknown>>;

/** Reads settings of one service. */
export class ServerSettings {
  readonly #config: Config;

  /** Settings of `url` stand where the configuration has none of that name. */
  constructor(config: Config, url: Config = {}) {
    this.#config = { ...withoutEmpty(url), ...withoutEmpty(config) };
  }

  /** A text, or undefined when there is none. */
  text(name: string): string | undefined {
    const value = this.#config[name];
    if (value === undefined || (typeof value === 'string' && !value.includes('\0'))) return value;
    throw invalidSetting(name, 'must be text');
  }

  /** A text that must be there. */
  needed(name: string, hint: string): string {
    const value = this.text(name);
    if (value !== undefined) return value;
    throw invalidSetting(name, `is missing: ${hint}`);
  }

  /** A whole number from 1 on. */
  whole(name: string, { fallback, most }: { readonly fallback: number; readonly most: number }): number {
    const given = this.#config[name] ?? fallback;
    // Forms send numbers as text.
    const value = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
    const isFine = typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most;
    if (isFine) return value;
    throw invalidSetting(name, `must be a whole number from 1 to ${most}`);
  }

  /** One of some words. */
  oneOf<Word extends string>(name: string, words: readonly Word[], fallback: Word): Word {
    const value = this.text(name) ?? fallback;
    const known = words.find((word) => word === value);
    if (known !== undefined) return known;
    throw invalidSetting(name, `must be one of ${words.join(', ')}`);
  }

  /** A switch. */
  flag(name: string): boolean {
    return this.#config[name] === true;
  }
}

/** A URL in parts, such as `postgres://user:password@host:5432/database`; undefined when there is none. */
export function readUrl(given: unknown, scheme: RegExp, example: string): URL | undefined {
  if (given === null || given === undefined || given === '') return undefined;
  const url = typeof given === 'string' ? URL.parse(given) : null;
  if (url === null || !scheme.test(url.protocol)) throw invalidSetting('url', `must be like ${example}`);
  return url;
}

/** A part of a URL without its percent signs. */
export function urlText(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalidSetting('url', 'has a % that begins no character');
  }
}

/** What is wrong with a setting. */
export function invalidSetting(name: string, problem: string): PlatformError {
  return new PlatformError('service.invalid_config', `Setting '${name}' ${problem}.`);
}

function withoutEmpty(config: Config): Config {
  const isGiven = (value: unknown) => value !== null && value !== undefined && value !== '';
  return Object.fromEntries(Object.entries(config).filter(([, value]) => isGiven(value)));
}
