// The sources of the project as trees, with what each file imports and exports.
// Invariant: paths are relative to the root and written with '/', on every machine.
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** A breach of a rule of the house; `line` counts from 1. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** One import of a file: another file of the project (`target`) or an npm package. */
export interface Import {
  readonly target: string | undefined;
  readonly npmPackage: string | undefined;
  /** Names taken; `*` when it may be any (namespace, dynamic, re-export of all). */
  readonly names: readonly string[];
  readonly isType: boolean;
  readonly line: number;
}

/** An exported declaration. */
export interface Export {
  readonly name: string;
  readonly isType: boolean;
  readonly hasDocstring: boolean;
  readonly line: number;
}

/** A file of the project. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  /** Tests and what only tests use: suites, fixtures, scenarios. */
  readonly isForTests: boolean;
}

const generated = /(^|\/)filter-parser\.(js|d\.ts)$/;

/** Reads the TypeScript and JavaScript among `paths`; generated files are left out. */
export function readSources(root: string, paths: readonly string[]): Source[] {
  return paths
    .filter((path) => /\.(ts|mjs)$/.test(path) && !generated.test(path) && existsSync(join(root, path)))
    .map((path) => sourceOf(path, readFileSync(join(root, path), 'utf8')));
}

/** Whether a path is a test or serves tests only. */
export function isForTests(path: string): boolean {
  return /^(test|bench)\//.test(path) || /(\.test|[-.]?(suite|fixture|scenario))\.ts$/.test(path);
}

function sourceOf(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return {
    path,
    text,
    lines: text.split('\n'),
    tree,
    imports: importsOf(path, tree),
    exports: tree.statements.flatMap((statement) => exportsOf(statement, tree)),
    isForTests: isForTests(path),
  };
}

/** The line of a node, from 1. */
export function lineOf(node: ts.Node, tree: ts.SourceFile): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

/** Calls `visit` with every node of a tree, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function importsOf(path: string, tree: ts.SourceFile): Import[] {
  const found: Import[] = [];
  walk(tree, (node) => {
    const taken = takenBy(node);
    if (taken === undefined) return;
    const { specifier, ...rest } = taken;
    if (specifier.startsWith('node:') || builtinModules.includes(specifier)) return;
    const isLocal = specifier.startsWith('.');
    found.push({
      ...rest,
      target: isLocal ? posix.join(posix.dirname(path), specifier) : undefined,
      npmPackage: isLocal ? undefined : packageOf(specifier),
      line: lineOf(node, tree),
    });
  });
  return found;
}

function takenBy(node: ts.Node): (Pick<Import, 'names' | 'isType'> & { specifier: string }) | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { specifier: node.moduleSpecifier.text, ...namesOfImport(node.importClause) };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    const clause = node.exportClause;
    const names = clause && ts.isNamedExports(clause) ? clause.elements.map(originalName) : ['*'];
    return { specifier: node.moduleSpecifier.text, names, isType: node.isTypeOnly };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    if (argument && ts.isStringLiteral(argument)) {
      return { specifier: argument.text, names: ['*'], isType: false };
    }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    const { literal } = node.argument;
    if (ts.isStringLiteral(literal)) return { specifier: literal.text, names: ['*'], isType: true };
  }
  return undefined;
}

function namesOfImport(clause: ts.ImportClause | undefined): Pick<Import, 'names' | 'isType'> {
  if (clause === undefined) return { names: [], isType: false };
  const bindings = clause.namedBindings;
  const first = clause.name === undefined ? [] : ['default'];
  if (bindings === undefined) return { names: first, isType: isTypeOnly(clause) };
  if (ts.isNamespaceImport(bindings)) return { names: ['*'], isType: isTypeOnly(clause) };
  const isType =
    isTypeOnly(clause) || (first.length === 0 && bindings.elements.every((each) => each.isTypeOnly));
  return { names: [...first, ...bindings.elements.map(originalName)], isType };
}

function isTypeOnly(clause: ts.ImportClause): boolean {
  return clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function originalName(specifier: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (specifier.propertyName ?? specifier.name).text;
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

function exportsOf(statement: ts.Statement, tree: ts.SourceFile): Export[] {
  if (!ts.canHaveModifiers(statement)) return [];
  const modifiers = ts.getModifiers(statement) ?? [];
  if (!modifiers.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)) return [];
  const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
  const comments = ts.getLeadingCommentRanges(tree.text, statement.getFullStart()) ?? [];
  const last = comments.at(-1);
  const hasDocstring = last !== undefined && tree.text.startsWith('/**', last.pos);
  const shared = { isType, hasDocstring, line: lineOf(statement, tree) };
  return namesDeclared(statement).map((name) => ({ name, ...shared }));
}

function namesDeclared(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) =>
      ts.isIdentifier(name) ? [name.text] : [],
    );
  }
  const named = statement as ts.Statement & { readonly name?: ts.Node };
  return named.name !== undefined && ts.isIdentifier(named.name) ? [named.name.text] : [];
}
