// `tenon script run`: runs a script once on a running server, with an event made up for it, and shows what it
// did. Invariant: nothing is stored but the record of the run; a script that fails gives exit code 1.
import { existsSync, readFileSync } from 'node:fs';
import { Client, type ClientOptions } from './client.ts';
import { CommandError } from './failure.ts';
import { contentOf, eventOfFile, excerpt, typeOf } from './script-file.ts';

/** Options of `script run`. */
export interface RunOptions extends ClientOptions {
  readonly on?: string;
  readonly event?: string;
  readonly method?: string;
  readonly path?: string;
  readonly param?: readonly string[];
  readonly language?: string;
  readonly timeout?: string;
  readonly json?: boolean;
}

/** What the server tells of a run. */
export interface RunReport {
  readonly outcome: string;
  readonly duration_ms: number;
  readonly script: string;
  readonly output: readonly { readonly level: string; readonly text: string }[];
  readonly is_output_cut: boolean;
  readonly error_message: string | null;
  readonly error_line: number | null;
  readonly error_column: number | null;
  readonly error_stack: string | null;
  readonly returned: unknown;
  readonly changes: Readonly<Record<string, unknown>>;
  readonly response: { readonly status_code: number; readonly content: unknown } | null;
}

/** Runs a file, or the stored event script of that name. */
export async function runScript(script: string, options: RunOptions): Promise<void> {
  const isFile = existsSync(script);
  const asked = isFile ? fromFile(script, options) : { name: script };
  const body = { ...asked, ...askedOf(options), event: eventOf(options) };
  const client = await Client.connect(options);
  const answer = await client.ask('system/script_run', { method: 'POST', body });
  const report = answer.body as RunReport;
  const source = isFile ? { file: script, content: contentOf(script) } : undefined;
  console.log(options.json === true ? JSON.stringify(report, undefined, 2) : reportText(report, source));
  if (report.outcome !== 'finished') process.exitCode = 1;
}

function fromFile(file: string, options: RunOptions): Record<string, unknown> {
  const content = contentOf(file);
  const on = options.on ?? eventOfFile(file, content);
  const name = file.split(/[\\/]/).at(-1);
  return { name, type: typeOf(file, options.language), content, ...(on === undefined ? {} : { on }) };
}

function askedOf({ on, timeout }: RunOptions): Record<string, unknown> {
  const timeoutMs = timeout === undefined ? undefined : Number(timeout);
  if (timeoutMs !== undefined && !Number.isInteger(timeoutMs)) {
    throw new CommandError(`--timeout ${timeout} is no number of milliseconds.`);
  }
  return {
    ...(on === undefined ? {} : { on }),
    ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
  };
}

/** The event that the options describe: `--event`, and what the others say of its request. */
export function eventOf({ event, method, path, param = [] }: RunOptions): Record<string, unknown> {
  const given = event === undefined ? {} : readEvent(event);
  const parameters = param.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new CommandError(`--param ${text} is not name=value.`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  const request = isMap(given.request) ? given.request : {};
  const known = isMap(request.parameters) ? request.parameters : {};
  const asked = {
    ...request,
    ...(method === undefined ? {} : { method }),
    ...(path === undefined ? {} : { path }),
    ...(parameters.length === 0 ? {} : { parameters: { ...known, ...Object.fromEntries(parameters) } }),
  };
  return { ...given, ...(Object.keys(asked).length === 0 ? {} : { request: asked }) };
}

function readEvent(given: string): Record<string, unknown> {
  const text = given.startsWith('@') ? fileText(given.slice(1)) : given;
  try {
    const value: unknown = JSON.parse(text);
    if (isMap(value)) return value;
  } catch {
    // Told below, like JSON that is no object.
  }
  throw new CommandError(
    `--event ${given} is not a JSON object.`,
    'Write it like {"request":{"payload":{"name":"x"}}}, or name a file with @.',
  );
}

function fileText(file: string): string {
  if (!existsSync(file)) throw new CommandError(`${file} cannot be read (ENOENT).`);
  return readFileSync(file, 'utf8');
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a person reads of a run; with the line that failed where the text is at hand. */
export function reportText(report: RunReport, source?: { file: string; content: string }): string {
  const { output, error_message: message, returned, changes, response } = report;
  const parts = [
    `${report.outcome} after ${report.duration_ms} ms${message === null ? '' : `: ${message}`}`,
    ...placeText(report, source),
    ...output.map(({ level, text }) => `${level.padEnd(5)} ${text.replaceAll('\n', '\n      ')}`),
    ...(report.is_output_cut ? ['(the rest of the output is in the log of the server)'] : []),
    ...(returned === null ? [] : [`returned: ${pretty(returned)}`]),
    ...Object.entries(changes).map(([name, value]) => `changed ${name}: ${pretty(value)}`),
    ...(response === null ? [] : [`response: ${response.status_code} ${pretty(response.content)}`]),
  ];
  return parts.join('\n');
}

function placeText(report: RunReport, source: { file: string; content: string } | undefined): string[] {
  const { error_line: line, error_column: column, error_stack: stack } = report;
  const below = (stack ?? '').split('\n').filter((text) => /^\s+(at|File) /.test(text));
  if (line === null) return below;
  const place =
    source === undefined ? `  line ${line}${column === null ? '' : `, column ${column}`}` : undefined;
  return [place ?? excerpt(source?.file ?? '', source?.content ?? '', { line, column }), ...below];
}

function pretty(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
