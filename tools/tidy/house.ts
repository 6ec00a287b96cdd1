// All rules over all files of a project. Invariant: problems come in the order of files, so that two runs
// agree.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportsForTests, importProblems } from './imports.ts';
import { figuresOf, lockProblems, manifestProblems } from './project.ts';
import { shapeProblems } from './shape.ts';
import { type Problem, readSources } from './source.ts';
import { textProblems, wordProblems } from './words.ts';

/** What was found in a project. */
export interface Findings {
  readonly problems: readonly Problem[];
  readonly exportsForTests: readonly Problem[];
  readonly figures: ReturnType<typeof figuresOf>;
}

/** Checks the files `paths` (relative to `root`) against the rules of the house. */
export function checkHouse(root: string, paths: readonly string[]): Findings {
  const sources = readSources(root, paths);
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  const problems = [
    ...sources.flatMap((source) => [...shapeProblems(source), ...wordProblems(source)]),
    ...importProblems(sources),
    ...paths.filter((path) => !isBinary(path)).flatMap((path) => textProblems(path, read(path))),
    ...(paths.includes('package.json') ? manifestProblems(read('package.json')) : []),
    ...(paths.includes('package-lock.json') ? lockProblems(read('package-lock.json')) : []),
  ];
  problems.sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
  return { problems, exportsForTests: exportsForTests(sources), figures: figuresOf(sources) };
}

/** The files that belong to the project: those Git knows and new ones it does not ignore. */
export function filesOf(root: string): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0');
  return listed.filter((path) => path !== '' && existsSync(join(root, path)));
}

/** A problem as a line that editors can jump to. */
export function describeProblem({ path, line, rule, message }: Problem): string {
  return `${path}:${line}: ${rule}: ${message}`;
}

function isBinary(path: string): boolean {
  return /\.(png|jpe?g|ico|sqlite|db|gz|woff2?)$/.test(path);
}
