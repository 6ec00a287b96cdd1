// Calls of a SQL service to tables, its own or those of other services, and their answers.
// Invariant: a refusal of the called side is thrown with its own status and words.
import { Body } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import type { Action, Parameters, Result } from '../../../core/operation.ts';
import type { CallContext } from '../../../core/service.ts';
import { isRecord } from '../writing/records.ts';

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
  const error = errorOf(value);
  const one = theOne(error);
  const { message, code, context } = one ?? error ?? {};
  // What the role does not allow is no matter of single records.
  const kind = status === 401 || status === 403 ? 'access.forbidden' : 'request.failed';
  return new PlatformError(
    kind,
    typeof message === 'string' ? message : 'Related records could not be reached.',
    {
      status: typeof one?.status_code === 'number' ? one.status_code : status,
      code: typeof code === 'number' || typeof code === 'string' ? code : status,
      context: context ?? null,
    },
  );
}

interface ErrorView {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly context?: unknown;
  readonly status_code?: unknown;
}

function errorOf(value: unknown): ErrorView | undefined {
  return isRecord(value) && isRecord(value.error) ? value.error : undefined;
}

// A batch of one record says by the record what is wrong.
function theOne(error: ErrorView | undefined): ErrorView | undefined {
  const context = isRecord(error?.context) ? error.context : {};
  const [only, second]: readonly unknown[] = Array.isArray(context.resource) ? context.resource : [];
  return error?.code === 1000 && isRecord(only) && second === undefined ? only : undefined;
}
