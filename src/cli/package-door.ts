// The way from a command to a configuration: a running server over HTTP or, where none runs, the data folder
// itself. Invariant: a configuration goes in and out as it is; nothing of it is read here.
import type { Config } from '../config.ts';
import { Body } from '../core/body.ts';
import { limits } from '../core/limits.ts';
import { itself, type Result } from '../core/operation.ts';
import { Client } from './client.ts';
import { chosenFolder, type DoorOptions, openFolder } from './door.ts';
import { CommandError } from './failure.ts';

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
  const config = await chosenFolder(options, { isNew });
  return config === undefined ? openServer(options) : folderDoor(config);
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

async function folderDoor(config: Config): Promise<PackageDoor> {
  const platform = await openFolder(config);
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
