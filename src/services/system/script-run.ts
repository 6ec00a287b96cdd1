// Tries a script once: with an event made of what the request says, as whoever asks, stored nowhere but in
// the log of runs. Invariant: only an administrator may, because the script is whatever the request says.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { type EventName, eventName, parseEventName } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import {
  type Action,
  actions,
  type Headers,
  type Message,
  type Operation,
  type Parameters,
  type Result,
} from '../../core/operation.ts';
import type { Trial, TrialEnd } from '../../core/run.ts';
import { actionNote, cutText } from './audit-note.ts';
import { described, trialDetails } from './describe-resource.ts';
import { invalidField, readMap, readText, required } from './fields.ts';
import type { SystemParts } from './parts.ts';
import { readObject, type Written } from './request.ts';
import { answer, type Call, type Resource, recordNotFound } from './resource.ts';
import { runView } from './run-view.ts';

type Parts = Pick<SystemParts, 'store' | 'scripts' | 'services' | 'audit'>;

const rule = { max: limits.uriBytes };

/** The resource `script_run`. */
export function scriptRunResource(parts: Parts): Resource {
  return {
    name: 'script_run',
    endpoints: [
      described(
        { pattern: ['script_run'], actions: ['POST'], summary: 'run a script once, to try it' },
        { POST: trialDetails },
      ),
    ],
    handle: async (call) => {
      if (!call.operation.principal.isAdmin) {
        const message = 'Only administrators may run scripts that are stored nowhere.';
        throw new PlatformError('access.forbidden', message);
      }
      const written = readObject(call.operation);
      const script = await readScript(parts, written);
      await parts.audit.add(trialNote(call, script));
      return answer(report(await parts.scripts.try(trialOf(parts, { call, written, script }))));
    },
  };
}

// Before it runs: its calls are real, and it may be the last thing that the server does.
function trialNote({ operation }: Call, { name, type, content }: Trial['script']) {
  const after = { type, content: cutText(content) };
  return actionNote(operation, { action: 'run', record: `script_run/${name}`, after });
}

/** What is run: text of the request, or a stored event script. */
async function readScript({ store }: Parts, written: Written): Promise<Trial['script']> {
  const timeoutMs = readTimeout(written);
  const name = readText(written, 'name', { max: limits.eventName });
  const { content } = written;
  if (content !== undefined) {
    if (typeof content !== 'string') throw invalidField('content', 'must be text');
    const type = required(readText(written, 'type', { max: limits.labelText }), 'type');
    return { name: name ?? 'script_run', type, content, allowModification: true, timeoutMs };
  }
  if (name === undefined)
    throw invalidField('content', "is required, or the 'name' of a stored event script");
  const stored = await store.eventScripts.get(name);
  if (stored === undefined) throw recordNotFound(name);
  const { type, content: text, allowEventModification: allowModification, config } = stored;
  const usual = typeof config.timeout_ms === 'number' ? config.timeout_ms : undefined;
  return { name, type, content: text, allowModification, timeoutMs: timeoutMs ?? usual };
}

function readTimeout({ timeout_ms: asked }: Written): number | undefined {
  if (asked === undefined || asked === null) return undefined;
  const isFine = Number.isInteger(asked) && Number(asked) >= 1 && Number(asked) <= limits.scriptTimeoutMaxMs;
  if (isFine) return Number(asked);
  throw invalidField('timeout_ms', `must be a whole number from 1 to ${limits.scriptTimeoutMaxMs}`);
}

interface Asked {
  readonly call: Call;
  readonly written: Written;
  readonly script: Trial['script'];
}

function trialOf(parts: Parts, { call, written, script }: Asked): Trial {
  const event = readMap(written, 'event') ?? {};
  const request = readMap(event, 'request') ?? {};
  const response = event.response === undefined ? undefined : readMap(event, 'response');
  const named = readEvent(written, script.name);
  const action = readAction(request) ?? named?.action ?? 'GET';
  const { service, path, parameters } = readPath(request) ?? placeOf(named?.event);
  const message = readMessage(request, parameters);
  const operation: Operation = {
    ...call.operation,
    service,
    path,
    action,
    request: message,
    uri: `/api/v2/${[service, ...path].join('/')}${queryOf(message.parameters)}`,
  };
  const stage = named?.stage ?? (response === undefined ? 'pre_process' : 'post_process');
  return {
    script,
    event: eventOf(parts, operation, named?.event),
    stage,
    operation,
    // An after script always finds an answer.
    result: response === undefined && stage === 'pre_process' ? undefined : readResponse(response ?? {}),
    call: (inner, run) => call.context.call(inner, 'script', run),
  };
}

