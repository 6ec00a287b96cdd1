// A response as scripts write it, read into a result. Invariant: what leaves here can be sent: the status is
// a known one, names and values of headers are valid, and framing is left to the HTTP door.
import { STATUS_CODES } from 'node:http';
import { Body, writeJson } from '../../core/body.ts';
import type { Headers, Result } from '../../core/operation.ts';
import { type Fields, isFields, scriptError } from './script-value.ts';

/** The response part of an event as a script left it. */
export interface WrittenResponse {
  /** Everything but the content. */
  readonly fields: Fields;
  /** JSON; undefined when there is none. */
  readonly content: string | undefined;
}

const envelopeFields: ReadonlySet<string> = new Set(['status_code', 'content_type', 'headers', 'format']);

// The HTTP door writes these itself; a script's copy, often of another answer, would contradict it.
const framing: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'trailer',
  'te',
]);

/** Whether a name is one of the parts, content apart, that a response has. */
export function isResponseField(name: string): boolean {
  return envelopeFields.has(name);
}

/** Splits a value such as `{content, status_code}` into its parts. */
export function asWritten(value: Fields): WrittenResponse {
  const { content, ...fields } = value;
  return { fields, content: content === undefined ? undefined : writeJson(content) };
}

/** Whether a script's response describes an answer; otherwise it is the body itself. */
function isEnvelope({ fields, content }: WrittenResponse): boolean {
  if (content !== undefined || 'status_code' in fields) return true;
  return Object.keys(fields).every(isResponseField);
}

/** An answer from nothing but what the script wrote; status 200 unless it says otherwise. */
export function newResult(written: WrittenResponse, script: string): Result {
  const empty: Result = { status: 200, headers: {}, body: undefined };
  if (isEnvelope(written)) return mergedResult(empty, written, script);
  return { ...empty, body: Body.ofText(writeJson(written.fields)) };
}

/** An answer changed by what the script wrote: present parts replace, headers are merged, the rest stays. */
export function mergedResult(result: Result, { fields, content }: WrittenResponse, script: string): Result {
  const { 'content-type': typeHeader, ...given } = headersOf(fields.headers, script);
  const headers = Object.fromEntries(Object.entries(given).filter(([name]) => !framing.has(name)));
  const asked = mediaTypeOf(fields.content_type ?? typeHeader, script);
  const mediaType = asked ?? result.mediaType;
  return {
    status: statusOf(fields.status_code) ?? result.status,
    headers: Object.keys(headers).length === 0 ? result.headers : { ...result.headers, ...headers },
    body: content === undefined ? result.body : bodyOf(content, asked),
    ...(mediaType === undefined ? {} : { mediaType }),
  };
}

/**
 * Reads headers that a script wrote: lower-case names, values as text. Throws `script.threw` for what can not
 * be sent.
 */
export function headersOf(value: unknown, script: string): Headers {
  const headers: Record<string, string> = {};
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return headers;
  if (!isFields(value))
    throw scriptError(script, 'set headers to something that is not a map of names to values');
  for (const [name, given] of Object.entries(value)) {
    if (given === null || given === undefined) continue;
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      throw scriptError(script, `set a header whose name is not valid: ${JSON.stringify(name)}`);
    }
    if (typeof given === 'object' && !Array.isArray(given)) {
      throw scriptError(script, `set the header '${name}' to a map; its value must be text`);
    }
    const text = Array.isArray(given) ? given.map(textOf).join(', ') : String(given);
    if (/[^\t -~\u0080-\u00ff]/.test(text)) {
      throw scriptError(
        script,
        `set the header '${name}' to a value with characters that headers can not carry`,
      );
    }
    headers[name.toLowerCase()] = text;
  }
  return headers;
}

// An object may have a `toString` of its own.
function textOf(value: unknown): string {
  return typeof value === 'object' ? writeJson(value) : String(value);
}

// An impossible status is answered as 500, with the content that the script gave.
function statusOf(value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const status = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return status >= 200 && STATUS_CODES[status] !== undefined ? status : 500;
}

function mediaTypeOf(value: unknown, script: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' || /[^\t -~]/.test(value)) {
    throw scriptError(script, 'set content_type to something that is not the name of a media type');
  }
  return value.trim();
}

// Text under a JSON type that holds a JSON object or list is JSON that the script wrote itself.
function bodyOf(content: string, mediaType: string | undefined): Body | undefined {
  if (content === 'null') return undefined;
  if (content.startsWith('"') && mediaType !== undefined && /^application\/(.*\+)?json\b/i.test(mediaType)) {
    const text = JSON.parse(content) as string;
    if (/^\s*[{[]/.test(text) && isJson(text)) return Body.ofText(text);
  }
  return Body.ofText(content);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
