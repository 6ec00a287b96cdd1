// Regular expressions of administrators, matched in time linear in the text: all ways through the pattern are
// followed at once, so that no pattern can hang the server. Invariant: what such matching cannot do
// (backreferences, lookaround) is refused when the pattern is stored.
import { limits } from '../../../core/limits.ts';
import { type Pattern, parsePattern } from './pattern-parser.ts';

/** A compiled pattern. */
export interface Matcher {
  /** Whether the pattern is found anywhere in a text. */
  matches(text: string): boolean;
}

/** Compiles a pattern with or without delimiters (`/^a+$/i`). Throws Error saying what it cannot be. */
export function compilePattern(source: string): Matcher {
  const { body, flags } = partsOf(source);
  const steps: Step[] = [];
  const isMultiline = flags.includes('m');
  compile(parsePattern(body, { ignoresCase: flags.includes('i'), dotsAll: flags.includes('s') }), steps);
  steps.push({ kind: 'match' });
  return { matches: (text) => run(steps, [...text], isMultiline) };
}

// As in PHP, a pattern may stand between delimiters with flags after them.
function partsOf(source: string): { body: string; flags: string } {
  const delimited = /^([/#~!@%])(.*)\1([a-zA-Z]*)$/s.exec(source);
  if (delimited === null) return { body: source, flags: '' };
  const [, , body = '', flags = ''] = delimited;
  const unknown = [...flags].find((flag) => !'imsuD'.includes(flag));
  if (unknown !== undefined) throw new Error(`flag '${unknown}' is not supported`);
  return { body, flags };
}

type Step =
  | { readonly kind: 'char'; readonly accepts: (char: string) => boolean }
  | { readonly kind: 'split'; to: number; other: number }
  | { readonly kind: 'jump'; to: number }
  | { readonly kind: 'assert'; readonly at: 'start' | 'end' | 'boundary' | 'inside' }
  | { readonly kind: 'match' };

function compile(pattern: Pattern, steps: Step[]): void {
  if (steps.length > limits.patternSteps) throw new Error('it is too long');
  switch (pattern.kind) {
    case 'char':
    case 'assert':
      steps.push(pattern);
      return;
    case 'sequence':
      for (const part of pattern.parts) compile(part, steps);
      return;
    case 'choice':
      compileChoice(pattern.choices, steps);
      return;
    case 'repeat':
      for (let n = 0; n < pattern.min; n++) compile(pattern.part, steps);
      if (pattern.max === undefined) compileLoop(pattern.part, steps);
      else compileOptional(pattern.part, pattern.max - pattern.min, steps);
  }
}

function compileChoice(choices: readonly Pattern[], steps: Step[]): void {
  const ends: { to: number }[] = [];
  choices.forEach((choice, index) => {
    if (index === choices.length - 1) {
      compile(choice, steps);
      return;
    }
    const split = { kind: 'split' as const, to: steps.length + 1, other: 0 };
    steps.push(split);
    compile(choice, steps);
    const jump = { kind: 'jump' as const, to: 0 };
    steps.push(jump);
    ends.push(jump);
    split.other = steps.length;
  });
  for (const end of ends) end.to = steps.length;
}

function compileLoop(part: Pattern, steps: Step[]): void {
  const start = steps.length;
  const split = { kind: 'split' as const, to: start + 1, other: 0 };
  steps.push(split);
  compile(part, steps);
  steps.push({ kind: 'jump', to: start });
  split.other = steps.length;
}

function compileOptional(part: Pattern, times: number, steps: Step[]): void {
  const splits: { other: number }[] = [];
  for (let n = 0; n < times; n++) {
    const split = { kind: 'split' as const, to: steps.length + 1, other: 0 };
    steps.push(split);
    splits.push(split);
    compile(part, steps);
  }
  for (const split of splits) split.other = steps.length;
}

// Each step is visited once per character, however many ways lead to it.
function run(steps: readonly Step[], text: readonly string[], isMultiline: boolean): boolean {
  let active: number[] = [];
  for (let at = 0; at <= text.length; at++) {
    const seen = new Uint8Array(steps.length);
    const waiting: number[] = [];
    for (const index of [...active, 0]) {
      if (reach(index, { steps, text, at, isMultiline, seen, waiting })) return true;
    }
    const char = text[at];
    if (char === undefined) return false;
    active = waiting.flatMap((index) => {
      const step = steps[index];
      return step?.kind === 'char' && step.accepts(char) ? [index + 1] : [];
    });
  }
  return false;
}

interface Reaching {
  readonly steps: readonly Step[];
  readonly text: readonly string[];
  readonly at: number;
  readonly isMultiline: boolean;
  readonly seen: Uint8Array;
  readonly waiting: number[];
}

// Goes on from a step without taking a character; says whether that ends the match.
function reach(from: number, reaching: Reaching): boolean {
  const { steps, seen, waiting } = reaching;
  const todo = [from];
  for (let index = todo.pop(); index !== undefined; index = todo.pop()) {
    if (seen[index] === 1) continue;
    seen[index] = 1;
    const step = steps[index];
    if (step === undefined || step.kind === 'match') return true;
    if (step.kind === 'char') waiting.push(index);
    else if (step.kind === 'jump') todo.push(step.to);
    else if (step.kind === 'split') todo.push(step.other, step.to);
    else if (holds(step.at, reaching)) todo.push(index + 1);
  }
  return false;
}

function holds(assertion: 'start' | 'end' | 'boundary' | 'inside', reaching: Reaching): boolean {
  const { text, at, isMultiline } = reaching;
  const [before, after] = [text[at - 1], text[at]];
  if (assertion === 'start') return before === undefined || (isMultiline && before === '\n');
  if (assertion === 'end') return after === undefined || (isMultiline && after === '\n');
  const isBoundary = isWord(before) !== isWord(after);
  return (assertion === 'boundary') === isBoundary;
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /^\w$/.test(char);
}
