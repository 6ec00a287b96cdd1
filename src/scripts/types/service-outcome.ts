// What a finished service script answers (spec §3, with the recommended choices): what it returned, else its
// event's response. Invariant: only an object with content, or nothing but parts of a response, describes an
// answer; everything else is the body itself, status 200.
import { Body, writeJson } from '../../core/body.ts';
import type { Result } from '../../core/operation.ts';
import type { Changes } from '../../core/runner.ts';
import type { Ending } from './event-outcome.ts';
import { asWritten, isResponseField, mergedResult, type WrittenResponse } from './response.ts';
import { type Fields, isFields, isSomething, readReturned, readValue } from './script-value.ts';

/** The answer before the script ran, and that of a script that says nothing. */
export const blankAnswer: Result = { status: 200, headers: {}, body: undefined };

/** What a service script answers. Throws `script.threw` for a returned error and what can not be sent. */
export function serviceResult({ returned, changes }: Ending, script: string): Result {
  if (!isSomething(returned)) return changedAnswer(changes, script);
  const result = returnedAnswer(returned, script);
  return changes.response?.includes('"headers"') ? withHeaders(result, changes.response, script) : result;
}

function returnedAnswer(returned: string, script: string): Result {
  const value = mayDescribe.test(returned) ? readReturned(returned, script) : undefined;
  if (value === undefined) return valueAnswer(returned);
  if (!('response' in value)) {
    const written = asWritten(asAnswer(value));
    return written.content === undefined && !isBareResponse(written)
      ? valueAnswer(returned)
      : writtenAnswer(written, script);
  }
  const { response } = value;
  return isFields(response)
    ? describedAnswer(asWritten(response), script)
    : valueAnswer(writeJson(response ?? null));
}

// What is returned takes the place of the event's response, but not of headers that were sent on the way, as
// `header()` of PHP does.
function withHeaders(result: Result, response: string, script: string): Result {
  const fields = readValue(response, script, 'event.response');
  const { headers } = isFields(fields) ? fields : {};
  const sent = mergedResult(blankAnswer, { fields: { headers }, content: undefined }, script);
  const mediaType = result.mediaType ?? sent.mediaType;
  return {
    ...result,
    headers: { ...sent.headers, ...result.headers },
    ...(mediaType === undefined ? {} : { mediaType }),
  };
}

// Nothing else in a returned object has a meaning: without these words it is passed on without being read.
const mayDescribe = /"(?:error|response|content|status_code|statusMessage)"/;

// What `platform.api` gave to a script in Node is passed on as it came.
function asAnswer(value: Fields): Fields {
  const { statusCode, statusMessage, headers, body } = value;
  if (typeof statusMessage !== 'string' || typeof body !== 'string') return value;
  return { content: body, status_code: statusCode, headers };
}

function changedAnswer({ response, responseContent, responseValue }: Changes, script: string): Result {
  if (isSomething(responseValue)) return valueAnswer(responseValue);
  if (response === null || (response === undefined && responseContent === undefined)) return blankAnswer;
  const fields = response === undefined ? {} : readValue(response, script, 'event.response');
  const content = responseContent === null ? undefined : (responseContent ?? 'null');
  return describedAnswer({ fields: isFields(fields) ? fields : {}, content }, script);
}

function describedAnswer(written: WrittenResponse, script: string): Result {
  if (written.content !== undefined || isBareResponse(written)) return writtenAnswer(written, script);
  return isSomething(writeJson(written.fields)) ? valueAnswer(writeJson(written.fields)) : blankAnswer;
}

// `{status_code: 204}` says how to answer; `{status_code: 204, name: 'x'}` is a record that has such a field.
function isBareResponse({ fields }: WrittenResponse): boolean {
  return 'status_code' in fields && Object.keys(fields).every(isResponseField);
}

function writtenAnswer(written: WrittenResponse, script: string): Result {
  const result = mergedResult(blankAnswer, written, script);
  const isText = written.content?.startsWith('"') === true && result.mediaType === undefined;
  return isText ? { ...result, body: textBody(written.content) } : result;
}

function valueAnswer(json: string): Result {
  if (json.startsWith('"')) return { ...blankAnswer, body: textBody(json) };
  return json === 'null' ? blankAnswer : { ...blankAnswer, body: Body.ofText(json, 'application/json') };
}

// Text of no type is a JSON string to whoever accepts only JSON, and plain text to everybody else. It is the
// type of this content, not of the answer: an after script may put other content in its place.
function textBody(json: string): Body {
  return Body.ofText(JSON.parse(json) as string, 'text/plain');
}
