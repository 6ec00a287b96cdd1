// Shapes as well-known text, which is how they go in and out.
// Invariant: text that is no shape is refused before the server sees it, which would store NULL in its place.
import type { Field } from '../../schema.ts';

const types: ReadonlySet<string> = new Set([
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geometrycollection',
  'geomcollection',
]);

/** Whether a field holds shapes. */
export function isGeometry({ dbType }: Pick<Field, 'dbType'>): boolean {
  return types.has(dbType);
}

/** The text if it is a shape in two dimensions, such as `POINT(1 2)`; else undefined. */
export function readShape(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const reader = new ShapeReader(value);
  return reader.isShape(0) && reader.isAtEnd ? value : undefined;
}

const depthMax = 16;

/** Reads well-known text from left to right. */
class ShapeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    this.#take(/\s*/y);
    return this.#at === this.#text.length;
  }

  isShape(depth: number): boolean {
    const word = this.#take(/\s*([A-Za-z]+)/y)?.toUpperCase();
    switch (word) {
      case 'POINT':
        return this.#isList(() => this.#isPosition(), 1);
      case 'LINESTRING':
        return this.#isList(() => this.#isPosition());
      case 'MULTIPOINT':
        return this.#isList(() => this.#isPosition() || this.#isList(() => this.#isPosition(), 1));
      case 'POLYGON':
      case 'MULTILINESTRING':
        return this.#isList(() => this.#isLine());
      case 'MULTIPOLYGON':
        return this.#isList(() => this.#isList(() => this.#isLine()));
      case 'GEOMETRYCOLLECTION':
        if (this.#take(/\s*EMPTY/iy) !== undefined) return true;
        return depth < depthMax && this.#isList(() => this.isShape(depth + 1));
      default:
        return false;
    }
  }

  #isLine(): boolean {
    return this.#isList(() => this.#isPosition());
  }

  #isPosition(): boolean {
    return (
      this.#take(/\s*[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?\s+[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?/iy) !== undefined
    );
  }

  #isList(isItem: () => boolean, most = Number.POSITIVE_INFINITY): boolean {
    if (this.#take(/\s*\(/y) === undefined) return false;
    for (let count = 1; ; count++) {
      if (count > most || !isItem()) return false;
      if (this.#take(/\s*\)/y) !== undefined) return true;
      if (this.#take(/\s*,/y) === undefined) return false;
    }
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[1] ?? match[0];
  }
}
