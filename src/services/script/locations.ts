// Where paths of a scripted service lead. Every path leads somewhere: a definition only names the events of
// those it knows. Invariant: the most literal path of a definition counts, and access is granted on the path
// as it was asked for.
import { LRUCache } from 'lru-cache';
import type { PathDetails } from '../../core/description.ts';
import { eventName } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import { type Action, actions } from '../../core/operation.ts';
import type { Endpoint, Location } from '../../core/service.ts';
import type { DefinedPath } from '../../openapi/definition.ts';

/** What the locations of a service are made of. */
export interface ScriptLocationsParts {
  readonly service: string;
  readonly paths: readonly DefinedPath[];
  /** What descriptions show in the place of all paths; made when one is asked for. */
  readonly details?: () => readonly PathDetails[];
  /** Whether its runs are queued, so that every answer says no more than that. */
  readonly isQueued?: boolean;
}

/** Finds locations; those of paths that come often are found once. */
export class ScriptLocations {
  readonly #service: string;
  readonly #paths: readonly DefinedPath[];
  readonly #byLength = new Map<number, DefinedPath[]>();
  readonly #known = new LRUCache<string, Location>({ max: limits.scriptPaths });
  readonly #root: Readonly<Record<Action, Location>>;
  readonly #details: () => readonly PathDetails[];

  constructor({ service, paths, isQueued = false, details = () => anyPath(isQueued) }: ScriptLocationsParts) {
    this.#service = service;
    this.#details = details;
    this.#paths = paths;
    for (const path of [...paths].sort(literalFirst)) {
      const { length } = path.segments;
      this.#byLength.set(length, [...(this.#byLength.get(length) ?? []), path]);
    }
    const roots = actions.map((action) => [action, this.#locate([], action)]);
    this.#root = Object.fromEntries(roots) as Record<Action, Location>;
  }

  /** The same object for the same path and action, as long as the path is asked for often enough. */
  find(path: readonly string[], action: Action): Location {
    if (path.length === 0) return this.#root[action];
    // A slash can be part of a segment, a line break can not.
    const key = `${action}\n${path.join('\n')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const location = this.#locate(path, action);
    if (key.length <= limits.parameterCacheChars) this.#known.set(key, location);
    return location;
  }

  /** The paths that fire events of their own, and the root, whose events all other paths fire. */
  endpoints(): Endpoint[] {
    const root = this.#paths.find(({ segments }) => segments.length === 0);
    const summary = root?.summary ?? 'everything below the service';
    const below = this.#paths.filter(
      ({ segments, actions: defined }) => segments.length * defined.length > 0,
    );
    return [
      { pattern: [], actions, summary, details: this.#details },
      ...below.map((path) => {
        return { pattern: path.segments, actions: path.actions, summary: path.summary, details: nowhereElse };
      }),
    ];
  }

  /** What access can be granted on. */
  components(): string[] {
    const below = this.#paths.flatMap(({ segments }) => {
      const open = segments.findIndex(isPlaceholder);
      const prefix = segments.slice(0, open < 0 ? segments.length : open).join('/');
      const own = prefix === '' ? [] : [`${prefix}/`, `${prefix}/*`];
      return open < 0 ? own : [...own, segments.join('/')];
    });
    return [...new Set(['', '*', ...below])];
  }

  #locate(path: readonly string[], action: Action): Location {
    const component = path.join('/');
    const defined = this.#byLength.get(path.length)?.find(({ segments }) => matches(segments, path));
    const segments = defined?.segments ?? [];
    const placeholders = segments.flatMap((segment, index) =>
      isPlaceholder(segment) ? [[segment, index] as const] : [],
    );
    const name = eventName(this.#service, segments, action);
    const event = placeholders.length === 0 ? { name, drop: 0 } : { name, drop: 0, placeholders };
    return { component, events: [event] };
  }
}

const nowhereElse = () => [];

// Without a definition nobody but the script knows its paths.
function anyPath(isQueued: boolean): readonly PathDetails[] {
  const responses = isQueued ? { responses: queuedAnswer } : {};
  const told = actions.map((action) => [action, { summary: 'Ask the script', ...responses }]);
  const below = {
    summary: 'Ask the script for anything below',
    description: 'The script decides what it is.',
    ...responses,
  };
  return [
    { pattern: [], actions: Object.fromEntries(told) },
    { pattern: ['{path}'], actions: Object.fromEntries(actions.map((action) => [action, below])) },
  ];
}

const queuedAnswer = {
  202: {
    description: 'The script runs later.',
    content: {
      'application/json': {
        schema: { type: 'object', properties: { success: { const: true } }, required: ['success'] },
      },
    },
  },
} as const;

function isPlaceholder(segment: string): boolean {
  return segment.startsWith('{');
}

function matches(segments: readonly string[], path: readonly string[]): boolean {
  return segments.every((segment, index) => isPlaceholder(segment) || segment === path[index]);
}

// Of the same length: the one with a name where the other has a placeholder comes first.
function literalFirst(a: DefinedPath, b: DefinedPath): number {
  const at = a.segments.findIndex((segment, index) => {
    return isPlaceholder(segment) !== isPlaceholder(b.segments[index] ?? '');
  });
  return at < 0 || a.segments.length !== b.segments.length ? 0 : isPlaceholder(a.segments[at] ?? '') ? 1 : -1;
}
