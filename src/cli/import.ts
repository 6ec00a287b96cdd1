// `tenon import`: makes the configuration of a server, or of a data folder, what a file says. Invariant: what
// would change is shown, and asked about, before anything is changed, unless --yes says that it need not be.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { zipOf } from '../services/system/package/archive.ts';
import { readYaml } from '../services/system/package/yaml.ts';
import type { DoorOptions } from './door.ts';
import { readPassphrase } from './export.ts';
import { CommandError } from './failure.ts';
import { differenceText, type ImportReport, summaryText } from './import-difference.ts';
import { openDoor, type PackageDoor } from './package-door.ts';

/** Options of `import`. */
export interface ImportOptions extends DoorOptions {
  readonly dryRun?: boolean;
  readonly passphraseFile?: string;
  readonly deleteMissing?: boolean;
  readonly overwrite: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What a dry run ends with when something would change. */
const differs = 2;

/** Imports a file, or `-` for the standard input. */
export async function importConfiguration(file: string, options: ImportOptions): Promise<void> {
  if (options.dryRun !== true && options.yes !== true && !isAtTerminal()) {
    throw new CommandError(
      'Nobody is there to be asked.',
      'Give --yes, or --dry-run to see what would change.',
    );
  }
  const content = read(file);
  const passphrase =
    options.passphraseFile === undefined ? undefined : readPassphrase(options.passphraseFile);
  const door = await openDoor(options, { isNew: options.dryRun !== true });
  try {
    const upload = await packed({ content, type: typeOf(file) }, door.bytesMax);
    const send = (isDryRun: boolean) => ask(door, { ...upload, passphrase }, { ...options, isDryRun });
    if (options.yes !== true || options.dryRun === true) {
      const report = await send(true);
      print(report, options);
      const isChange = report.resource.some(({ action }) => isWrite(action));
      if (options.dryRun === true && isChange) process.exitCode = differs;
      if (options.dryRun === true || !isChange || !(await confirmed(door))) return;
    }
    print(await send(false), { ...options, isBrief: options.yes !== true });
  } finally {
    await door.close();
  }
}

function isAtTerminal(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

function isWrite(action: string): boolean {
  return action === 'created' || action === 'updated' || action === 'deleted';
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new CommandError(`${file} can not be read: ${error instanceof Error ? error.message : ''}`);
  }
}

function typeOf(file: string): string {
  if (/\.zip$/i.test(file)) return 'application/zip';
  return /\.json$/i.test(file) ? 'application/json' : 'application/yaml';
}

interface Upload {
  readonly content: Uint8Array;
  readonly type: string;
}

// A server takes a megabyte at a time; as a zip file ten of them fit in.
async function packed(upload: Upload, bytesMax: number): Promise<Upload> {
  const { content, type } = upload;
  if (content.length <= bytesMax || type === 'application/zip') return upload;
  const value = await readYaml(content, { isJson: type === 'application/json' });
  if (typeof value !== 'object' || value === null) return upload;
  return { content: await zipOf(value as Record<string, unknown>), type: 'application/zip' };
}

interface Asking extends Upload {
  readonly passphrase: string | undefined;
}

async function ask(
  door: PackageDoor,
  upload: Asking,
  options: ImportOptions & { readonly isDryRun: boolean },
): Promise<ImportReport> {
  const parameters = {
    dry_run: String(options.isDryRun),
    overwrite: String(options.overwrite),
    delete_missing: String(options.deleteMissing === true),
  };
  const isSlow = process.stderr.isTTY;
  if (isSlow)
    process.stderr.write(`${options.isDryRun ? 'Comparing with' : 'Importing into'} ${door.where} …`);
  try {
    const answer = await door.send({ ...upload, parameters });
    const report = JSON.parse(Buffer.from(answer).toString('utf8')) as Partial<ImportReport>;
    if (report.resource !== undefined) return report as ImportReport;
    throw new CommandError('The file is no package.', 'tenon export makes one.');
  } finally {
    if (isSlow) process.stderr.write('\r\x1b[K');
  }
}

function print(report: ImportReport, options: ImportOptions & { readonly isBrief?: boolean }): void {
  const isColoured = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  if (options.json === true) console.log(JSON.stringify(report, undefined, 2));
  else if (options.isBrief === true) console.log(summaryText(report));
  else console.log([differenceText(report, { isColoured }), summaryText(report)].filter(Boolean).join('\n'));
  for (const warning of report.warnings) console.error(`warning: ${warning}`);
}

async function confirmed({ where }: PackageDoor): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test(
      (await asking.question(`Change the configuration of ${where} so? [y/N] `)).trim(),
    );
  } finally {
    asking.close();
  }
}
