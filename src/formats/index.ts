// Forms of content beside JSON. Invariant: the libraries of a form are loaded when it is first asked for, so
// that whoever speaks JSON pays nothing.
import { Body } from '../core/body.ts';
import type { Result } from '../core/operation.ts';
import type { RecordStream, StreamForm, TextStream, ValueStream } from '../core/record-stream.ts';

/** Reads and writes values in one form. */
export interface Format {
  write(value: unknown): string;
  read(text: string): unknown;
}

/** Media types that values can be written in, in the order in which they are tried. */
export const writable = ['application/xml', 'text/csv', 'text/xml', 'application/x-ndjson'] as const;

/** Whether every value is text in a media type, so that readers say what it stands for. */
export function isText(type: string | undefined): boolean {
  return type === 'text/csv' || type === 'application/xml' || type === 'text/xml';
}

/** The form of a media type, if it is one of ours. */
export function formatOf(type: string): Promise<Format> | undefined {
  switch (type) {
    case 'text/csv':
      return import('./csv.ts').then((csv) => ({ write: csv.writeCsv, read: csv.readCsv }));
    case 'application/xml':
    case 'text/xml':
      return import('./xml.ts').then((xml) => ({ write: xml.writeXml, read: xml.readXml }));
    case 'application/x-ndjson':
      return import('./ndjson.ts').then((lines) => ({ write: lines.writeNdjson, read: lines.readNdjson }));
    default:
      return undefined;
  }
}

/** What a stream must hand out to be written as a media type; undefined where lists are written whole. */
export function streamForm(type: string | undefined): StreamForm | undefined {
  if (type === 'application/json' || type === 'application/x-ndjson') return 'texts';
  return type !== undefined && (writable as readonly string[]).includes(type) ? 'values' : undefined;
}

/** The text of a stream as a media type whose form it hands out. */
export async function streamText(stream: RecordStream, type: string): Promise<AsyncIterable<string>> {
  return stream.form === 'texts' ? textOf(stream, type) : valuesOf(stream, type);
}

async function textOf(stream: TextStream, type: string): Promise<AsyncIterable<string>> {
  if (type === 'application/x-ndjson') return (await import('./ndjson.ts')).streamNdjson(stream);
  return (await import('./json.ts')).streamJson(stream);
}

async function valuesOf(stream: ValueStream, type: string): Promise<AsyncIterable<string>> {
  if (type === 'text/csv') return (await import('./csv.ts')).streamCsv(stream);
  return (await import('./xml.ts')).streamXml(stream);
}

/** A body whose value can be read; undefined for one that needs no form of ours. */
export function readableBody(body: Body): Promise<Body> | undefined {
  const type = body.mediaType ?? '';
  return formatOf(type)?.then(({ read }) => Body.ofReadable(body.text, read, type));
}

/** The text of a body in a form: its value, or its own text as a value. */
export function writtenBody(body: Body, { write }: Format): string {
  return write(body.isJson ? body.exactValue : body.text);
}

/** A result as whoever accepts only `accept` would get it; as it is for all other types. */
export async function writtenResult(result: Result, accept: string): Promise<Result> {
  const type = accept.trim().toLowerCase();
  const { body, headers, mediaType } = result;
  const format = body?.isJson === true && mediaType === undefined ? await formatOf(type) : undefined;
  if (body === undefined || format === undefined) return result;
  return {
    ...result,
    body: Body.ofText(writtenBody(body, format), type),
    headers: { 'content-type': contentType(type), ...headers },
  };
}

/** The Content-Type header of a media type. */
export function contentType(type: string): string {
  return type.startsWith('text/') ? `${type}; charset=UTF-8` : type;
}
