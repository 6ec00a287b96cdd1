// The text of a CREATE TABLE statement as a database keeps it, taken apart so that one clause can be changed
// and all others stay as they are, letter by letter. Invariant: what is not understood is refused, and put
// together again an unchanged text is the same text.

/** A word, a quoted name or text, a number or a sign of SQL, with what stands before it. */
interface Token {
  readonly before: string;
  readonly text: string;
}

/** How an engine quotes. */
export interface QuoteStyle {
  /** Whether a backslash escapes inside texts. */
  readonly backslashes: boolean;
}

/** An entry between the parentheses: a column, or a constraint of the table. */
export interface TableEntry {
  /** The column's name; undefined for a constraint. */
  readonly column: string | undefined;
  readonly clauses: readonly Clause[];
}

/** A part of an entry with the words that it begins with: `name`, `type`, `NOT NULL`, `DEFAULT` … */
export interface Clause {
  readonly kind: ClauseKind;
  readonly text: string;
}

/** What a clause says. */
export type ClauseKind =
  | 'name'
  | 'type'
  | 'primary'
  | 'not null'
  | 'null'
  | 'unique'
  | 'check'
  | 'default'
  | 'reference'
  | 'other';

/** A statement, taken apart. */
export interface TableText {
  /** All up to and with the opening parenthesis. */
  readonly head: string;
  readonly entries: readonly TableEntry[];
  /** The closing parenthesis and all after it. */
  readonly tail: string;
}

/** Takes a statement apart. Throws Error when it is none that we understand. */
export function parseTableText(text: string, style: QuoteStyle): TableText {
  const tokens = tokensOf(text, style);
  const open = tokens.findIndex((token) => token.text === '(');
  const close = closing(tokens, open);
  if (open < 0 || close < 0) throw new Error('no list of columns');
  return {
    head: textOf(tokens.slice(0, open + 1)),
    entries: split(tokens.slice(open + 1, close)).map(entryOf),
    tail: textOf(tokens.slice(close)),
  };
}

/** Puts a statement together again. */
export function printTableText({ head, entries, tail }: TableText): string {
  return `${head}${entries.map(printEntry).join(',')}${tail}`;
}

/** An entry as text. */
export function printEntry({ clauses }: TableEntry): string {
  return clauses.map((clause) => clause.text).join('');
}

/** A name without its quotes. */
export function unquoted(text: string): string {
  const quote = text.charAt(0);
  if (quote === '[') return text.slice(1, -1);
  if (!`"'\``.includes(quote) || quote === '') return text;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

// Comments count as space.
const space = /\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$)/y;
const word = /[\p{L}_$][\p{L}\p{N}_$]*|\d[\w.]*|[^\s]/uy;

function tokensOf(text: string, style: QuoteStyle): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let before = '';
  while (at < text.length) {
    space.lastIndex = at;
    const gap = space.exec(text);
    if (gap !== null && gap[0] !== '') {
      before += gap[0];
      at += gap[0].length;
      continue;
    }
    const end = tokenEnd(text, at, style);
    tokens.push({ before, text: text.slice(at, end) });
    before = '';
    at = end;
  }
  return before === '' ? tokens : [...tokens, { before, text: '' }];
}

function tokenEnd(text: string, at: number, { backslashes }: QuoteStyle): number {
  const quote = text.charAt(at);
  if (`"'\`[`.includes(quote)) {
    const last = quote === '[' ? ']' : quote;
    for (let end = at + 1; end < text.length; end++) {
      if (backslashes && quote === "'" && text[end] === '\\') end++;
      else if (text[end] === last && text[end + 1] === last && quote !== '[') end++;
      else if (text[end] === last) return end + 1;
    }
    throw new Error('a quote is not closed');
  }
  word.lastIndex = at;
  return at + (word.exec(text)?.[0].length ?? 1);
}

function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let index = open; index >= 0 && index < tokens.length; index++) {
    if (tokens[index]?.text === '(') depth++;
    if (tokens[index]?.text === ')' && --depth === 0) return index;
  }
  return -1;
}

