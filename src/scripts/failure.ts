// What becomes of a run that does not count: what its caller is told, what the log says, and where it failed.
// Invariant: callers read no stack, path or internals; administrators find them in `error.context`.
import { STATUS_CODES } from 'node:http';
import { PlatformError } from '../core/errors.ts';
import type { Headers } from '../core/operation.ts';
import type { RunOutcome } from '../core/run.ts';
import type { Outcome, ThrownError } from '../core/runner.ts';
import { type Compiled, problemOf } from './source.ts';

/** Where in a script something failed. */
export interface Trace {
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly stack?: string | undefined;
}

/** Why a run does not count. */
export interface Failure {
  readonly outcome: Exclude<RunOutcome, 'finished'>;
  /** What the caller is told. */
  readonly error: PlatformError;
  /** For whoever wrote the script or runs the server; without the stack. */
  readonly reason: string;
  readonly trace: Trace;
  /** What the script said of another try of a queued run: in how many seconds, or never; absent: nothing. */
  readonly retry?: number | false;
}

type Failing = Exclude<Outcome, { kind: 'finished' }>;

/** A script of a language that this server has not got. */
export function unknownLanguage(script: string, language: string): Failure {
  const reason = `scripts of type '${language}' can not be run by this server`;
  const error = new PlatformError('script.unavailable', `Script '${script}' can not be run: ${reason}.`);
  return { outcome: 'unavailable', error, reason, trace: {} };
}

/** A text that cannot be loaded, or that nobody could read. */
export function unloadable(script: string, compiled: Extract<Compiled, { ok: false }>): Failure {
  const { message, line, column, isUnread } = compiled;
  if (isUnread) {
    // Why is for administrators: it may name files of this machine.
    const said = `Script '${script}' can not be run at the moment.`;
    const error = new PlatformError('script.unavailable', said, { cause: message });
    return { outcome: 'unavailable', error, reason: message, trace: {} };
  }
  const reason = problemOf(compiled);
  const error = new PlatformError('script.not_loaded', `Script '${script}' can not be loaded: ${reason}.`);
  return { outcome: 'not_loaded', error, reason, trace: { line, column } };
}

/** A run that did not end well. */
export function failureOf(outcome: Failing, script: string): Failure {
  const failure = { outcome: outcome.kind, error: errorOf(outcome, script), reason: reasonOf(outcome) };
  if (outcome.kind !== 'threw') return { ...failure, trace: {} };
  const { retry } = outcome.error;
  return { ...failure, trace: outcome.error, ...(retry === undefined ? {} : { retry }) };
}

/** A run that ended well with an error as its result. */
export function refusal(error: PlatformError): Failure {
  return { outcome: 'refused', error, reason: error.message, trace: {} };
}

/** The error with what only an administrator reads; what the author of the script gave along stays. */
export function withContext(error: PlatformError, context: unknown): PlatformError {
  if (error.context !== null) return error;
  const { kind, message, status, code, headers, cause } = error;
  return new PlatformError(kind, message, { status, code, headers, cause, context });
}

/** What the server's log says: the reason, and the stack where there is one. */
export function loggedReason({ reason, trace: { line, column, stack } }: Failure): string {
  if (line === undefined) return stack ?? reason;
  const told = `${reason} (line ${line}${column === undefined ? '' : `, column ${column}`})`;
  return stack === undefined ? told : `${told}\n${stack}`;
}

function reasonOf(outcome: Failing): string {
  switch (outcome.kind) {
    case 'threw':
      return outcome.error.message;
    case 'exited':
      return `exited with code ${outcome.code}`;
    case 'timeout':
      return `did not end within ${outcome.ms} ms`;
    case 'aborted':
      return 'was stopped before it ended';
    case 'crashed':
      return `crashed: ${outcome.reason}`;
    case 'saturated':
    case 'unavailable':
      return outcome.message;
  }
}

function errorOf(outcome: Failing, name: string): PlatformError {
  switch (outcome.kind) {
    case 'threw':
      return thrownError(outcome.error, name);
    case 'exited':
      return new PlatformError('script.threw', `Executed command returned with error code: ${outcome.code}`);
    case 'timeout':
      return new PlatformError('script.timeout', `Script '${name}' did not end within ${outcome.ms} ms.`);
    case 'aborted':
      return new PlatformError('script.unavailable', `Script '${name}' was stopped before it ended.`);
    case 'crashed':
      return new PlatformError('script.crashed', `Script '${name}' ended the process that ran it.`, {
        cause: outcome.reason,
      });
    case 'saturated':
      return new PlatformError(
        'script.saturated',
        `Script '${name}' could not start because too many scripts are running. Try again later.`,
        { cause: outcome.message },
      );
    case 'unavailable':
      return new PlatformError('script.unavailable', `Script '${name}' can not be run at the moment.`, {
        cause: outcome.message,
      });
  }
}

function thrownError(error: ThrownError, name: string): PlatformError {
  const { message, code, stack, context, retry } = error;
  const status = [error.status, code].find(isErrorStatus) ?? 500;
  return new PlatformError('script.threw', message || `Script '${name}' threw an error without a message.`, {
    status,
    code: typeof code === 'number' ? code : status,
    cause: stack,
    context,
    ...(typeof retry === 'number' && isPassing(status) ? { headers: retryAfter(retry) } : {}),
  });
}

// The two statuses that say that the same may do later.
function isPassing(status: number): boolean {
  return status === 503 || status === 429;
}

function retryAfter(seconds: number): Headers {
  return { 'retry-after': String(Math.ceil(seconds)) };
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === 'number' && value >= 400 && STATUS_CODES[value] !== undefined;
}
