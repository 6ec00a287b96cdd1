// Holds a recorded answer against ours: everything equal but placeholders (`{{name}}`), which match any
// value.

/** The first place where `actual` differs from `expected`, in words, or undefined. */
export function difference(expected: unknown, actual: unknown, path = '$'): string | undefined {
  if (typeof expected === 'string') return textDifference(expected, actual, path);
  if (Array.isArray(expected)) return listDifference(expected, actual, path);
  if (typeof expected === 'object' && expected !== null) return mapDifference(expected, actual, path);
  return Object.is(expected, actual) ? undefined : told(expected, actual, path);
}

/**
 * Like `difference`, for answers that describe an installation: our keys and their kinds, not their values.
 */
export function shapeDifference(expected: unknown, actual: unknown, path = '$'): string | undefined {
  if (expected === null || actual === null) return undefined;
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const [model] = expected;
    if (model === undefined || actual.length === 0) return undefined;
    return shapeDifference(model, actual[0], `${path}[0]`);
  }
  if (typeof expected === 'object' && typeof actual === 'object' && !Array.isArray(actual)) {
    for (const [name, member] of Object.entries(expected as object)) {
      const own = (actual as Record<string, unknown>)[name];
      if (own === undefined) return `${path}.${name} is missing`;
      const found = shapeDifference(member, own, `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (typeof expected === 'string' && expected.startsWith('{{')) return undefined;
  return typeof expected === typeof actual ? undefined : told(expected, actual, path);
}

function textDifference(expected: string, actual: unknown, path: string): string | undefined {
  if (/^\{\{[^}]+\}\}$/.test(expected)) return actual === undefined ? `${path} is missing` : undefined;
  if (expected === actual) return undefined;
  if (!expected.includes('{{') || typeof actual !== 'string') return told(expected, actual, path);
  const parts = expected.split(/\{\{[^}]+\}\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[\\s\\S]*')}$`).test(actual) ? undefined : told(expected, actual, path);
}

function listDifference(expected: unknown[], actual: unknown, path: string): string | undefined {
  if (!Array.isArray(actual)) return told(expected, actual, path);
  if (expected.length !== actual.length)
    return `${path} has ${actual.length} items instead of ${expected.length}`;
  for (const [index, item] of expected.entries()) {
    const found = difference(item, actual[index], `${path}[${index}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function mapDifference(expected: object, actual: unknown, path: string): string | undefined {
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual))
    return told(expected, actual, path);
  const own = actual as Record<string, unknown>;
  for (const name of new Set([...Object.keys(expected), ...Object.keys(own)])) {
    if (!(name in expected)) return `${path}.${name} is ours only (${JSON.stringify(own[name])})`;
    const found = difference((expected as Record<string, unknown>)[name], own[name], `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function told(expected: unknown, actual: unknown, path: string): string {
  return `${path}: ${shown(actual)} instead of ${shown(expected)}`;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 300);
}