// `on` names the event; a stored script has its own.
function readEvent(written: Written, script: string) {
  const on = readText(written, 'on', { max: limits.eventName });
  const name = on ?? script;
  const parsed = parseEventName(name);
  if (parsed !== undefined && parsed.stage !== 'queued') return { ...parsed, stage: parsed.stage };
  if (on === undefined) return undefined;
  throw invalidField('on', "must be an event with its stage, such as 'hr._table.employees.get.post_process'");
}

// The event as the service fires it, which says what `event.resource` is; the most specific one unless named.
function eventOf(
  { services }: Parts,
  { service, path, action }: Operation,
  name: string | undefined,
): EventName {
  const fired = eventsFired(services, { service, path, action });
  const own = name ?? fired.at(-1)?.name ?? eventName(service, path, action);
  return fired.find((event) => event.name === own) ?? { name: own, drop: 1 };
}

// A service that is not there fires nothing; its event can be tried all the same.
function eventsFired(
  services: Parts['services'],
  { service, path, action }: Pick<Operation, 'service' | 'path' | 'action'>,
): readonly EventName[] {
  try {
    return services.find(service).locate(path, action)?.events ?? [];
  } catch {
    return [];
  }
}

function readAction(request: Written): Action | undefined {
  const method = readText(request, 'method', rule)?.toUpperCase();
  if (method === undefined) return undefined;
  const action = actions.find((known) => known === method);
  if (action === undefined)
    throw invalidField('event.request.method', `must be one of ${actions.join(', ')}`);
  return action;
}

interface Place {
  readonly service: string;
  readonly path: readonly string[];
  readonly parameters: Parameters;
}

function readPath(request: Written): Place | undefined {
  const text = readText(request, 'path', rule);
  if (text === undefined) return undefined;
  const [location = '', query = ''] = text.split(/\?(.*)/s);
  const segments = location.replace(/^\/*(?:api\/v\d+\/)?/, '').split('/');
  const [service = '', ...path] = segments.filter((segment) => segment !== '').map(decoded);
  if (service === '')
    throw invalidField('event.request.path', "must name a service, such as 'hr/_table/employees'");
  return { service, path, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

// Where nothing else is said: the place that the event names.
function placeOf(event: string | undefined): Place {
  const [service = 'system', ...path] = (event ?? '').split('.').slice(0, -1);
  return { service: service === '' ? 'system' : service, path, parameters: {} };
}

function readMessage(request: Written, inPath: Parameters): Message {
  const parameters = { ...inPath, ...(readMap(request, 'parameters') as Parameters | undefined) };
  const headers = readHeaders(request, 'headers');
  const { payload, content } = request;
  if (payload !== undefined && content !== undefined) {
    throw invalidField('event.request.content', "cannot be given together with 'payload'");
  }
  if (payload !== undefined) {
    return { parameters, headers, body: Body.ofText(JSON.stringify(payload), 'application/json') };
  }
  if (content === undefined || content === '') return { parameters, headers, body: undefined };
  if (typeof content !== 'string') throw invalidField('event.request.content', 'must be text');
  return { parameters, headers, body: Body.ofText(content, headers['content-type'] ?? 'application/json') };
}

function readHeaders(record: Written, name: string): Headers {
  const entries = Object.entries(readMap(record, name) ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key.toLowerCase(), String(value)]));
}

function queryOf(parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    query.set(
      name,
      typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? ''),
    );
  }
  return query.size === 0 ? '' : `?${query}`;
}

function readResponse(response: Written): Result {
  const { status_code: status = 200, content, content_type: mediaType } = response;
  if (!Number.isInteger(status) || Number(status) < 100 || Number(status) > 599) {
    throw invalidField('event.response.status_code', 'must be a status of HTTP');
  }
  return {
    status: Number(status),
    headers: readHeaders(response, 'headers'),
    body: content === undefined ? undefined : Body.ofText(JSON.stringify(content), 'application/json'),
    ...(typeof mediaType === 'string' ? { mediaType } : {}),
  };
}

function report({ record, returned, changes, request, result }: TrialEnd): Written {
  return {
    ...runView(record),
    returned: returned === undefined ? null : JSON.parse(returned),
    changes: Object.fromEntries(
      Object.entries(changes).map(([name, text]) => [snake(name), parsedChange(text)]),
    ),
    request: { parameters: request.parameters, headers: request.headers, payload: contentOf(request) },
    response:
      result === undefined
        ? null
        : { status_code: result.status, headers: result.headers, content: contentOf(result) },
  };
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function parsedChange(text: string | boolean | null | undefined): unknown {
  return typeof text === 'string' ? JSON.parse(text) : (text ?? null);
}

function contentOf({ body }: { readonly body: Body | undefined }): unknown {
  try {
    return body?.value ?? null;
  } catch {
    return body?.text ?? null;
  }
}
