// The variables that scripts may see: those that the operator names in TENON_SCRIPT_ENV, and no other.
// Invariant: none of the server's own settings and none that would steer how a runner starts.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { PlatformError } from './core/errors.ts';

/** A variable that scripts may see. */
export interface ScriptVariable {
  /** Runner whose scripts see it; undefined: those of all. */
  readonly language: string | undefined;
  readonly name: string;
  /** From the environment of the server; undefined: from `.env` in the data folder, if it is there. */
  readonly value: string | undefined;
}

/** Names of languages as operators write them, and of their runners. */
const languages: Readonly<Record<string, string>> = {
  node: 'nodejs',
  nodejs: 'nodejs',
  typescript: 'nodejs',
  python: 'python3',
  python3: 'python3',
  php: 'php',
};

const steering = /^(PATH|HOME|TMPDIR|TZ|LANG|LC_ALL|LC_CTYPE|IFS|BASH_ENV|ENV|PERL5OPT|PERL5LIB)$/;
const steeringStart = /^(NODE_|PYTHON|PHP_?INI|PHPRC|LD_|DYLD_|GCONV_)/;

/** Reads `NAME` and `language:NAME`, separated by commas. Throws `config.invalid`. */
export function readScriptVariables(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): readonly ScriptVariable[] {
  const entries = text.split(',').map((entry) => entry.trim());
  return entries.filter((entry) => entry !== '').map((entry) => readVariable(entry, environment));
}

function readVariable(
  entry: string,
  environment: Readonly<Record<string, string | undefined>>,
): ScriptVariable {
  const [, language, name = ''] = /^(?:([^:]*):)?(.*)$/s.exec(entry) ?? [];
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw refused(entry, 'that is no name of a variable');
  if (/^(TENON|DF)_/i.test(name)) throw refused(entry, 'settings of the server are not for scripts');
  if (steering.test(name) || steeringStart.test(name)) {
    throw refused(entry, 'that variable steers how runners start');
  }
  if (language !== undefined && !Object.hasOwn(languages, language)) {
    throw refused(entry, `the languages are ${Object.keys(languages).join(', ')}`);
  }
  return { language: languages[language ?? ''], name, value: environment[name] };
}

function refused(entry: string, reason: string): PlatformError {
  return new PlatformError(
    'config.invalid',
    `TENON_SCRIPT_ENV must list NAME or language:NAME; '${entry}' is refused: ${reason}.`,
  );
}

/** Environments by runner; what the server's environment does not have is looked for in `.env` of `home`. */
export function scriptEnvironments(
  variables: readonly ScriptVariable[],
  home: string,
): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const file = variables.some(({ value }) => value === undefined) ? environmentFile(home) : {};
  const runners = [...new Set(Object.values(languages))];
  return Object.fromEntries(
    runners.map((runner) => {
      const own = variables.filter(({ language }) => language === undefined || language === runner);
      const pairs = own.flatMap(({ name, value = file[name] }) =>
        value === undefined ? [] : [[name, value] as const],
      );
      return [runner, Object.fromEntries(pairs)];
    }),
  );
}

function environmentFile(home: string): NodeJS.Dict<string> {
  const file = join(home, '.env');
  return existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
}
