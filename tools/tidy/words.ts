// The rules about words: comments that must be there, words that must not, and names of files.
// Invariant: patterns here are written so that they do not match themselves.
import ts from 'typescript';
import { lineOf, type Problem, type Source, walk } from './source.ts';

const headerLines = 6;

/** Words for which the vocabulary of the house has another one. */
const bannedWords = new Map([
  ['accountability', 'principal'],
  ['broker', 'connection'],
  ['connector', 'service type'],
  ['entity', 'object'],
  ['executor', 'runner'],
  ['helper', 'a verb for what it does'],
  ['hook', 'slot'],
  ['plugin', 'service type'],
  ['util', 'a noun for what it holds'],
  ['utils', 'a noun for what it holds'],
  ['workflow', 'job'],
]);

const dumpingGrounds = /^(utils?|helpers?|common|types|misc|shared|lib)\.(ts|mjs)$/;

/** What no tracked text may hold, whoever reads it. */
const bannedTexts: readonly { rule: string; pattern: RegExp; message: string }[] = [
  { rule: 'unfinished', pattern: /\b(TO[D]O|FIX[M]E|X[X]X)\b/, message: 'finish it, or write an issue' },
  {
    rule: 'registry',
    pattern: /registry[.](npm|yarn)|[/]artifactory[/]|[/]npm-proxy[/]/,
    message: 'names a registry',
  },
  {
    rule: 'machine path',
    pattern: /(^|[\s"'`(=:,])[/](work|root|Users)[/]\w/,
    message: 'names a folder of one machine',
  },
];

/** Breaches in the comments and identifiers of one source. */
export function wordProblems(source: Source): Problem[] {
  const { path, tree, exports } = source;
  const problems: Problem[] = [];
  if (!/\.(test|d)\.ts$/.test(path)) {
    problems.push(...headerProblems(source));
    for (const { name, line, hasDocstring } of exports) {
      if (!hasDocstring && !source.isForTests && !/\.config\.ts$/.test(path)) {
        problems.push({ path, line, rule: 'docstring', message: `${name} needs a sentence on what it is` });
      }
    }
  }
  if (source.isForTests) return problems;
  walk(tree, (node) => {
    const name = declaredName(node);
    if (name === undefined) return;
    for (const word of wordsOf(name.text)) {
      const better = bannedWords.get(word);
      if (better === undefined) continue;
      const message = `${name.text}: not '${word}' but ${better}`;
      problems.push({ path, line: lineOf(name, tree), rule: 'vocabulary', message });
    }
  });
  return problems;
}

/** Breaches in any tracked text file: what it says and how it is named. */
export function textProblems(path: string, text: string): Problem[] {
  const problems = nameProblems(path);
  if (/^test\/golden\/.*\.json$/.test(path)) return problems;
  text.split('\n').forEach((line, at) => {
    for (const { rule, pattern, message } of bannedTexts) {
      const match = pattern.exec(line);
      if (match !== null) {
        problems.push({ path, line: at + 1, rule, message: `${message}: '${match[0].trim()}'` });
      }
    }
  });
  return problems;
}

function headerProblems({ path, text, lines }: Source): Problem[] {
  const start = text.startsWith('#!') ? 1 : 0;
  let end = start;
  while (/^(\/\/|\/\*| \*)/.test(lines[end] ?? '')) end++;
  if (end === start) {
    return [{ path, line: 1, rule: 'header', message: 'say what the file is for and what must stay true' }];
  }
  // An example opens with how to use it.
  if (end - start <= headerLines || path.startsWith('examples/')) return [];
  return [{ path, line: 1, rule: 'header', message: `${end - start} lines; at most ${headerLines}` }];
}

function declaredName(node: ts.Node): ts.Identifier | undefined {
  const isDeclaration =
    ts.isVariableDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isPropertyDeclaration(node);
  if (!isDeclaration || node.name === undefined) return undefined;
  return ts.isIdentifier(node.name) ? node.name : undefined;
}

function wordsOf(name: string): string[] {
  return name.split(/(?=[A-Z])|_/).map((word) => word.toLowerCase());
}

function nameProblems(path: string): Problem[] {
  if (!/^(src|tools|test|bench|examples)\//.test(path)) return [];
  const parts = path.split('/');
  const file = parts.at(-1) ?? '';
  // Modules of Python are imported by name, where a hyphen cannot stand.
  const odd = parts.filter(
    (part) =>
      !/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(part) &&
      !/^README\.md$|^__snapshots__$|^[a-z0-9]+(_[a-z0-9]+)*\.py$/.test(part),
  );
  const problems = odd.map((part) => ({
    path,
    line: 1,
    rule: 'file name',
    message: `'${part}' is not in lower case with hyphens`,
  }));
  if (!dumpingGrounds.test(file)) return problems;
  const message = `'${file}' says nothing; name the one thing it holds`;
  return [...problems, { path, line: 1, rule: 'file name', message }];
}
