// The rules of shape: how long files, lines and functions may be, and which parts of the language are not
// used.
// Invariant: each rule looks at one file alone.
import ts from 'typescript';
import { lineOf, type Problem, type Source, walk } from './source.ts';

const most = { fileLines: 500, lineCharacters: 110, functionLines: 70, parameters: 3 };

type Report = (line: number, rule: string, message: string) => void;

/** Breaches of shape in one file. */
export function shapeProblems(source: Source): Problem[] {
  const problems: Problem[] = [];
  const report: Report = (line, rule, message) => problems.push({ path: source.path, line, rule, message });
  if (source.lines.length - 1 > most.fileLines) {
    report(1, 'file length', `${source.lines.length - 1} lines; at most ${most.fileLines}`);
  }
  // Code is wrapped by the formatter; what is longer in a test is text that it quotes (SQL, scripts).
  const isQuoting = source.path.endsWith('.test.ts');
  source.lines.forEach((line, at) => {
    if (line.length > most.lineCharacters && !isQuoting) {
      report(at + 1, 'line length', `${line.length} characters; at most ${most.lineCharacters}`);
    }
  });
  walk(source.tree, (node) => {
    checkFunction(node, source, report);
    checkLanguage(node, source, report);
  });
  checkState(source, report);
  return problems;
}

function checkFunction(node: ts.Node, { tree, isForTests }: Source, report: Report): void {
  if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined || isGroupOfTests(node))
    return;
  const first = lineOf(node, tree);
  const lines = tree.getLineAndCharacterOfPosition(node.end).line + 2 - first;
  const name = nameOf(node);
  if (lines > most.functionLines) {
    report(first, 'function length', `${name} has ${lines} lines; at most ${most.functionLines}`);
  }
  const parameters = node.parameters.filter((parameter) => nameOf(parameter) !== 'this');
  // Parameters without types are those of a signature given elsewhere; rows of `test.each` come as
  // parameters.
  const isOwn = parameters.some((parameter) => parameter.type !== undefined);
  if (parameters.length > most.parameters && isOwn && !isForTests) {
    report(
      first,
      'parameters',
      `${name} has ${parameters.length}; at most ${most.parameters}, else an object`,
    );
  }
}

// The callback of `describe` is a heading, not a function that somebody has to keep in mind.
function isGroupOfTests(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^describe\b/.test(call.expression.getText());
}

function nameOf(node: ts.Node): string {
  const named = node as ts.Node & { readonly name?: ts.Node };
  if (named.name !== undefined) return named.name.getText();
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'a function';
}

function checkLanguage(node: ts.Node, source: Source, report: Report): void {
  const line = lineOf(node, source.tree);
  if (node.kind === ts.SyntaxKind.AnyKeyword && !source.isForTests) {
    report(line, 'any', 'use unknown and a check, or the type it has');
  }
  if (ts.isExportAssignment(node) && !/\.config\.ts$/.test(source.path)) {
    report(line, 'default export', 'give it a name');
  }
  if (ts.isEnumDeclaration(node)) report(line, 'enum', 'use a union of texts');
  if (ts.isNonNullExpression(node)) report(line, 'non-null assertion', 'handle the missing value');
}

function checkState({ tree, isForTests }: Source, report: Report): void {
  if (isForTests) return;
  for (const statement of tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    if ((statement.declarationList.flags & ts.NodeFlags.Const) !== 0) continue;
    report(lineOf(statement, tree), 'module state', 'keep state in a class');
  }
}
