// A document as text, JSON or YAML. Invariant: that of thousands of tables is written in small portions,
// between which others are served.
import { setImmediate } from 'node:timers/promises';
import { yamlEntry } from './yaml-text.ts';

/** How documents are written. */
export type DocumentFormat = 'json' | 'yaml';

// Paths and named parts stand two levels below the document.
const levels = 2;
const portion = 100;

/** The text of a document. */
export async function documentText(document: object, format: DocumentFormat): Promise<string> {
  const pieces: string[] = [];
  const write = format === 'json' ? jsonPieces : yamlPieces;
  let count = 0;
  for (const piece of write(document, { level: levels, indent: '' })) {
    pieces.push(piece);
    if (++count % portion === 0) await setImmediate();
  }
  return pieces.join('');
}

interface Place {
  /** How many levels below are written member by member. */
  readonly level: number;
  readonly indent: string;
}

function* jsonPieces(map: object, { level, indent }: Place): Generator<string> {
  let before = '{';
  for (const [name, member] of Object.entries(map)) {
    if (member === undefined) continue;
    const head = `${before}${JSON.stringify(name)}:`;
    if (level > 0 && isMap(member)) {
      yield head;
      yield* jsonPieces(member, { level: level - 1, indent });
    } else {
      yield head + JSON.stringify(member);
    }
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}

function* yamlPieces(map: object, { level, indent }: Place): Generator<string> {
  for (const [name, member] of Object.entries(map)) {
    if (member === undefined) continue;
    if (level > 0 && isMap(member) && Object.keys(member).length > 0) {
      yield `${indent}${yamlEntry(name, undefined, '')}`;
      yield* yamlPieces(member, { level: level - 1, indent: `${indent}  ` });
    } else {
      yield yamlEntry(name, member, indent);
    }
  }
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
