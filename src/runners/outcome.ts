// Reads the result frame of a runner into an Outcome.
// Invariant: every field is checked; what does not fit throws ProtocolError and is never half accepted.
import { limits } from '../core/limits.ts';
import type { LogLine } from '../core/observe.ts';
import type { Changes, Outcome, Program, ThrownError } from '../core/runner.ts';
import { changeNames, endings, type FrameFields, ProtocolError, resultFlags } from './protocol.ts';
import { placeOf } from './trace.ts';

const levels: ReadonlySet<string> = new Set(['log', 'info', 'warn', 'error', 'debug']);

/** An outcome, and whether the process must go. `fields` stand behind the id. */
export function readOutcome(fields: FrameFields, program: Program): { outcome: Outcome; retires: boolean } {
  const ending = fields.u8();
  const flags = fields.u8();
  const code = fields.i32();
  const error = fields.text();
  const log = readLog(fields.text());
  const returned = fields.text() ?? undefined;
  const changes = readChanges(fields, (flags & resultFlags.stopPropagation) !== 0);
  fields.finish();
  const retires = (flags & resultFlags.retire) !== 0;
  if (ending === endings.finished) {
    return { outcome: { kind: 'finished', returned, changes, log }, retires };
  }
  if (ending === endings.exited) return { outcome: { kind: 'exited', code, changes, log }, retires };
  if (ending !== endings.threw) throw new ProtocolError(`a run cannot end in way ${ending}`);
  return { outcome: { kind: 'threw', error: readThrown(error, program), log }, retires };
}

function readChanges(fields: FrameFields, stops: boolean): Changes {
  const changes: Record<string, string | boolean | null> = {};
  for (const name of changeNames) {
    const text = fields.text();
    if (text !== undefined) changes[name] = text;
  }
  if (stops) changes.stopPropagation = true;
  return changes;
}

function readLog(text: string | null | undefined): LogLine[] {
  if (typeof text !== 'string') return [];
  const lines: unknown = JSON.parse(text);
  if (!Array.isArray(lines)) throw new ProtocolError('a log is no list');
  return lines.map((line: unknown) => {
    const [level, said] = Array.isArray(line) ? (line as unknown[]) : [];
    if (typeof level !== 'string' || typeof said !== 'string' || !levels.has(level)) {
      throw new ProtocolError('a line of a log has no level and text');
    }
    return { level: level as LogLine['level'], text: said };
  });
}

function readThrown(text: string | null | undefined, program: Program): ThrownError {
  const told: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
  if (typeof told !== 'object' || told === null) throw new ProtocolError('an error is missing');
  const { message, code, status, context, stack, line, column, retry } = told as Record<string, unknown>;
  if (typeof message !== 'string') throw new ProtocolError('an error has no message');
  const place = placeOf(typeof stack === 'string' ? stack : '', program, { line, column });
  return {
    message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(context === undefined || context === null ? {} : { context }),
    ...readRetry(retry),
    ...place,
  };
}

// A script may say any number.
function readRetry(value: unknown): Pick<ThrownError, 'retry'> {
  if (value === false) return { retry: false };
  if (typeof value !== 'number' || !(value >= 0)) return {};
  return { retry: Math.min(value, limits.queueDelaySeconds) };
}
