// JSON values as YAML in block style. Our own, because general writers take seconds for the description of a
// large database, and nobody else is served then. Invariant: a reader of YAML 1.2 gets the same value back.

/** The lines of a member of an object; without a value the line of its name alone. */
export function yamlEntry(name: string, value: unknown, indent: string): string {
  if (value === undefined) return `${indent}${text(name)}:\n`;
  const lines: string[] = [];
  writeEntry(`${indent}${text(name)}:`, value, { indent, lines, isItem: false });
  return `${lines.join('\n')}\n`;
}

function writeBlock(value: unknown, indent: string, lines: string[]): void {
  if (Array.isArray(value)) {
    for (const item of value) writeEntry(`${indent}-`, item, { indent, lines, isItem: true });
    return;
  }
  for (const [name, member] of Object.entries(value as object)) {
    if (member !== undefined) writeEntry(`${indent}${text(name)}:`, member, { indent, lines, isItem: false });
  }
}

interface Block {
  readonly indent: string;
  readonly lines: string[];
  readonly isItem: boolean;
}

function writeEntry(head: string, value: unknown, { indent, lines, isItem }: Block): void {
  if (isEmpty(value)) {
    lines.push(`${head} ${scalar(value)}`);
    return;
  }
  if (!isItem) {
    lines.push(head);
    writeBlock(value, `${indent}  `, lines);
    return;
  }
  // The first line of an item stands beside its dash.
  const start = lines.length;
  writeBlock(value, `${indent}  `, lines);
  lines[start] = `${head} ${(lines[start] ?? '').slice(indent.length + 2)}`;
}

function isEmpty(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
}

function scalar(value: unknown): string {
  if (Array.isArray(value)) return '[]';
  if (typeof value === 'object' && value !== null) return '{}';
  return typeof value === 'string' ? text(value) : (JSON.stringify(value) ?? 'null');
}

// Plain where no reader could take it for anything but text; JSON's quotes are YAML's, too.
function text(value: string): string {
  const isPlain = /^[A-Za-z_/][\w/.,()-]*(?: [\w/.,()-]+)*$/.test(value);
  return isPlain && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(value) ? value : JSON.stringify(value);
}
