// The rules about the project as a whole: its commands, its lock file, and how it is measured.
// Invariant: figures are reported, not judged; only rules fail.
import type { Problem, Source } from './source.ts';

const mostCommands = 14;

/** What package.json must keep to. */
export function manifestProblems(text: string): Problem[] {
  const path = 'package.json';
  const manifest = JSON.parse(text) as { scripts?: object };
  const commands = Object.keys(manifest.scripts ?? {}).length;
  if (commands <= mostCommands) return [];
  return [{ path, line: 1, rule: 'commands', message: `${commands} npm scripts; at most ${mostCommands}` }];
}

/** What package-lock.json must keep to: an entry for every optional package, so that `npm ci` takes it. */
export function lockProblems(text: string): Problem[] {
  const path = 'package-lock.json';
  const { packages = {} } = JSON.parse(text) as { packages?: Record<string, LockEntry> };
  const locked = new Set(
    Object.keys(packages).map((key) => key.slice(key.lastIndexOf('node_modules/') + 13)),
  );
  const problems: Problem[] = [];
  for (const [key, entry] of Object.entries(packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (locked.has(name)) continue;
      problems.push({
        path,
        line: 1,
        rule: 'lock file',
        message: `${name}, optional for ${key}, has no entry`,
      });
    }
    if (/^https?:/.test(entry.resolved ?? '')) {
      problems.push({ path, line: 1, rule: 'lock file', message: `${key} names where it was downloaded` });
    }
  }
  return problems;
}

interface LockEntry {
  readonly optionalDependencies?: Record<string, string>;
  readonly resolved?: string;
}

/** Lines of product and of tests, and the share of comments in the product, in percent. */
export function figuresOf(sources: readonly Source[]): { product: number; tests: number; comments: number } {
  const counted = sources.filter((source) => source.path.startsWith('src/'));
  const product = counted.filter((source) => !source.isForTests).flatMap(filledLines);
  const tests = sources.filter((source) => source.isForTests && !source.path.startsWith('bench/'));
  const comments = product.filter((line) => /^\s*(\/\/|\/\*|\*)/.test(line)).length;
  return {
    product: product.length,
    tests: tests.flatMap(filledLines).length,
    comments: product.length === 0 ? 0 : Math.round((comments / product.length) * 1_000) / 10,
  };
}

function filledLines(source: Source): string[] {
  return source.lines.filter((line) => line.trim() !== '');
}
