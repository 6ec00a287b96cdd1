// Arrays as PostgreSQL writes them, `{1,NULL,"a b"}`, and the lists that they are. Invariant: what is written
// is read back as the same list; nested lists that are no matrix have no array.

/** A list, or lists in lists, of elements. */
export type Nested<Element> = readonly (Element | null | Nested<Element>)[];

/** The text of a list whose elements are texts; undefined where nested lists differ in length. */
export function writeArray(list: Nested<string>, delimiter: string): string | undefined {
  return shapeOf(list) === undefined ? undefined : written(list, delimiter);
}

/** The list that a text is; texts of elements as they stand, null for NULL. */
export function readArray(text: string, delimiter: string): Nested<string> {
  // Arrays that do not begin at 1 say so: [0:2]={1,2,3}
  const start = text.indexOf('{');
  return new ArrayText(text, delimiter).list(start + 1).list;
}

function written(list: Nested<string>, delimiter: string): string {
  const parts = list.map((element) => {
    if (element === null) return 'NULL';
    return typeof element === 'string' ? quoted(element) : written(element, delimiter);
  });
  return `{${parts.join(delimiter)}}`;
}

function quoted(element: string): string {
  return `"${element.replace(/[\\"]/g, '\\$&')}"`;
}

// The lengths of a matrix from the outside in; undefined when it is none.
function shapeOf(list: Nested<string>): string | undefined {
  const shapes = new Set(
    list.map((element) => (element === null || typeof element === 'string' ? '' : shapeOf(element))),
  );
  if (shapes.size > 1 || shapes.has(undefined)) return undefined;
  const [inner = ''] = shapes;
  if (inner === '0' || inner.startsWith('0,')) return undefined;
  return inner === '' ? String(list.length) : `${list.length},${inner}`;
}

class ArrayText {
  readonly #text: string;
  readonly #delimiter: string;

  constructor(text: string, delimiter: string) {
    this.#text = text;
    this.#delimiter = delimiter;
  }

  /** The list whose first element begins at a place, and the place behind it. */
  list(from: number): { list: Nested<string>; end: number } {
    const list: (string | null | Nested<string>)[] = [];
    let at = from;
    while (this.#text[at] !== '}') {
      if (this.#text[at] === undefined) throw new Error('an array without an end');
      const { element, end } = this.#element(at);
      list.push(element);
      at = this.#text[end] === this.#delimiter ? end + 1 : end;
    }
    return { list, end: at + 1 };
  }

  #element(from: number): { element: string | null | Nested<string>; end: number } {
    if (this.#text[from] === '{') {
      const { list, end } = this.list(from + 1);
      return { element: list, end };
    }
    if (this.#text[from] === '"') return this.#quoted(from + 1);
    let end = from;
    while (end < this.#text.length && this.#text[end] !== '}' && this.#text[end] !== this.#delimiter) end++;
    const element = this.#text.slice(from, end);
    return { element: element === 'NULL' ? null : element, end };
  }

  #quoted(from: number): { element: string; end: number } {
    let end = from;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    return { element: this.#text.slice(from, end).replace(/\\(.)/gs, '$1'), end: end + 1 };
  }
}
