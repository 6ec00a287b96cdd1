// What is kept of an exchange in the queue, and the exchange that is made of it again.
// Invariant: no credentials are kept: whoever runs it later acts by the ids that stand beside it.
import { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type {
  Action,
  Headers,
  Message,
  Operation,
  Parameters,
  Principal,
  Result,
} from '../core/operation.ts';
import type { ScheduleRecord } from '../core/schedule.ts';

/** Content of a message as text; with what was read from it where that is no JSON. */
interface KeptBody {
  readonly text: string;
  readonly type?: string;
  readonly value?: unknown;
  readonly isBase64?: true;
}

/** The payload of a queued run. Fields that a later version adds are kept and ignored by this one. */
export interface QueuedPayload {
  /** Version of this form. */
  readonly v: 1;
  /** An event script, a scripted service, or an operation whose door is the queue. */
  readonly kind: 'event' | 'service' | 'call';
  /** The event, and where its resource begins in the path. */
  readonly event?: { readonly name: string; readonly drop: number };
  readonly caller: Principal['kind'];
  readonly service: string;
  readonly path: readonly string[];
  readonly action: Action;
  readonly uri: string;
  readonly apiVersion: string;
  readonly depth: number;
  readonly remoteAddress?: string;
  readonly request: {
    readonly parameters: Parameters;
    readonly headers: Headers;
    readonly body?: KeptBody;
  };
  readonly response?: {
    readonly status: number;
    readonly headers: Headers;
    readonly type?: string;
    readonly body?: KeptBody;
    /** Its content was too long to be kept. */
    readonly isCut?: true;
  };
  /** Nobody knows whether what set it off was done. */
  readonly isUncertain?: true;
  /** Path to be called when it has failed for good. */
  readonly onFailure?: string;
  /** The clock asked for it; `isPrivileged`: whatever its caller may do. */
  readonly schedule?: { readonly id: number; readonly isPrivileged: boolean };
}

/** What a payload is made of. */
export interface PayloadSource {
  readonly kind: QueuedPayload['kind'];
  readonly event?: QueuedPayload['event'];
  readonly operation: Operation;
  /** As it is now, after before scripts. */
  readonly request: Message;
  readonly result?: Result | undefined;
  readonly isUncertain?: boolean;
  readonly onFailure?: string | null;
  readonly schedule?: Pick<ScheduleRecord, 'id' | 'isPrivileged'>;
}

const credentials: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'idempotency-key',
  'proxy-authorization',
  'x-dreamfactory-api-key',
  'x-dreamfactory-session-token',
  'x-tenon-api-key',
]);

// What people log in with passes through these, and has no business in a queue.
const guarded: ReadonlySet<string> = new Set(['system', 'user']);
const secretKey = new RegExp(
  [
    '^((old|new|current)_?)?password$|^session_?(token|id)$|^security_answer$|^api_?key$|secret',
    '^(code|otp|totp|token|recovery_codes)$',
  ].join('|'),
  'i',
);

/** The payload as JSON text. */
export function writePayload(source: PayloadSource): string {
  const { operation } = source;
  const isGuarded = guarded.has(operation.service.toLowerCase());
  const request = isGuarded ? withoutSecrets(source.request) : source.request;
  const result = isGuarded && source.result !== undefined ? masked(source.result) : source.result;
  const { principal, service, path, action, uri, apiVersion, depth, remoteAddress } = operation;
  const payload: QueuedPayload = {
    v: 1,
    kind: source.kind,
    ...(source.event === undefined ? {} : { event: source.event }),
    caller: principal.kind,
    ...{ service, path, action, uri, apiVersion, depth },
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
    request: {
      parameters: without(request.parameters, ['api_key', 'session_token']),
      headers: without(request.headers, credentials),
      ...bodyOf(request.body),
    },
    ...(result === undefined ? {} : { response: responseOf(result) }),
    ...(source.isUncertain === true ? { isUncertain: true } : {}),
    ...(source.onFailure ? { onFailure: source.onFailure } : {}),
    ...(source.schedule === undefined ? {} : { schedule: markOf(source.schedule) }),
  };
  const text = JSON.stringify(payload);
  if (text.length <= limits.queuePayloadChars || result === undefined) return text;
  const { body: _long, ...response } = responseOf(result);
  return JSON.stringify({ ...payload, response: { ...response, isCut: true } });
}

