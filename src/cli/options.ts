// What the options of `serve` and `doctor` mean for the configuration.
// Invariant: an option beats its variable, and a refusal names what the person wrote.
import { type Config, readConfig, settings } from '../config.ts';
import { PlatformError } from '../core/errors.ts';
import { CommandError } from './failure.ts';

/** Options that `serve` and `doctor` share. */
export interface ServerOptions {
  readonly host?: string;
  readonly port?: string;
  readonly home?: string;
  readonly databaseUrl?: string;
}

const flags = { host: '--host', port: '--port', home: '--home', databaseUrl: '--database-url' } as const;

/**
 * The configuration of a server as the environment and the options say; throws CommandError for bad values.
 */
export function configOf(
  options: ServerOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  const names = Object.keys(flags) as (keyof typeof flags)[];
  const given = names.filter((name) => options[name] !== undefined);
  try {
    return readConfig(environment, Object.fromEntries(given.map((name) => [name, options[name]])));
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const named = given.find((name) => error.message.includes(settings[name].variable));
    if (named === undefined) throw new CommandError(error.message);
    throw new CommandError(error.message.replace(settings[named].variable, flags[named]));
  }
}
