// What a finished event script does to its exchange (spec §1.3 and §2.2, with the recommended choices).
// Invariant: only message parts change; a script without allow_event_modification changes nothing but may
// refuse.
import { LRUCache } from 'lru-cache';
import { Body, writeJson } from '../../core/body.ts';
import { limits } from '../../core/limits.ts';
import type { Headers, Message, Parameters } from '../../core/operation.ts';
import type { Changes } from '../../core/runner.ts';
import type { Exchange } from '../../core/script.ts';
import { asWritten, headersOf, mergedResult, newResult, type WrittenResponse } from './response.ts';
import { type Fields, isFields, isSomething, readReturned, readValue, scriptError } from './script-value.ts';

/** What a run left: its return value as JSON and the changes to its event. */
export interface Ending {
  readonly returned: string | undefined;
  readonly changes: Changes;
}

/** The script whose ending is applied. */
export interface Author {
  readonly name: string;
  readonly allowModification: boolean;
  /** Parameters that scripts set before, by their text. */
  readonly parameters?: KnownParameters;
}

/**
 * Parameters by their text, so that a script which always sets the same gives the service the same object:
 * what is made of parameters (parsed filters, plans) is kept by the object.
 */
export class KnownParameters {
  readonly #known = new LRUCache<string, Parameters>({ max: limits.changedParameters });

  get(text: string): Parameters | undefined {
    return this.#known.get(text);
  }

  set(text: string, parameters: Parameters): void {
    // Frozen like those of a query string: services keep what they understood only of what stays as it is.
    if (text.length <= limits.uriBytes) this.#known.set(text, Object.freeze(parameters));
  }
}

/** Applies the ending of a before script: the request is edited, or a response answers the call. */
export function applyBefore(exchange: Exchange, { returned, changes }: Ending, author: Author): void {
  const value = readReturned(returned, author.name);
  if (!author.allowModification) return;
  if (value !== undefined && ('request' in value || 'response' in value)) {
    if (isFields(value.request)) exchange.request = editedByReturn(exchange.request, value.request, author);
    respond(exchange, value.response, author.name);
    return;
  }
  exchange.request = edited(exchange.request, changes, author);
  if (isSomething(changes.responseValue)) {
    exchange.result = { status: 200, headers: {}, body: Body.ofText(changes.responseValue) };
    return;
  }
  const written = changedResponse(changes, author.name);
  if (written !== undefined && !isEmpty(written)) exchange.result = newResult(written, author.name);
}

/** Applies the ending of an after script: the answer is changed or replaced. */
export function applyAfter(exchange: Exchange, { returned, changes }: Ending, author: Author): void {
  const value = readReturned(returned, author.name);
  if (!author.allowModification) return;
  if (value !== undefined && 'response' in value) {
    merge(exchange, value.response, author.name);
  } else if (value !== undefined && ('content' in value || 'status_code' in value)) {
    merge(exchange, value, author.name);
  } else if (isSomething(returned)) {
    exchange.result = { status: 200, headers: exchange.result?.headers ?? {}, body: Body.ofText(returned) };
  } else {
    mergeChanges(exchange, changes, author.name);
  }
}

function respond(exchange: Exchange, value: unknown, script: string): void {
  const text = writeJson(value);
  if (!isSomething(text)) return;
  exchange.result = isFields(value)
    ? newResult(asWritten(value), script)
    : { status: 200, headers: {}, body: Body.ofText(text) };
}

function merge(exchange: Exchange, value: unknown, script: string): void {
  const { result } = exchange;
  if (result === undefined) return;
  if (isFields(value)) exchange.result = mergedResult(result, asWritten(value), script);
  else if (isSomething(writeJson(value)))
    exchange.result = { ...result, body: Body.ofText(writeJson(value)) };
}

function mergeChanges(exchange: Exchange, changes: Changes, script: string): void {
  const { result } = exchange;
  if (result === undefined) return;
  if (isSomething(changes.responseValue)) {
    exchange.result = { ...result, body: Body.ofText(changes.responseValue) };
    return;
  }
  const written = changedResponse(changes, script);
  if (written !== undefined) exchange.result = mergedResult(result, written, script);
}

// Removed parts are absent, and what is absent stays as it is.
function changedResponse(changes: Changes, script: string): WrittenResponse | undefined {
  if (changes.response === undefined && typeof changes.responseContent !== 'string') return undefined;
  const value =
    typeof changes.response === 'string' ? readValue(changes.response, script, 'event.response') : {};
  return { fields: isFields(value) ? value : {}, content: changes.responseContent ?? undefined };
}

function isEmpty({ fields, content }: WrittenResponse): boolean {
  return content === undefined && Object.keys(fields).length === 0;
}

function edited(request: Message, changes: Changes, author: Author): Message {
  const { name: script } = author;
  const { parameters, headers, payload, content } = changes;
  const isUntouched =
    typeof parameters !== 'string' &&
    typeof headers !== 'string' &&
    typeof payload !== 'string' &&
    typeof content !== 'string';
  if (isUntouched) return request;
  const nextHeaders =
    typeof headers === 'string'
      ? headersOf(readValue(headers, script, 'event.request.headers'), script)
      : request.headers;
  return {
    parameters: typeof parameters === 'string' ? readParameters(parameters, author) : request.parameters,
    headers: nextHeaders,
    body: editedBody(request, { headers: nextHeaders, payload, content }),
  };
}

interface BodyEdit {
  readonly headers: Headers;
  readonly payload: string | null | undefined;
  readonly content: string | null | undefined;
}

// A changed payload wins over content, which nobody who edits the payload thinks of (trap 1 of spec §2.2).
function editedBody(request: Message, { headers, payload, content }: BodyEdit): Body | undefined {
  if (typeof payload === 'string') return Body.ofText(payload, 'application/json');
  if (typeof content !== 'string') return request.body;
  if (!content.startsWith('"')) return Body.ofText(content, 'application/json');
  const text = JSON.parse(content) as string;
  return text === '' ? undefined : Body.ofText(text, mediaTypeOf(headers, request));
}

function mediaTypeOf(headers: Headers, request: Message): string {
  const declared = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return declared || request.body?.mediaType || 'application/json';
}

function readParameters(text: string, { name: script, parameters }: Author): Parameters {
  const known = parameters?.get(text);
  if (known !== undefined) return known;
  const value = readValue(text, script, 'event.request.parameters');
  if (isFields(value) || (Array.isArray(value) && value.length === 0)) {
    const read = (isFields(value) ? value : {}) as Parameters;
    parameters?.set(text, read);
    return read;
  }
  throw scriptError(script, 'set event.request.parameters to something that is not a map of names to values');
}

// A returned request is whole: what differs from the current one is what the script changed.
function editedByReturn(request: Message, given: Fields, author: Author): Message {
  const json = (value: unknown) => (value === undefined || value === null ? undefined : writeJson(value));
  const payload = json(given.payload);
  const content = json(given.content);
  const isSameContent = content === undefined || content === JSON.stringify(request.body?.text ?? '');
  const changes: Changes = {
    ...(json(given.parameters) === undefined ? {} : { parameters: writeJson(given.parameters) }),
    ...(json(given.headers) === undefined ? {} : { headers: writeJson(given.headers) }),
    ...(payload === undefined || payload === payloadText(request) ? {} : { payload }),
    ...(isSameContent ? {} : { content }),
  };
  return edited(request, changes, author);
}

function payloadText({ body }: Message): string {
  if (body === undefined) return '[]';
  try {
    return writeJson(body.value);
  } catch {
    return '';
  }
}
