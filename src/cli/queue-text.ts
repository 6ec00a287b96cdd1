// What people read of queues and their runs in a terminal.
import { cellText, tableText } from './table.ts';

/** A queued run as the API answers it. */
export interface QueuedRunView {
  readonly id: string;
  readonly position: number;
  readonly script: string;
  readonly connection: string;
  readonly queue: string;
  readonly state: string;
  readonly attempt: number;
  readonly crashes: number;
  readonly created_date: string;
  readonly available_date: string;
  readonly started_date: string | null;
  readonly finished_date: string | null;
  readonly worker: string | null;
  readonly is_cancelling: boolean;
  readonly reason: string | null;
  readonly payload?: unknown;
  readonly run_by_queued_run_id?: readonly LoggedAttempt[];
}

/** An attempt in the log of runs. */
interface LoggedAttempt {
  readonly id: string;
  readonly started_date: string;
  readonly duration_ms: number;
  readonly outcome: string;
  readonly error_message: string | null;
  readonly output: readonly { readonly level: string; readonly text: string }[];
}

/** A queue as the API answers it. */
export interface QueueView {
  readonly id: string;
  readonly connection: string;
  readonly name: string;
  readonly is_paused: boolean;
  readonly concurrency: number | null;
  readonly rate: { readonly count: number; readonly per: string | number } | null;
  readonly ready: number;
  readonly delayed: number;
  readonly running: number;
  readonly failed: number;
  readonly quarantined: number;
  readonly lag_ms: number;
}

/** Runs, one in a line. */
export function runTable(runs: readonly QueuedRunView[]): string {
  const rows = runs.map((run) => [
    String(run.position),
    run.state,
    `${run.connection}:${run.queue}`,
    run.script,
    `${run.attempt}${run.crashes === 0 ? '' : ` (+${run.crashes} lost)`}`,
    timeText(run.finished_date ?? run.started_date ?? run.available_date),
    cellText(run.reason ?? ''),
  ]);
  const heading = ['NUMBER', 'STATE', 'QUEUE', 'SCRIPT', 'FAILURES', 'SINCE (UTC)', 'REASON'];
  return tableText([heading, ...rows], [0]);
}

function timeText(date: string): string {
  return date.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replace('T', ' ');
}

/** All queues, one in a line. */
export function queueTable(queues: readonly QueueView[]): string {
  const rows = queues.map((queue) => [
    queue.id,
    ...[queue.ready, queue.delayed, queue.running, queue.failed, queue.quarantined].map((count) =>
      count.toLocaleString('en'),
    ),
    queue.ready === 0 ? '' : `${(queue.lag_ms / 1_000).toFixed(1)} s`,
    settingsText(queue),
  ]);
  const heading = ['QUEUE', 'READY', 'DELAYED', 'RUNNING', 'FAILED', 'QUARANTINED', 'LAG', 'SETTINGS'];
  return tableText([heading, ...rows], [1, 2, 3, 4, 5, 6]);
}

function settingsText(queue: QueueView): string {
  return [...(queue.is_paused ? ['paused'] : []), limitsText(queue)].filter((text) => text !== '').join(', ');
}

/** What a queue allows; '' where it allows everything. */
export function limitsText({ concurrency, rate }: Pick<QueueView, 'concurrency' | 'rate'>): string {
  return [
    ...(concurrency === null ? [] : [`${concurrency} at once`]),
    ...(rate === null
      ? []
      : [`${rate.count} per ${typeof rate.per === 'number' ? `${rate.per} s` : rate.per}`]),
  ].join(', ');
}

/** Everything of a run: its fields, its attempts with what they printed, and what it was queued with. */
export function runText(run: QueuedRunView): string {
  const { payload, run_by_queued_run_id: attempts = [], ...fields } = run;
  const told = Object.entries(fields).filter(([, value]) => value !== null && value !== false);
  const rows = told.map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]);
  return [
    tableText(rows),
    ...attempts.toReversed().map(attemptText),
    ...(payload === undefined ? [] : ['payload', JSON.stringify(payload, undefined, 2)]),
  ].join('\n');
}

function attemptText(attempt: LoggedAttempt): string {
  const { id, started_date: date, duration_ms: ms, outcome, error_message: message, output } = attempt;
  return [
    `attempt  ${timeText(date)}  ${outcome}  ${ms.toFixed(1)} ms  ${id}`,
    ...output.map(({ level, text }) => `    ${level.padEnd(5)} ${text.replaceAll('\n', '\n          ')}`),
    ...(message === null ? [] : [`    ${message}`]),
  ].join('\n');
}
