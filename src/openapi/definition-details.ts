// What a definition of a service says, as parts of a generated description: its operations as they were
// written, under our own credentials. Invariant: whatever was written, the result is of OpenAPI 3.1, and its
// references lead to parts of the same definition or nowhere.
import {
  type ActionDetails,
  Named,
  type Part,
  type PartKind,
  type PartMap,
  type PathDetails,
  partKinds,
} from '../core/description.ts';
import { limits } from '../core/limits.ts';
import type { ServiceDocument } from '../core/service.ts';
import { type DefinedService, fillIn, pathsBelow, pathsOf, readDefinition } from './definition.ts';
import { upgraded } from './upgrade.ts';

type Written = Readonly<Record<string, unknown>>;

/** What a definition says of itself; what it does not say is absent. */
export interface DefinedHead {
  readonly title?: string;
  readonly description?: string;
  readonly version?: string;
  readonly tags?: Part;
}

/** The paths of a definition with their operations. */
export function definedDetails(document: ServiceDocument, service: DefinedService): readonly PathDetails[] {
  const root = upgraded(readDefinition(document));
  const parts = new DefinitionParts(root, service);
  const paths = pathsOf(root);
  return pathsBelow(paths, service).map(({ segments, actions }, index) => {
    const item = mapOf(paths[index]?.[1]);
    const told = actions.map((action) => {
      return [action, operation(parts, item, mapOf(item[action.toLowerCase()]))] as const;
    });
    return { pattern: segments, actions: Object.fromEntries(told) };
  });
}

/** What stands above the paths of a definition. */
export function definedHead(document: ServiceDocument, service: DefinedService): DefinedHead {
  const root = readDefinition(document);
  const parts = new DefinitionParts(root, service);
  const { title, description, version } = mapOf(root.info);
  const text = (name: string, value: unknown) =>
    typeof value === 'string' && value !== '' ? { [name]: fillIn(value, service) } : {};
  return {
    ...text('title', title),
    ...text('description', description),
    ...text('version', version),
    ...(Array.isArray(root.tags) ? { tags: parts.read(root.tags) } : {}),
  };
}

// Who may call is for the platform to say, and which names belong to it, too.
const ownWords: ReadonlySet<string> = new Set([
  ...['parameters', 'requestBody', 'responses', 'summary', 'description', 'operationId', 'tags'],
  ...['security', 'servers'],
]);

function operation(parts: DefinitionParts, item: Written, written: Written): ActionDetails {
  const { summary = item.summary, description = item.description, operationId, tags } = written;
  const parameters = [...listOf(written.parameters), ...listOf(item.parameters)];
  const rest = Object.fromEntries(Object.entries(written).filter(([name]) => !ownWords.has(name)));
  const [tag] = listOf(tags);
  return {
    ...parts.text('summary', summary),
    ...parts.text('description', description),
    ...parts.text('operationId', operationId),
    ...parts.text('tag', tag),
    parameters: withoutDoubles(parameters.map((parameter) => tidied('parameters', parts.read(parameter)))),
    ...(isMap(written.requestBody)
      ? { requestBody: tidied('requestBodies', parts.read(written.requestBody)) }
      : {}),
    ...(isMap(written.responses) && Object.keys(written.responses).length > 0
      ? { responses: parts.each('responses', written.responses) }
      : {}),
    written: parts.each('schemas', rest),
  };
}

// What OpenAPI wants of a part and people leave out.
function tidied(kind: PartKind, part: Part): Part {
  if (part instanceof Named || !isMap(part)) return part;
  const written = part as PartMap;
  if (kind === 'responses') return { description: '', ...written };
  if (kind === 'requestBodies') return { content: {}, ...written };
  if (kind !== 'parameters') return part;
  const hasShape = written.schema !== undefined || written.content !== undefined;
  return {
    ...{ name: '', in: 'query', ...written },
    ...(written.in === 'path' ? { required: true } : {}),
    ...(hasShape ? {} : { schema: {} }),
  };
}

// Those of an operation stand before those of its path, and win.
function withoutDoubles(parameters: readonly Part[]): readonly Part[] {
  const seen = new Set<string>();
  return parameters.filter((part) => {
    const { in: place, name } = mapOf(part instanceof Named ? part.make() : part);
    const key = `${String(place)} ${String(name)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Reads parts of one definition, making its references parts with a name. */
class DefinitionParts {
  readonly #root: Written;
  readonly #service: DefinedService;
  readonly #named = new Map<string, Named>();

  constructor(root: Written, service: DefinedService) {
    this.#root = root;
    this.#service = service;
  }

  read(value: unknown, depth = 0): Part {
    if (typeof value === 'string') return fillIn(value, this.#service);
    if (typeof value !== 'object' || value === null) return value as Part;
    if (depth > limits.jsonDepth) return {};
    if (Array.isArray(value)) return value.map((item) => this.read(item, depth + 1));
    const { $ref } = value as Written;
    if (typeof $ref === 'string') return $ref.startsWith('#') ? this.#refer($ref) : {};
    const members = Object.entries(value).map(([name, member]) => [name, this.read(member, depth + 1)]);
    return Object.fromEntries(members);
  }

  /** The members of a map, which are parts of a kind. */
  each(kind: PartKind, map: Written): PartMap {
    const read = Object.entries(map).map(([name, member]) => [name, tidied(kind, this.read(member))]);
    return Object.fromEntries(read);
  }

  text(name: string, value: unknown): PartMap {
    return typeof value === 'string' ? { [name]: fillIn(value, this.#service) } : {};
  }

  #refer(pointer: string): Part {
    const known = this.#named.get(pointer);
    if (known !== undefined) return known;
    const steps = pointer.split('/').slice(1).map(decodeStep);
    let found: unknown = this.#root;
    for (const step of steps) found = isMap(found) || Array.isArray(found) ? Object(found)[step] : undefined;
    if (steps.length === 0 || !isMap(found)) return {};
    const [root, place] = steps;
    const isDirect = root === 'components' && steps.length === 3;
    const kind = (isDirect ? partKinds.find((candidate) => candidate === place) : undefined) ?? 'schemas';
    const name = steps.slice(isDirect ? 2 : 1).join('_');
    const part = new Named({ kind, name, make: () => tidied(kind, this.read(found)) });
    this.#named.set(pointer, part);
    return part;
  }
}

function decodeStep(step: string): string {
  const plain = step.replaceAll('~1', '/').replaceAll('~0', '~');
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function mapOf(value: unknown): Written {
  return isMap(value) ? value : {};
}

function isMap(value: unknown): value is Written {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
