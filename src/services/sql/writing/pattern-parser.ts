// Reads regular expressions as far as they can be matched in linear time: literals, classes, groups, choices,
// repetitions, anchors and word boundaries. Invariant: what is not understood is refused, never guessed.
import { limits } from '../../../core/limits.ts';

/** A pattern, taken apart. */
export type Pattern =
  | { readonly kind: 'char'; readonly accepts: (char: string) => boolean }
  | { readonly kind: 'assert'; readonly at: 'start' | 'end' | 'boundary' | 'inside' }
  | { readonly kind: 'sequence'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'choice'; readonly choices: readonly Pattern[] }
  | {
      readonly kind: 'repeat';
      readonly part: Pattern;
      readonly min: number;
      /** Undefined: any number of times. */
      readonly max: number | undefined;
    };

/** What flags say of single characters. */
export interface PatternFlags {
  readonly ignoresCase: boolean;
  readonly dotsAll: boolean;
}

/** Reads a pattern. Throws Error saying what is wrong with it. */
export function parsePattern(source: string, flags: PatternFlags): Pattern {
  const reader = new Reader(source, flags);
  const pattern = reader.choice(0);
  if (!reader.isAtEnd) throw new Error("it has a ')' too many");
  return pattern;
}

type Test = (char: string) => boolean;

class Reader {
  readonly #chars: readonly string[];
  readonly #flags: PatternFlags;
  #at = 0;

  constructor(source: string, flags: PatternFlags) {
    this.#chars = [...source];
    this.#flags = flags;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#chars.length;
  }

