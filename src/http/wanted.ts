// What a client said about the form of its answer: by header, or by the parameters `accept`, `file` and
// `wrap` (spec §5.4). Invariant: a parameter beats the header, the name of a file beats both.
import type { Action, Parameters, ParameterValue } from '../core/operation.ts';
import type { StreamForm } from '../core/record-stream.ts';
import { streamForm, writable } from '../formats/index.ts';
import { type Acceptance, readAccept } from './negotiation.ts';

/** What the client said about the form of its answer. */
export interface Wanted {
  /** The Accept header. */
  readonly accept: string | undefined;
  readonly parameters: Parameters;
  readonly action: Action;
  /** Last part of the path, the name of a file to be saved. */
  readonly resource: string;
}

const jsonType = 'application/json';

const fileTypes: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  json: jsonType,
  ndjson: 'application/x-ndjson',
  xml: 'application/xml',
};

/** The media types that the answer may have. */
export function acceptanceOf({ accept, parameters }: Wanted): Acceptance {
  const { accept: asked, file } = parameters;
  const extension = typeof file === 'string' ? /\.(\w+)$/.exec(file)?.[1]?.toLowerCase() : undefined;
  const fileType = extension === undefined ? undefined : fileTypes[extension];
  return readAccept(fileType ?? (typeof asked === 'string' && asked !== '' ? asked : accept));
}

/** The media type that a list of records is answered in; undefined when none of ours is wanted. */
export function listType(wanted: Wanted): string | undefined {
  const acceptance = acceptanceOf(wanted);
  return acceptance.accepts(jsonType) ? jsonType : writable.find((type) => acceptance.accepts(type));
}

/** What a list that may be long is to hand out for a client; undefined when it is to be answered whole. */
export function wantedStream(wanted: Wanted): StreamForm | undefined {
  // Whether a list is wrapped is known at its end only, by whether there is something to say beside it.
  return wanted.action === 'GET' && wrapOf(wanted) !== false ? streamForm(listType(wanted)) : undefined;
}

/** Whether lists are to stand in an object, or bare; undefined when nothing was said. */
export function wrapOf({ parameters }: Wanted): boolean | undefined {
  return parameters.wrap === undefined ? undefined : truthOf(parameters.wrap);
}

/** The Content-Disposition header of an answer of a media type; undefined when it is to be shown. */
export function disposition({ parameters, resource }: Wanted, type: string): string | undefined {
  const { file } = parameters;
  const truth = file === undefined ? false : truthOf(file);
  if (truth === false) return undefined;
  const extension = /(?:csv|xml|ndjson)$/.exec(type)?.[0] ?? 'json';
  const isNamed = truth === undefined && typeof file === 'string';
  const name = isNamed ? file : `${resource === '' ? 'services' : resource}.${extension}`;
  return `attachment; filename="${name.replace(/[^\w.() -]/g, '_')}";`;
}

// A bare name is true, as in `?file`; undefined for what is neither true nor false.
function truthOf(value: ParameterValue): boolean | undefined {
  if (typeof value === 'string' && /^(?:false|0|off|no|n|f)$/i.test(value)) return false;
  if (value === false || value === 0) return false;
  return typeof value !== 'string' || /^(?:|true|1|on|yes|y|t)$/i.test(value) ? true : undefined;
}
