// `tenon script logs`: the runs that a server recorded, as a person or a program reads them.
// Invariant: whoever follows sees every recorded run once: the log numbers them in the order in which they
// come in, and each look begins behind the last number seen.
import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../core/limits.ts';
import { Client, type ClientOptions, UnreachableError } from './client.ts';
import { CommandError } from './failure.ts';

/** Options of `script logs`. */
export interface LogOptions extends ClientOptions {
  readonly follow?: boolean;
  readonly failed?: boolean;
  readonly limit: string;
  readonly json?: boolean;
}

/** A recorded run. */
export interface LoggedRun {
  readonly id: string;
  readonly position: number;
  readonly script: string;
  readonly started_date: string;
  readonly duration_ms: number;
  readonly outcome: string;
  readonly output: readonly { readonly level: string; readonly text: string }[];
  readonly is_output_cut: boolean;
  readonly error_message: string | null;
  readonly error_line: number | null;
  readonly error_column: number | null;
}

type Query = Pick<LogOptions, 'failed'> & { readonly script: string | undefined };

/** Prints the last runs, oldest first, and those that come while it is followed. */
export async function showLogs(script: string | undefined, options: LogOptions): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 0 || limit > limits.records) {
    throw new CommandError(`--limit ${options.limit} is no whole number from 0 to ${limits.records}.`);
  }
  const client = await Client.connect(options);
  const print = (run: LoggedRun) => console.log(options.json === true ? JSON.stringify(run) : runText(run));
  const query = { failed: options.failed === true, script };
  // Before anything is read, so that nothing between the list and the first look is missed.
  const end = await lastPosition(client);
  const known = await runsOf(client, query, { upTo: end, limit });
  for (const run of known) print(run);
  if (options.follow === true) await follow({ client, query, print }, end);
}

interface Following {
  readonly client: Client;
  readonly query: Query;
  readonly print: (run: LoggedRun) => void;
}

async function follow({ client, query, print }: Following, from: number): Promise<never> {
  let position = from;
  let isAway = false;
  for (;;) {
    try {
      const runs = await runsOf(client, query, { after: position, limit: limits.records });
      isAway = false;
      for (const run of runs) print(run);
      position = runs.at(-1)?.position ?? position;
      if (runs.length === limits.records) continue;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      if (!isAway) console.error(`${error.message} Waiting for it.`);
      isAway = true;
    }
    await pause(limits.logPollMs);
  }
}

async function lastPosition(client: Client): Promise<number> {
  const { body } = await client.ask('system/run?fields=position&limit=1');
  return (body as { resource: { position: number }[] }).resource[0]?.position ?? 0;
}

type Range = { readonly limit: number } & ({ readonly after: number } | { readonly upTo: number });

async function runsOf(client: Client, query: Query, range: Range): Promise<LoggedRun[]> {
  if (range.limit === 0) return [];
  const { body } = await client.ask(`system/run?${searchOf(query, range)}`);
  const runs = (body as { resource: LoggedRun[] }).resource;
  return 'after' in range ? runs : runs.reverse();
}

/** The query that asks for runs: those behind a position in their order, or the last ones up to it. */
export function searchOf({ failed, script }: Query, range: Range): URLSearchParams {
  const from = 'after' in range ? `position > ${range.after}` : `position <= ${range.upTo}`;
  const conditions = [
    `(${from})`,
    ...(failed === true ? ["(outcome != 'finished')"] : []),
    ...(script === undefined ? [] : ['(script = :script)']),
  ];
  const search = new URLSearchParams({
    fields: '*',
    filter: conditions.join(' and '),
    order: `position ${'after' in range ? 'asc' : 'desc'}`,
    limit: String(range.limit),
  });
  if (script !== undefined) search.set('params[script]', script);
  return search;
}

/** What a person reads of a run: when, how it ended, what it printed. */
export function runText(run: LoggedRun): string {
  const { output, error_message: message, error_line: line, error_column: column } = run;
  const time = run.started_date.replace('T', ' ').replace('Z', '');
  const place = line === null ? '' : ` (line ${line}${column === null ? '' : `, column ${column}`})`;
  const duration = `${run.duration_ms.toFixed(1)} ms`.padStart(10);
  return [
    `${time}  ${run.outcome.padEnd(11)}  ${duration}  ${run.script}  ${run.id}`,
    ...output.map(({ level, text }) => `    ${level.padEnd(5)} ${text.replaceAll('\n', '\n          ')}`),
    ...(run.is_output_cut ? ['    (the rest is in the log of the server)'] : []),
    ...(message === null ? [] : [`    ${message}${message.endsWith(place) ? '' : place}`]),
  ].join('\n');
}
