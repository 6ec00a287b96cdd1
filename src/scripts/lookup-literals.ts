// Lookups in script text (rulings 4): `{name}` in a string literal stands for the value of the lookup of that
// name. Invariant: values never become code; a literal that names lookups is handed to a function that puts
// their values in when the script runs.
import type ts from 'typescript';

// The caller's own properties are there without a lookup: `{user.email}`.
const ownProperties = /\{(?:(?:user|role|app)\.[A-Za-z_]\w*|session\.token)\}/;

/** What such literals are handed to; a name that no script has by chance. */
export const lookupFunction = '_tenonLookup';

/** Which of these lookups a text names anywhere, sorted; `*` stands for properties of the caller. */
export function lookupsNamed(content: string, names: Iterable<string>): string[] {
  if (!content.includes('{')) return [];
  const found = [...names].filter((name) => content.includes(`{${name}}`)).sort();
  return ownProperties.test(content) ? [...found, '*'] : found;
}

/** The JavaScript or TypeScript with each literal that may name lookups put through `lookupFunction`. */
export function bindLookups(compiler: typeof ts, source: ts.SourceFile): string {
  const places: { from: number; to: number }[] = [];
  const visit = (node: ts.Node): void => {
    const isText = compiler.isStringLiteral(node) || compiler.isNoSubstitutionTemplateLiteral(node);
    if (isText && /\{[A-Za-z_][\w.]*\}/.test(node.text) && isExpression(compiler, node)) {
      places.push({ from: node.getStart(source), to: node.getEnd() });
    }
    compiler.forEachChild(node, visit);
  };
  visit(source);
  let text = source.text;
  for (const { from, to } of places.toReversed()) {
    text = `${text.slice(0, from)}${lookupFunction}(${text.slice(from, to)})${text.slice(to)}`;
  }
  return text;
}

// Names of members, modules and types are literals of another kind: a call cannot stand there.
function isExpression(compiler: typeof ts, node: ts.Node): boolean {
  const { parent } = node;
  if (compiler.isTaggedTemplateExpression(parent) || compiler.isExpressionStatement(parent)) return false;
  if (compiler.isLiteralTypeNode(parent) || compiler.isExternalModuleReference(parent)) return false;
  if (compiler.isImportDeclaration(parent) || compiler.isExportDeclaration(parent)) return false;
  return !('name' in parent && parent.name === node);
}
