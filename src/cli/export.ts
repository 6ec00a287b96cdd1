// `tenon export`: the configuration of a server, or of a data folder, as a file. Invariant: nothing but the
// package goes to the standard output, so that it can be piped; a file is complete or not there.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { DoorOptions } from './door.ts';
import { CommandError } from './failure.ts';
import { openDoor } from './package-door.ts';

/** Options of `export`. */
export interface ExportOptions extends DoorOptions {
  readonly output?: string;
  readonly format?: string;
  readonly only?: string;
  readonly withSecrets?: boolean;
  readonly passphraseFile?: string;
  readonly includeKeys?: boolean;
  readonly includeUsers?: boolean;
}

/** Writes the configuration to a file or the standard output. */
export async function exportConfiguration(options: ExportOptions): Promise<void> {
  const format = formatOf(options);
  const passphrase = passphraseOf(options);
  const door = await openDoor(options, { isNew: false });
  try {
    const parameters = {
      format,
      ...(options.only === undefined ? {} : { only: options.only }),
      ...(options.includeKeys === true ? { include_keys: 'true' } : {}),
      ...(options.includeUsers === true ? { include_users: 'true' } : {}),
    };
    const content = Buffer.from('{}');
    const answer = await door.send({ parameters, content, type: 'application/json', passphrase });
    write(readable(answer, format), options);
    const place = options.output === undefined ? '' : ` to ${options.output}`;
    console.error(`Exported the configuration of ${door.where}${place}.`);
  } finally {
    await door.close();
  }
}

function formatOf({ format, output, includeKeys, withSecrets }: ExportOptions): string {
  const ending = /\.(json|ya?ml|zip)$/i
    .exec(output ?? '')?.[1]
    ?.toLowerCase()
    .replace('yml', 'yaml');
  const wanted = format ?? ending ?? 'yaml';
  if (!['json', 'yaml', 'zip'].includes(wanted)) {
    throw new CommandError(`'${wanted}' is no format of an export.`, 'Take json, yaml or zip.');
  }
  if (wanted === 'zip' && output === undefined && process.stdout.isTTY) {
    throw new CommandError('A zip file is nothing for a terminal.', 'Name a file with --output.');
  }
  if (includeKeys === true && withSecrets !== true) {
    console.error('warning: API keys stand in the export in clear; with --with-secrets they are sealed.');
  }
  return wanted;
}

function passphraseOf({ withSecrets, passphraseFile }: ExportOptions): string | undefined {
  if (withSecrets !== true) return undefined;
  if (passphraseFile !== undefined) return readPassphrase(passphraseFile);
  throw new CommandError(
    '--with-secrets needs a passphrase.',
    'Put it into a file: --passphrase-file <file>.',
  );
}

/** The passphrase in a file, without the line's end. */
export function readPassphrase(file: string): string {
  const text = readText(file).replace(/\r?\n$/, '');
  if (text !== '') return text;
  throw new CommandError(`The file ${file} is empty.`, 'It must hold the passphrase.');
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} can not be read: ${error instanceof Error ? error.message : ''}`);
  }
}

// One member to a line, so that versions can be compared by their lines.
function readable(content: Uint8Array, format: string): Uint8Array {
  if (format !== 'json') return content;
  const value: unknown = JSON.parse(Buffer.from(content).toString('utf8'));
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}

function write(content: Uint8Array, { output, includeKeys, withSecrets }: ExportOptions): void {
  if (output === undefined) {
    process.stdout.write(content);
    return;
  }
  const aside = `${output}.${process.pid}.new`;
  const isPrivate = includeKeys === true || withSecrets === true;
  try {
    writeFileSync(aside, content, { mode: isPrivate ? 0o600 : 0o666 });
    renameSync(aside, output);
  } catch (error) {
    throw new CommandError(`${output} can not be written: ${error instanceof Error ? error.message : ''}`);
  }
}