function split(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === '(') depth++;
    if (token.text === ')') depth--;
    if (token.text === ',' && depth === 0) {
      // Space before a comma stays with what it follows.
      if (token.before !== '') parts.at(-1)?.push({ before: token.before, text: '' });
      parts.push([]);
    } else parts.at(-1)?.push(token);
  }
  return parts;
}

const constraintWords =
  /^(?:constraint|primary|unique|check|foreign|key|index|fulltext|spatial|exclude|period)$/i;

function entryOf(tokens: readonly Token[]): TableEntry {
  const [first] = tokens;
  if (first === undefined) throw new Error('an empty entry');
  if (constraintWords.test(first.text)) {
    return { column: undefined, clauses: [{ kind: 'other', text: textOf(tokens) }] };
  }
  return { column: unquoted(first.text), clauses: clausesOf(tokens) };
}

// A clause begins with one of these words outside of parentheses; CONSTRAINT names the one after it.
const starts: readonly (readonly [RegExp, ClauseKind])[] = [
  [/^(?:constraint|collate|generated|as|auto_increment|comment|on|character|charset)$/i, 'other'],
  [/^(?:invisible|virtual|stored|persistent)$/i, 'other'],
  [/^primary$/i, 'primary'],
  [/^not$/i, 'not null'],
  [/^null$/i, 'null'],
  [/^unique$/i, 'unique'],
  [/^check$/i, 'check'],
  [/^default$/i, 'default'],
  [/^references$/i, 'reference'],
];

function clausesOf(tokens: readonly Token[]): readonly Clause[] {
  const [name, ...rest] = tokens;
  const clauses: { kind: ClauseKind; tokens: Token[] }[] = [
    { kind: 'name', tokens: name === undefined ? [] : [name] },
  ];
  let depth = 0;
  rest.forEach((token, index) => {
    const kind = depth === 0 ? startOf(rest, index, clauses.at(-1)) : undefined;
    if (token.text === '(') depth++;
    if (token.text === ')') depth--;
    if (kind !== undefined) clauses.push({ kind, tokens: [token] });
    else if (clauses.length === 1) clauses.push({ kind: 'type', tokens: [token] });
    else clauses.at(-1)?.tokens.push(token);
  });
  return clauses.map(({ kind, tokens: own }) => ({ kind, text: textOf(own) }));
}

function startOf(
  tokens: readonly Token[],
  index: number,
  last: { readonly kind: ClauseKind; readonly tokens: readonly Token[] } | undefined,
): ClauseKind | undefined {
  const text = tokens[index]?.text ?? '';
  const kind = starts.find(([pattern]) => pattern.test(text))?.[1];
  if (kind === undefined || last === undefined) return undefined;
  const previous = tokens[index - 1]?.text.toLowerCase();
  // `CONSTRAINT name` belongs to what follows; what follows is told by its own word.
  const isNamed = last.tokens[0]?.text.toLowerCase() === 'constraint' && last.kind === 'other';
  if (isNamed && last.tokens.length < 2) return undefined;
  // `DEFAULT NULL`, `ON DELETE SET NULL`, `ON UPDATE SET DEFAULT`, `NOT DEFERRABLE`, `UNIQUE ON CONFLICT`.
  if (last.kind === 'default' && last.tokens.length === 1) return undefined;
  if (previous === 'set' || previous === 'not') return undefined;
  const isOfReference = last.kind === 'reference' && /^(?:on|not)$/i.test(text);
  if (isOfReference && (text.toLowerCase() === 'on' || /^deferrable$/i.test(tokens[index + 1]?.text ?? ''))) {
    return undefined;
  }
  if (/^on$/i.test(text) && /^conflict$/i.test(tokens[index + 1]?.text ?? '')) return undefined;
  // `CHARACTER VARYING` is a type, `CHARACTER SET` a clause.
  if (/^character$/i.test(text) && !/^set$/i.test(tokens[index + 1]?.text ?? '')) return undefined;
  return kind;
}

function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ before, text }) => before + text).join('');
}
