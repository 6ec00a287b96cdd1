// `platform.api` for scripts of v8js: every call is answered before the next statement (spec §1.6.4).
// Invariant: an answer of any status is a value; nothing here throws because of what the platform said.
import { type ApiRequest, type ApiResponse, optionsText, payloadText } from './api-call.ts';

/** What a call gives: the answer with its content parsed when it is JSON. */
export interface SynchronousAnswer {
  readonly status_code: number;
  readonly content: unknown;
  readonly content_type: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

type Call = (...given: unknown[]) => SynchronousAnswer;

/** The functions of `platform.api`: `get` takes a payload here, as all others do. */
export function synchronousApi(send: (request: ApiRequest) => ApiResponse): Readonly<Record<string, Call>> {
  const call = (method: unknown, ...[path, payload, options]: unknown[]): SynchronousAnswer => {
    const verb = String(method).toUpperCase();
    const request = { method: verb, path: String(path), options: optionsText(options) };
    const answer = send({ ...request, payload: payloadText(verb, payload) });
    return {
      status_code: answer.statusCode,
      content: answer.body === '' ? null : answer.content,
      content_type: answer.headers['content-type'] ?? null,
      headers: answer.headers,
    };
  };
  const verb =
    (method: string): Call =>
    (...given) =>
      call(method, ...given);
  return {
    get: verb('GET'),
    post: verb('POST'),
    put: verb('PUT'),
    patch: verb('PATCH'),
    delete: verb('DELETE'),
    call: (method, ...given) => call(method, ...given),
  };
}