  choice(depth: number): Pattern {
    if (depth > limits.filterDepth) throw new Error('its groups are nested too deeply');
    const choices = [this.#sequence(depth)];
    while (this.#take('|')) choices.push(this.#sequence(depth));
    const [only] = choices;
    return choices.length === 1 && only !== undefined ? only : { kind: 'choice', choices };
  }

  #sequence(depth: number): Pattern {
    const parts: Pattern[] = [];
    while (!this.isAtEnd && this.#peek() !== '|' && this.#peek() !== ')') parts.push(this.#repeated(depth));
    return { kind: 'sequence', parts };
  }

  #repeated(depth: number): Pattern {
    let part = this.#atom(depth);
    for (let bounds = this.#bounds(); bounds !== undefined; bounds = this.#bounds()) {
      if (part.kind === 'repeat') throw new Error('it repeats a repetition');
      if (part.kind === 'assert') throw new Error('it repeats an anchor');
      part = { kind: 'repeat', part, ...bounds };
      // Which way is tried first makes no difference to whether there is one.
      this.#take('?');
      if (this.#peek() === '+') throw new Error('possessive repetition is not supported');
    }
    return part;
  }

  #bounds(): { min: number; max: number | undefined } | undefined {
    if (this.#take('*')) return { min: 0, max: undefined };
    if (this.#take('+')) return { min: 1, max: undefined };
    if (this.#take('?')) return { min: 0, max: 1 };
    const counted = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/.exec(
      this.#chars.slice(this.#at, this.#at + 12).join(''),
    );
    if (counted === null) return undefined;
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    const max = counted[2] === undefined ? min : counted[3] === undefined ? undefined : Number(counted[3]);
    if (max !== undefined && max < min) throw new Error(`'${counted[0]}' ends before it begins`);
    return { min, max };
  }

  #atom(depth: number): Pattern {
    const char = this.#next();
    if (char === '(') return this.#group(depth);
    if (char === '[') return this.#accepting(this.#class());
    if (char === '.') {
      const { dotsAll } = this.#flags;
      return { kind: 'char', accepts: (other) => dotsAll || other !== '\n' };
    }
    if (char === '^') return { kind: 'assert', at: 'start' };
    if (char === '$') return { kind: 'assert', at: 'end' };
    if (char === '\\') return this.#escaped();
    if ('*+?'.includes(char)) throw new Error(`there is nothing before '${char}' to repeat`);
    return this.#accepting((other) => other === char);
  }

  #group(depth: number): Pattern {
    if (this.#take('?') && !this.#take(':')) {
      const isNamed = /^P?<\w+>/.exec(this.#chars.slice(this.#at, this.#at + 66).join(''));
      if (isNamed === null) throw new Error('lookaround and options inside a group are not supported');
      this.#at += isNamed[0].length;
    }
    const inner = this.choice(depth + 1);
    if (!this.#take(')')) throw new Error("a '(' is not closed");
    return { kind: 'sequence', parts: [inner] };
  }

  #escaped(): Pattern {
    const char = this.#next();
    if (char === 'b') return { kind: 'assert', at: 'boundary' };
    if (char === 'B') return { kind: 'assert', at: 'inside' };
    if (char === 'A') return { kind: 'assert', at: 'start' };
    if (char === 'z' || char === 'Z') return { kind: 'assert', at: 'end' };
    if (/[1-9k]/.test(char)) throw new Error('backreferences are not supported');
    return this.#accepting(this.#escape(char));
  }

  #escape(char: string): Test {
    const known = escapes[char];
    if (known !== undefined) return known;
    if (char === 'x' || char === 'u') return this.#coded(char);
    if (char === 'p' || char === 'P') return this.#property(char === 'P');
    if (/[A-Za-z0-9]/.test(char)) throw new Error(`'\\${char}' is not supported`);
    return (other) => other === char;
  }

  #coded(kind: string): Test {
    const text = this.#chars.slice(this.#at, this.#at + 10).join('');
    const match = (
      kind === 'x' ? /^(?:([0-9a-f]{2})|\{([0-9a-f]{1,6})\})/i : /^(?:([0-9a-f]{4})|\{([0-9a-f]{1,6})\})/i
    ).exec(text);
    const code = Number.parseInt(match?.[1] ?? match?.[2] ?? '', 16);
    if (match === null || !(code <= 0x10ffff)) throw new Error(`'\\${kind}' needs hexadecimal digits`);
    this.#at += match[0].length;
    const wanted = String.fromCodePoint(code);
    return (other) => other === wanted;
  }

  #property(isNegated: boolean): Test {
    const match = /^(?:([A-Z])|\{(\w{1,30})\})/.exec(this.#chars.slice(this.#at, this.#at + 33).join(''));
    if (match === null) throw new Error("'\\p' needs a property, such as \\p{L}");
    this.#at += match[0].length;
    const single = new RegExp(`^\\p{${match[1] ?? match[2] ?? ''}}$`, 'u');
    return (other) => single.test(other) !== isNegated;
  }

  #class(): Test {
    const isNegated = this.#take('^');
    const tests: Test[] = [];
    for (let isFirst = true; isFirst || this.#peek() !== ']'; isFirst = false) {
      const posix = /^\[:(\w+):\]/.exec(this.#chars.slice(this.#at, this.#at + 14).join(''));
      if (posix !== null) throw new Error(`'${posix[0]}' is not supported`);
      tests.push(this.#member());
    }
    this.#at++;
    return (char) => tests.some((accepts) => accepts(char)) !== isNegated;
  }

  #member(): Test {
    const first = this.#next();
    if (first === '\\') return this.#escape(this.#next());
    const isRange = this.#peek() === '-' && this.#chars[this.#at + 1] !== ']';
    if (!isRange) return (char) => char === first;
    this.#at++;
    const next = this.#next();
    const last = next === '\\' ? this.#next() : next;
    const [from, to] = [first.codePointAt(0) ?? 0, last.codePointAt(0) ?? 0];
    if (to < from) throw new Error(`'${first}-${last}' ends before it begins`);
    return (char) => {
      const code = char.codePointAt(0) ?? 0;
      return code >= from && code <= to;
    };
  }

  #accepting(test: Test): Pattern {
    if (!this.#flags.ignoresCase) return { kind: 'char', accepts: test };
    return {
      kind: 'char',
      accepts: (char) => test(char) || test(char.toLowerCase()) || test(char.toUpperCase()),
    };
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new Error('it ends too early');
    return char;
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }
}

const isDigit: Test = (char) => /^\d$/.test(char);
const isWord: Test = (char) => /^\w$/.test(char);
const isSpace: Test = (char) => /^\s$/.test(char);

const escapes: Readonly<Record<string, Test>> = {
  d: isDigit,
  D: (char) => !isDigit(char),
  w: isWord,
  W: (char) => !isWord(char),
  s: isSpace,
  S: (char) => !isSpace(char),
  n: (char) => char === '\n',
  r: (char) => char === '\r',
  t: (char) => char === '\t',
  f: (char) => char === '\f',
  v: (char) => char === '\v',
  0: (char) => char === '\0',
};
