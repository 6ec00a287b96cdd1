// Query strings to parameters, in the spelling that DreamFactory's clients use: `a[]=1`, `a[b]=1`, `x.y` →
// `x_y`, a bare `flag` → null. Invariant: linear in the text, bounded in count and depth, frozen, and no key
// reaches a prototype.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Parameters, ParameterValue } from '../core/operation.ts';

type Node = Map<string, Node | ParameterValue>;

/** Nothing: what a path without a query has. */
export const noParameters: Parameters = Object.freeze({});

/**
 * Parses what follows the `?`. Values are text, null for a bare name; later ones replace earlier ones of
 * the same name.
 * Throws `request.invalid_parameter` beyond `limits.parameterCount` and `limits.parameterDepth`.
 */
export function parseParameters(query: string): Parameters {
  if (query === '') return noParameters;
  const root: Node = new Map();
  let count = 0;
  for (const pair of query.split('&', limits.parameterCount + 1)) {
    if (pair === '') continue;
    if (++count > limits.parameterCount) {
      throw refused(`The query has more than ${limits.parameterCount} parameters.`);
    }
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals)).trimStart();
    if (name !== '') put(root, keysOf(name), equals < 0 ? null : decode(pair.slice(equals + 1)));
  }
  return Object.freeze(toRecord(root));
}

// `a[b][]` → ['a', 'b', '']; an opening bracket without its closing one is part of the name, as `_`.
function keysOf(name: string): string[] {
  const open = name.indexOf('[');
  if (open < 1 || name.indexOf(']', open) < 0) return [checked(plainName(name))];
  const keys = [checked(plainName(name.slice(0, open)))];
  let at = open;
  while (name[at] === '[') {
    const close = name.indexOf(']', at);
    if (close < 0) break;
    if (keys.length > limits.parameterDepth) {
      throw refused(`Parameter '${keys[0]}' nests deeper than ${limits.parameterDepth} levels.`);
    }
    keys.push(checked(name.slice(at + 1, close)));
    at = close + 1;
  }
  return keys;
}

function plainName(name: string): string {
  return /[ .[]/.test(name) ? name.replace(/[ .[]/g, '_') : name;
}

function checked(key: string): string {
  if (key === '__proto__') throw refused("A parameter can not be named '__proto__'.");
  return key;
}

function put(root: Node, keys: readonly string[], value: string | null): void {
  let node = root;
  for (const key of keys.slice(0, -1)) {
    const name = key === '' ? nextIndex(node) : key;
    const inner = node.get(name);
    if (inner instanceof Map) {
      node = inner;
    } else {
      const made: Node = new Map();
      node.set(name, made);
      node = made;
    }
  }
  const last = keys[keys.length - 1] ?? '';
  node.set(last === '' ? nextIndex(node) : last, value);
}

// Appending goes by size: it differs from "one more than the highest index" only where both spellings are
// mixed.
function nextIndex(node: Node): string {
  let index = node.size;
  while (node.has(String(index))) index++;
  return String(index);
}

function toRecord(node: Node): Record<string, ParameterValue> {
  const record: Record<string, ParameterValue> = {};
  for (const [name, value] of node) record[name] = toValue(value);
  return record;
}

function toValue(value: Node | ParameterValue): ParameterValue {
  if (!(value instanceof Map)) return value;
  const isList = [...value.keys()].every((key, index) => key === String(index));
  const made = isList ? [...value.values()].map(toValue) : toRecord(value);
  return Object.freeze(made) as ParameterValue;
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Bytes that are no UTF-8 become replacement characters, a lone percent sign stays.
    return spaced.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
      Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
    );
  }
}

function refused(message: string): PlatformError {
  return new PlatformError('request.invalid_parameter', message);
}
