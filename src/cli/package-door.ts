// The way from a command to a configuration: a running server over HTTP or, where none runs, the data folder
// itself. Invariant: what a person named is used or refused; the data folder stands in only for a server that
// nobody named.
import { existsSync } from 'node:fs';
import { type Config, systemDatabase } from '../config.ts';
import { Body } from '../core/body.ts';
import { limits } from '../core/limits.ts';
import { itself, type Result } from '../core/operation.ts';
import { openPlatform } from '../main.ts';
import { isOnServer } from '../store/place.ts';
import { Client, type ClientOptions } from './client.ts';
import { CommandError } from './failure.ts';
import { configOf } from './options.ts';

/** Options of the commands that move configurations. */
export interface DoorOptions extends ClientOptions {
  readonly home?: string;
  /** Whether the address of the server was said, as an option or in the environment. */
  readonly isServerNamed: boolean;
}

/** One request to the resource `system/package`. */
export interface PackageCall {
  readonly parameters: Readonly<Record<string, string>>;
  readonly content: Uint8Array;
  readonly type: string;
  readonly passphrase: string | undefined;
}

/** A configuration that can be asked. */
export interface PackageDoor {
  /** Where it leads, for the person at the terminal. */
  readonly where: string;
  /** Longest content that it takes. */
  readonly bytesMax: number;
  /** The content of the answer; throws CommandError for a refusal. */
  send(call: PackageCall): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Opens the way. `isNew`: the data folder may be an empty one. */
export async function openDoor(options: DoorOptions, { isNew }: { isNew: boolean }): Promise<PackageDoor> {
  if (options.home !== undefined) return openFolder(configOf({ home: options.home }), isNew);
  if (options.isServerNamed || (await answers(options.server))) return openServer(options);
  const config = configOf({});
  // A folder that nobody named is not made by mistake.
  const isMeant = isNew && process.env.TENON_HOME !== undefined;
  if (isMeant || hasDatabase(config)) return openFolder(config, isNew);
  throw new CommandError(
    `No server answers at ${options.server}, and there is no data folder ${config.home}.`,
    'Start a server with `tenon serve`, name one with --server, or a data folder with --home.',
  );
}

async function answers(server: string): Promise<boolean> {
  try {
    await fetch(`${server}/status`, { signal: AbortSignal.timeout(limits.doctorWaitMs) });
    return true;
  } catch {
    return false;
  }
}

async function openServer(options: DoorOptions): Promise<PackageDoor> {
  const client = await Client.connect(options);
  return {
    where: options.server,
    bytesMax: limits.bodyBytes,
    send: ({ parameters, content, type, passphrase }) => {
      const query = new URLSearchParams(parameters).toString();
      return client.exchange(`system/package?${query}`, { content, type, headers: headersOf(passphrase) });
    },
    close: async () => undefined,
  };
}

async function openFolder(config: Config, isNew: boolean): Promise<PackageDoor> {
  if (!isNew && !hasDatabase(config)) {
    throw new CommandError(
      `There is no configuration in ${config.home}.`,
      'Name the data folder with --home (TENON_HOME), or a running server with --server.',
    );
  }
  const announce = ({ email, password }: { email: string; password: string }) => {
    console.error(`New data folder: administrator ${email}, one-time password ${password}`);
  };
  const platform = await openPlatform({ config: { ...config, logLevel: 'silent' }, announce });
  return {
    where: config.home,
    bytesMax: limits.packageBytes,
    send: async ({ parameters, content, type, passphrase }) => {
      const isText = type !== 'application/zip';
      const text = () => Buffer.from(content).toString('utf8');
      const body = isText ? Body.ofText(text(), type) : Body.ofBytes(content, type);
      const result = await platform.dispatch({
        ...{ service: 'system', path: ['package'], action: 'POST', origin: 'cli', requestor: 'api' },
        ...{ principal: itself, depth: 0, uri: '/api/v2/system/package', apiVersion: '2.0' },
        request: { parameters, headers: headersOf(passphrase), body },
      });
      return contentOf(result);
    },
    close: () => platform.close(),
  };
}

// Headers hold a character for each byte.
function headersOf(passphrase: string | undefined): Readonly<Record<string, string>> {
  if (passphrase === undefined) return {};
  return { 'x-tenon-passphrase': Buffer.from(passphrase, 'utf8').toString('latin1') };
}

function contentOf({ status, body }: Result): Uint8Array {
  if (status >= 200 && status < 300) return body?.bytes ?? new Uint8Array();
  const { error } = (body?.value ?? {}) as { error?: { message?: string } };
  throw new CommandError(
    `The configuration refused (status ${status}): ${error?.message ?? 'no reason given'}`,
  );
}

function hasDatabase(config: Config): boolean {
  const database = systemDatabase(config);
  return isOnServer(database) || existsSync(database);
}
