// The recorded cases as types, and how one is asked again of our server.
import { readFileSync } from 'node:fs';
import type { Answer, TestServer } from '../server.ts';
import { difference, shapeDifference } from './compare.ts';
import { withoutTrace } from './differences.ts';

/** A recorded request. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly auth?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A recorded answer. */
export interface RecordedResponse {
  readonly status: number;
  readonly content_type?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** One REST transcript: a call in a chain of calls. */
export interface Transcript {
  readonly id: string;
  readonly request: RecordedRequest;
  readonly response: RecordedResponse;
  readonly captures?: Readonly<Record<string, string>>;
  readonly cleanup_after?: readonly RecordedRequest[];
  readonly compare?: 'shape';
}

/** An event script beside the one that a vector is about. */
export interface RecordedScript {
  readonly event: string;
  readonly lang: string;
  readonly script: string;
}

/** What must exist before a vector is asked. */
export interface Setup {
  readonly lookups?: readonly { name: string; value: string; private: boolean }[];
  readonly role?: {
    readonly name: string;
    readonly access: readonly {
      service: string;
      component: string;
      verbs: readonly string[];
      requestors: readonly string[];
    }[];
  };
  readonly app?: { readonly name: string; readonly role: string };
  readonly user?: Readonly<Record<'email' | 'first_name' | 'last_name' | 'name', string>>;
  readonly services?: readonly { name: string; type: string; content: string }[];
}

/** A request as the foreign server received it. */
export interface ForeignRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** One script vector: a script on an event of the fixture or as a service, and what a request then gives. */
export interface Vector {
  readonly id: string;
  readonly group: string;
  readonly lang: string;
  /** `event`: the script is attached to `attach`; `service`: it is the service `math`. */
  readonly kind: 'event' | 'service';
  readonly script: string;
  readonly attach?: string;
  readonly allow_event_modification?: boolean;
  readonly is_active?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly more_scripts?: readonly RecordedScript[];
  readonly event_scripts?: readonly RecordedScript[];
  readonly setup?: Setup;
  readonly request: RecordedRequest;
  readonly response: RecordedResponse;
  readonly after?: readonly { request: RecordedRequest; response: RecordedResponse }[];
  readonly log?: readonly { level: string; message: string }[];
  /** Of the worker that took the run, where the script is queued. */
  readonly worker_log?: readonly { level: string; message: string }[];
  readonly echo?: readonly ForeignRequest[];
}

/** A request and the names of the events it fired, in order. */
export interface FiredEvents {
  readonly request: RecordedRequest;
  readonly status: number;
  readonly events: readonly { name: string }[];
}

/** Reads one of the JSON files of this folder. */
export function recorded<T>(file: string): T[] {
  return JSON.parse(readFileSync(new URL(`./${file}`, import.meta.url), 'utf8'));
}

/** Values of placeholders, by name. */
export type Bindings = Map<string, string>;

/** Asks a recorded request of our server; unknown placeholders stay as they are. */
export function askAgain(server: TestServer, request: RecordedRequest, bindings: Bindings): Promise<Answer> {
  const fill = (text: string) => filledText(text, bindings);
  const headers = Object.entries(request.headers ?? {}).map(([name, value]) => [name, fill(value)]);
  if (request.auth === 'admin') headers.push(['X-DreamFactory-Session-Token', server.token]);
  const accepts = headers.some(([name]) => name?.toLowerCase() === 'accept');
  if (!accepts) headers.push(['Accept', '*/*']);
  headers.push(['User-Agent', 'vectors/1.0']);
  const body = request.body === undefined ? undefined : filled(request.body, fill);
  return server.ask(fill(request.path), {
    method: request.method,
    anonymous: true,
    headers: Object.fromEntries(headers),
    ...(body === undefined ? {} : { body }),
  });
}

/** Text with the placeholders that have a value replaced by it. */
export function filledText(text: string, bindings: Bindings): string {
  return text.replace(/\{\{([^}]+)\}\}/g, (whole, name) => bindings.get(name) ?? whole);
}

function filled(body: unknown, fill: (text: string) => string): unknown {
  if (typeof body === 'string') return fill(body);
  // A member that is nothing but the placeholder of an id was a number.
  const text = JSON.stringify(body).replace(/"(\{\{\w*_id(:\w+)?\}\})"/g, (whole, placeholder: string) => {
    const value = fill(placeholder);
    return /^\d+$/.test(value) ? value : whole;
  });
  return JSON.parse(fill(text));
}

/** Where our answer differs from a recorded one, or undefined. */
export function answerDifference(
  expected: RecordedResponse,
  answer: Answer,
  shape = false,
): string | undefined {
  if (answer.status !== expected.status) {
    return `status ${answer.status} instead of ${expected.status}: ${answer.text.slice(0, 300)}`;
  }
  const type = expected.content_type ?? expected.headers?.['content-type'];
  const ours = answer.headers.get('content-type');
  if (type !== undefined && expected.status !== 204 && sameType(ours) !== sameType(type)) {
    return `content type ${ours} instead of ${type}`;
  }
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    if (name !== 'content-type' && answer.headers.get(name) !== value) {
      return `header ${name}: ${answer.headers.get(name)} instead of ${value}`;
    }
  }
  if (expected.body === undefined) return undefined;
  // The records show JSON as values, whatever it is called.
  if (typeof expected.body === 'object' && typeof answer.body === 'string' && answer.body !== '') {
    return difference(expected.body, JSON.parse(answer.body));
  }
  const body = withoutTrace(answer.body);
  return shape ? shapeDifference(expected.body, body) : difference(expected.body, body);
}

function sameType(type: string | null): string | null {
  return type === null ? null : type.toLowerCase().replace(/;\s*/, '; ');
}
