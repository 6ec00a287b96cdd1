// Where a command finds what it asks: a running server or, where none runs, the data folder itself.
// Invariant: what a person named is used or refused; the data folder stands in only for a server that nobody
// named.
import { existsSync } from 'node:fs';
import { type Config, systemDatabase } from '../config.ts';
import { limits } from '../core/limits.ts';
import type { OpenPlatform } from '../main.ts';
import { isOnServer } from '../store/place.ts';
import type { ClientOptions } from './client.ts';
import { CommandError } from './failure.ts';
import { configOf } from './options.ts';

/** Options of the commands that do without a server. */
export interface DoorOptions extends ClientOptions {
  readonly home?: string;
  /** Whether the address of the server was said, as an option or in the environment. */
  readonly isServerNamed: boolean;
}

/** The data folder that is meant; undefined: a server. `isNew`: it may be an empty one. */
export async function chosenFolder(
  options: DoorOptions,
  { isNew }: { isNew: boolean },
): Promise<Config | undefined> {
  if (options.home !== undefined) return filled(configOf({ home: options.home }), isNew);
  if (options.isServerNamed || (await answers(options.server))) return undefined;
  const config = configOf({});
  // A folder that nobody named is not made by mistake.
  const isMeant = isNew && process.env.TENON_HOME !== undefined;
  if (isMeant || hasDatabase(config)) return config;
  throw new CommandError(
    `No server answers at ${options.server}, and there is no data folder ${config.home}.`,
    'Start a server with `tenon serve`, name one with --server, or a data folder with --home.',
  );
}

/** Opens a data folder; a new one gets its administrator. */
export async function openFolder(config: Config): Promise<OpenPlatform> {
  // Loaded where there is no server to ask: it is nearly everything that there is.
  const { openPlatform } = await import('../main.ts');
  const announce = ({ email, password }: { email: string; password: string }) => {
    console.error(`New data folder: administrator ${email}, one-time password ${password}`);
  };
  return openPlatform({ config: { ...config, logLevel: 'silent' }, announce });
}

async function answers(server: string): Promise<boolean> {
  try {
    await fetch(`${server}/status`, { signal: AbortSignal.timeout(limits.doctorWaitMs) });
    return true;
  } catch {
    return false;
  }
}

function filled(config: Config, isNew: boolean): Config {
  if (isNew || hasDatabase(config)) return config;
  throw new CommandError(
    `There is no configuration in ${config.home}.`,
    'Name the data folder with --home (TENON_HOME), or a running server with --server.',
  );
}

function hasDatabase(config: Config): boolean {
  const database = systemDatabase(config);
  return isOnServer(database) || existsSync(database);
}
