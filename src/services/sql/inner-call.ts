// Calls of a SQL service to tables, its own or those of other services, and their answers.
// Invariant: a refusal of the called side is thrown with its own status and words.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import type { Action, Parameters, Result } from '../../core/operation.ts';
import type { CallContext } from '../../core/service.ts';

/** A call to a resource of a service. */
export interface TableCall {
  readonly service: string;
  readonly path: readonly string[];
  readonly action: Action;
  readonly parameters: Parameters;
  readonly body?: unknown;
}

/** Makes a call with the caller's own rights; answers its value. Throws what it was refused with. */
export async function callTable(context: CallContext, call: TableCall): Promise<unknown> {
  const { service, path, action, parameters, body } = call;
  const result = await context.call({
    service,
    path,
    action,
    request: { parameters, headers: {}, body: body === undefined ? undefined : Body.ofValue(body) },
    uri: `/api/v2/${service}/${path.map(encodeURIComponent).join('/')}`,
  });
  const value = (result.body ?? Body.ofValue(null)).value;
  if (result.status >= 400) throw refusalOf(result, value);
  return value;
}

function refusalOf({ status }: Result, value: unknown): PlatformError {
  const error = (value as { error?: { message?: unknown; code?: unknown; context?: unknown } } | null)?.error;
  const message =
    typeof error?.message === 'string' ? error.message : 'Related records could not be reached.';
  const code = typeof error?.code === 'number' || typeof error?.code === 'string' ? error.code : status;
  return new PlatformError('request.failed', message, { status, code, context: error?.context ?? null });
}