function markOf({ id, isPrivileged }: NonNullable<PayloadSource['schedule']>) {
  return { id, isPrivileged };
}

/** Reads a payload. Throws `queue.unavailable` for one of a newer server, which may take the run itself. */
export function readPayload(text: string): QueuedPayload {
  const payload = JSON.parse(text) as QueuedPayload;
  if (payload.v === 1) return payload;
  throw new PlatformError(
    'queue.unavailable',
    `The run was queued by a newer server, which is to perform it (payload of version ${String(payload.v)}).`,
  );
}

/** The operation that a payload is of, done by somebody else now. */
export function queuedOperation(payload: QueuedPayload, principal: Principal): Operation {
  const { service, path, action, uri, apiVersion, depth, remoteAddress, request } = payload;
  const { parameters, headers, body } = request;
  return {
    ...{ service, path, action, uri, apiVersion, depth, principal },
    origin: payload.schedule === undefined ? 'queue' : 'schedule',
    ...(payload.schedule?.isPrivileged === true ? { isPrivileged: true } : {}),
    requestor: 'api',
    request: { parameters, headers, body: body && readBody(body) },
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
  };
}

/** The answer that a payload holds. */
export function queuedResult({ response }: QueuedPayload): Result | undefined {
  if (response === undefined) return undefined;
  const { status, headers, type, body } = response;
  return {
    status,
    headers,
    body: body && readBody(body),
    ...(type === undefined ? {} : { mediaType: type }),
  };
}

function withoutSecrets(message: Message): Message {
  const { parameters } = message;
  const shown = Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, secretKey.test(name) ? mask : value]),
  );
  return { ...masked(message), parameters: shown };
}

// Strings only: the code of an error is a number.
function masked<Content extends { readonly body: Body | undefined }>(content: Content): Content {
  const value = content.body === undefined ? undefined : readable(content.body);
  if (typeof value !== 'object' || value === null) return content;
  const hide = (key: string, part: unknown) => {
    return secretKey.test(key) && (typeof part === 'string' || Array.isArray(part)) ? mask : part;
  };
  return { ...content, body: Body.ofText(JSON.stringify(value, hide)) };
}

const mask = '********';

function responseOf({ status, headers, mediaType, body }: Result): NonNullable<QueuedPayload['response']> {
  const type = mediaType === undefined ? {} : { type: mediaType };
  return { status, headers: without(headers, ['set-cookie']), ...type, ...bodyOf(body) };
}

function bodyOf(body: Body | undefined): { body?: KeptBody } {
  if (body === undefined) return {};
  const type = body.mediaType === undefined ? {} : { type: body.mediaType };
  if (body.isBinary) {
    return { body: { text: Buffer.from(body.bytes).toString('base64'), ...type, isBase64: true } };
  }
  if (body.isJson) return { body: { text: body.text, ...type } };
  return { body: { text: body.text, ...type, value: readable(body) } };
}

// What can not be read is text to whoever asks later.
function readable(body: Body): unknown {
  try {
    return body.value;
  } catch {
    return body.text;
  }
}

function readBody({ text, type, value, isBase64 }: KeptBody): Body {
  if (isBase64 === true) return Body.ofBytes(Buffer.from(text, 'base64'), type ?? 'application/octet-stream');
  if (value !== undefined && type !== undefined) return Body.ofParsed(text, value, type);
  return Body.ofText(text, type);
}

function without<Value>(
  map: Readonly<Record<string, Value>>,
  names: Iterable<string>,
): Readonly<Record<string, Value>> {
  let left = map;
  for (const name of names) {
    if (!Object.hasOwn(left, name)) continue;
    const { [name]: _secret, ...rest } = left;
    left = rest;
  }
  return left;
}
