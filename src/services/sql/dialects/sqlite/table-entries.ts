// Constraints in the text of an SQLite table: taken out of it. Invariant: only the constraint of
// exactly these columns is taken out.
import { printEntry, type TableEntry, unquoted } from '../../schema/table-text.ts';

/** The entries without the foreign key of these columns. */
export function withoutKey(entries: readonly TableEntry[], columns: readonly string[]): TableEntry[] {
  const [only, second] = columns;
  return entries.flatMap((entry) => {
    if (entry.column === undefined) return isOver(entry, 'foreign key', columns) ? [] : [entry];
    const isOwn = second === undefined && only !== undefined && isSame(entry.column, only);
    return isOwn ? [without(entry, 'reference')] : [entry];
  });
}

/** The entries without the demand that a column be unique. */
export function withoutUnique(entries: readonly TableEntry[], column: string): TableEntry[] {
  return entries.flatMap((entry) => {
    if (entry.column === undefined) return isOver(entry, 'unique', [column]) ? [] : [entry];
    return isSame(entry.column, column) ? [without(entry, 'unique')] : [entry];
  });
}

function without(entry: TableEntry, kind: 'reference' | 'unique'): TableEntry {
  const clauses = entry.clauses.filter((clause, at) => {
    const next = entry.clauses[at + 1];
    const isNameOf = next?.kind === kind && /^\s*constraint\b/i.test(clause.text);
    return clause.kind !== kind && !isNameOf;
  });
  return { ...entry, clauses };
}

const marked = String.raw`"(?:[^"]|"")*"|\[[^\]]*\]|\x60(?:[^\x60]|\x60\x60)*\x60|'(?:[^']|'')*'`;
const quoted = String.raw`(?:${marked}|[^\s(),]+)`;
const name = String.raw`\s*${quoted}\s*`;

// `CONSTRAINT x FOREIGN KEY ("a", b) …`, with the columns in this order.
function isOver(entry: TableEntry, kind: 'foreign key' | 'unique', columns: readonly string[]): boolean {
  const words = kind.replace(' ', String.raw`\s+`);
  const pattern = new RegExp(
    String.raw`^\s*(?:constraint${name})?\s*${words}\s*\((${name}(?:,${name})*)\)`,
    'i',
  );
  const list = pattern.exec(printEntry(entry))?.[1];
  if (list === undefined) return false;
  const found = [...list.matchAll(new RegExp(quoted, 'g'))].map(([text]) => unquoted(text));
  return found.length === columns.length && columns.every((column, at) => isSame(column, found[at] ?? ''));
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
