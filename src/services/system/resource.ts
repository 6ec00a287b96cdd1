// A resource of the service `system`: a name, the paths below it, and what it answers.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import type { Action, Operation, Parameters, Result } from '../../core/operation.ts';
import type { CallContext, Endpoint } from '../../core/service.ts';

/** One request to a resource. */
export interface Call {
  readonly operation: Operation;
  readonly action: Action;
  /** Path below the resource: `['5']` of `service/5`. */
  readonly path: readonly string[];
  readonly parameters: Parameters;
  /** Id of the acting user, for stamps. */
  readonly by: number | null;
  /** Asks other operations on behalf of this one. */
  readonly context: CallContext;
}

/** A resource. Patterns of its endpoints begin with its own name. */
export interface Resource {
  /** Path below `system`: `service`, `admin/session`. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  /** Actions that need no access check. */
  readonly publicActions?: readonly Action[];
  /** Actions that every user who is logged in may do, whatever the role. */
  readonly userActions?: readonly Action[];
  /** Throws PlatformError for refusals; is asked only for actions of its endpoints. */
  handle(call: Call): Promise<Result> | Result;
}

/** An answer with a JSON value. */
export function answer(value: unknown, status = 200): Result {
  return { status, headers: {}, body: Body.ofValue(value) };
}

/** The answer of what has nothing to tell. */
export function success(): Result {
  return answer({ success: true });
}

/** The refusal of an identifier that stands for nothing. */
export function recordNotFound(id: unknown): PlatformError {
  return new PlatformError('request.not_found', `Record with identifier '${String(id)}' not found.`);
}
