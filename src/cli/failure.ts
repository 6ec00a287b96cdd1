// How a command fails: a sentence for the person at the terminal, what to do about it, and exit code 1.
// Invariant: a stack is shown only for what nobody expected.
import { PlatformError } from '../core/errors.ts';

/** A command cannot do what it was asked; `remedy` says what the person can do about it. */
export class CommandError extends Error {
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string) {
    super(message);
    this.remedy = remedy;
  }
}

/** What is printed for anything a command threw. */
export function describeFailure(thrown: unknown): string {
  if (thrown instanceof CommandError) return withRemedy(thrown.message, thrown.remedy);
  if (thrown instanceof PlatformError) return `error: ${thrown.message}`;
  return `error: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
}

function withRemedy(message: string, remedy: string | undefined): string {
  return remedy === undefined ? `error: ${message}` : `error: ${message}\n${remedy}`;
}
