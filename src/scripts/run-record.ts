// What is kept of a run once it is over. Invariant: a record is made only of runs that are kept, so that the
// others pay nothing for it; it holds no more of output and traces than the limits say.
import { randomUUID } from 'node:crypto';
import { limits } from '../core/limits.ts';
import type { LogLine } from '../core/observe.ts';
import type { Operation } from '../core/operation.ts';
import type { RunRecord } from '../core/run.ts';
import type { Failure } from './failure.ts';

/** A run that is over. */
export interface EndedRun {
  readonly id: string;
  readonly operation: Operation;
  readonly script: { readonly name: string; readonly language: string; readonly version: string };
  readonly stage: string;
  /** The queued run that it was an attempt of. */
  readonly queuedRunId?: string | undefined;
  readonly ms: number;
  /** Status of the answer as it is after the run. */
  readonly status: number | undefined;
  readonly log: readonly LogLine[];
  readonly failure?: Failure | undefined;
}

/** The record of a run that ended just now. */
export function runRecord(ended: EndedRun): RunRecord {
  const { id, operation, script, stage, ms, status, log, failure } = ended;
  const { principal, service, path, action, origin, depth, run } = operation;
  const { output, isOutputCut } = keptOutput(log);
  const { line, column, stack } = failure?.trace ?? {};
  return {
    id,
    script: script.name,
    type: script.language,
    version: script.version,
    stage,
    service,
    resource: path.join('/'),
    action,
    door: origin,
    caller: principal.kind,
    userId: principal.user?.id ?? null,
    appId: principal.app?.id ?? null,
    depth,
    parentId: run?.id ?? null,
    queuedRunId: ended.queuedRunId ?? null,
    startedDate: new Date(Date.now() - ms).toISOString(),
    durationMs: Math.round(ms * 1_000) / 1_000,
    outcome: failure?.outcome ?? 'finished',
    status: failure?.error.status ?? status ?? null,
    output,
    isOutputCut,
    errorMessage: failure === undefined ? null : failure.reason.slice(0, limits.runErrorChars),
    errorLine: line ?? null,
    errorColumn: column ?? null,
    errorStack: stack?.slice(0, limits.runErrorChars) ?? null,
  };
}

/** A new id: UUID of version 7, whose first half is the time. */
export function newRunId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

function keptOutput(log: readonly LogLine[]): Pick<RunRecord, 'output' | 'isOutputCut'> {
  const output: LogLine[] = [];
  let left = limits.runOutputChars;
  for (const { level, text } of log) {
    if (left <= 0) return { output, isOutputCut: true };
    output.push({ level, text: text.slice(0, left) });
    // A line without text takes room, too.
    left -= text.length + 1;
  }
  return { output, isOutputCut: left < -1 };
}
