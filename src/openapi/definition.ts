// The definition of a service, an OpenAPI document that somebody wrote for it: it documents and names events,
// and allows or forbids nothing. Invariant: a document that is stored can be read; what is wrong with one is
// said with the place before it is stored.
import { parseDocument } from 'yaml';
import { readJson } from '../core/body.ts';
import { asPlatformError, PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { type Action, actions } from '../core/operation.ts';
import type { ServiceDocument } from '../core/service.ts';

/** A path below the service: segments, `{placeholders}` among them. */
export interface DefinedPath {
  readonly segments: readonly string[];
  readonly actions: readonly Action[];
  readonly summary: string;
}

/** What a document may say of its service by placeholders such as `{service.name}`. */
export interface DefinedService {
  readonly name: string;
  readonly label: string;
  readonly description?: string;
}

/** The field of a service record that holds its document. */
export const documentField = 'service_doc_by_service_id';

/** The paths of a document, in its order. Throws `request.invalid_record`, with the place, for a bad one. */
export function definedPaths(document: ServiceDocument, service: DefinedService): readonly DefinedPath[] {
  const paths = pathsOf(readDefinition(document));
  if (paths.length > limits.definitionPaths) {
    throw invalid(`has ${paths.length} paths; at most ${limits.definitionPaths} are accepted`);
  }
  return pathsBelow(paths, service);
}

/** The content of a document. Throws `request.invalid_record` for one that can not be read. */
export function readDefinition(document: ServiceDocument): Readonly<Record<string, unknown>> {
  return asMap(parse(document), 'the document');
}

/** The paths of a document's content, as they are written. */
export function pathsOf(root: Readonly<Record<string, unknown>>): [path: string, item: unknown][] {
  return Object.entries(asMap(root.paths ?? {}, "'paths'"));
}

/** The same paths as seen from their service. */
export function pathsBelow(
  paths: readonly (readonly [path: string, item: unknown])[],
  service: DefinedService,
): readonly DefinedPath[] {
  const read = paths.map(([path, item]) => definedPath(path, item, service));
  const isPrefixed = read.some(({ segments }) => segments.length > 0) && read.every(beginsWith(service.name));
  return isPrefixed ? read.map((path) => ({ ...path, segments: path.segments.slice(1) })) : read;
}

function parse({ content, format }: ServiceDocument): unknown {
  const bytes = Buffer.byteLength(content);
  if (bytes > limits.definitionBytes) {
    throw invalid(`has ${bytes} bytes; at most ${limits.definitionBytes} are accepted`);
  }
  return format === 1 ? parseYaml(content) : parseJson(content);
}

function parseJson(content: string): unknown {
  try {
    return readJson(content);
  } catch (error) {
    throw invalid(
      `can not be read. ${asPlatformError(error).message.replace('The body', 'It').slice(0, -1)}`,
    );
  }
}

function parseYaml(content: string): unknown {
  try {
    // Without the look for keys that are there twice, whose time grows with the square of their number.
    const document = parseDocument(content, { uniqueKeys: false, logLevel: 'silent' });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS();
  } catch (error) {
    // The reader of YAML calls itself for each level, and tells of its stack in its own errors, too.
    const reason = firstLine(error);
    throw invalid(`is not valid YAML: ${/call stack/.test(reason) ? 'it nests too deep' : reason}`);
  }
}

function firstLine(error: unknown): string {
  const [line = ''] = String(error instanceof Error ? error.message : error).split('\n', 1);
  return line.replace(/[.:]$/, '');
}

function definedPath(path: string, item: unknown, service: DefinedService): DefinedPath {
  const place = `path '${path}'`;
  if (!path.startsWith('/')) throw invalid(`has the ${place}, which must begin with '/'`);
  const written = path.split('/').filter((segment) => segment !== '');
  const own = written[0] === '{service.name}' ? written.slice(1) : written;
  const segments = own.map((segment) => fillIn(segment, service));
  for (const segment of segments) {
    if (/[{}]/.test(segment) && !/^\{[^{}]+\}$/.test(segment)) {
      throw invalid(`has the ${place}, in which '${segment}' is neither a name nor a whole {placeholder}`);
    }
  }
  const operations = asMap(item ?? {}, place);
  const defined = actions.filter((action) => Object.hasOwn(operations, action.toLowerCase()));
  const summaries = defined.map((action) => {
    const key = action.toLowerCase();
    return asMap(operations[key] ?? {}, `'${key}' of ${place}`).summary;
  });
  const summary = [operations.summary, ...summaries].find((text) => typeof text === 'string');
  return { segments, actions: defined, summary: fillIn(String(summary ?? path), service) };
}

function beginsWith(name: string): (path: DefinedPath) => boolean {
  return ({ segments }) => segments.length === 0 || segments[0]?.toLowerCase() === name.toLowerCase();
}

/** A text with what it says of its service filled in. */
export function fillIn(text: string, { name, label, description = '' }: DefinedService): string {
  return text.replace(/\{service\.(name|names|Name|label|description)\}/g, (_whole, key: string) => {
    if (key === 'name') return name;
    if (key === 'names') return plural(name);
    if (key === 'Name') return name.charAt(0).toUpperCase() + name.slice(1);
    return key === 'label' ? label : description;
  });
}

function plural(name: string): string {
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
}

function asMap(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw invalid(`is no OpenAPI document: ${place} must be an object`);
}

function invalid(problem: string): PlatformError {
  return new PlatformError('request.invalid_record', `Field '${documentField}.content' ${problem}.`);
}
