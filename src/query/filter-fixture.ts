// For tests only: random filters in random spellings, each with the condition that it must be read as. Reused
// by the tests of compilers, which compare what they find with compileWhere.
import { fc } from '../../test/properties.ts';
import type { Comparison, Where } from '../core/query.ts';

/** A filter's text and what it means. */
interface Spelled {
  readonly text: string;
  readonly where: Where;
}

/** How tightly the text holds together: 1 or, 2 xor, 3 and, 4 not, 5 a condition or parentheses. */
interface Phrase extends Spelled {
  readonly level: 1 | 2 | 3 | 4 | 5;
}

const operators: Readonly<Record<Comparison, readonly string[]>> = {
  '=': ['=', ' = ', ' eq ', ' EQ '],
  '!=': ['!=', ' != ', '<>', ' <> ', ' ne '],
  '>': ['>', ' > ', ' gt '],
  '>=': ['>=', ' >=', ' GTE '],
  '<': ['<', ' < ', ' lt '],
  '<=': ['<=', '<= ', ' lte '],
  like: [' like ', ' LIKE '],
  'starts with': [' starts with ', ' STARTS  WITH '],
  'ends with': [' ends with ', ' Ends With\t'],
  contains: [' contains ', ' CONTAINS '],
};

const levels = { or: 1, xor: 2, and: 3 } as const;

const conjunctions = {
  and: [' and ', ' AND ', ' && ', '&&', '\nand\t'],
  or: [' or ', ' OR ', ' || ', '||'],
  xor: [' xor ', ' XOR '],
  nor: [' nor ', ' NOR '],
} as const;

/**
 * Filters on the given fields; each field comes with the texts to compare it with. Quotes, escapes, word and
 * symbol operators, blanks and spare parentheses vary; conditions nest up to five levels.
 */
export function arbitraryFilter(
  fields: Readonly<Record<string, fc.Arbitrary<string>>>,
): fc.Arbitrary<Spelled> {
  const conditions = Object.entries(fields).map(([field, values]) => arbitraryCondition(field, values));
  const { phrase } = fc.letrec<{ phrase: Phrase }>((tie) => ({
    phrase: fc.oneof(
      { maxDepth: 5, depthSize: 'small', withCrossShrink: true },
      fc.oneof(...conditions),
      arbitraryNot(tie('phrase')),
      ...(['and', 'or', 'xor', 'nor'] as const).map((word) => arbitraryList(word, tie('phrase'))),
    ),
  }));
  return phrase.map(({ text, where }) => ({ text, where }));
}

/** A text in one of the spellings that a value may have. */
function arbitraryValue(values: fc.Arbitrary<string>): fc.Arbitrary<{ text: string; value: string }> {
  return fc.tuple(values, fc.constantFrom('bare', "'", '"', 'escaped')).map(([value, style]) => ({
    value,
    text: spellValue(value, style),
  }));
}

function spellValue(value: string, style: string): string {
  if (style === 'bare' && isPlain(value)) return value;
  const escaped = value.replace(/\\/g, '\\\\');
  if (style === 'escaped') return `'${escaped.replace(/['"]/g, '\\$&')}'`;
  const quote = style === '"' ? '"' : "'";
  return quote + escaped.replaceAll(quote, quote + quote) + quote;
}

// Words that no reading could take for anything but a value.
function isPlain(value: string): boolean {
  return (
    /^[\p{L}\p{N}%_.+-]+( [\p{L}\p{N}%_.+-]+)*$/u.test(value) && !/\b(and|or|xor|nor|null)\b/i.test(value)
  );
}

function arbitraryCondition(field: string, values: fc.Arbitrary<string>): fc.Arbitrary<Phrase> {
  const value = arbitraryValue(values);
  const name = fc.constantFrom(
    `[${field.replaceAll(']', ']]')}]`,
    `\`${field.replaceAll('`', '``')}\``,
    field,
  );
  const spelled = /^[\w$.-]+$/.test(field) ? name : name.filter((text) => text !== field);
  return fc.oneof(
    arbitraryComparison({ field, spelled, value }),
    fc
      .tuple(
        spelled,
        fc.array(value, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.constantFrom(',', ' , '),
      )
      .map(([left, list, negated, comma]) =>
        condition(
          `${left} ${negated ? 'not ' : ''}in (${list.map((item) => item.text).join(comma)})`,
          { kind: 'in', field, values: list.map((item) => item.value) },
          negated,
        ),
      ),
    fc
      .tuple(spelled, value, value, fc.boolean())
      .map(([left, low, high, negated]) =>
        condition(
          `${left} ${negated ? 'NOT ' : ''}between ${low.text} and ${high.text}`,
          { kind: 'between', field, low: low.value, high: high.value },
          negated,
        ),
      ),
    arbitraryNull(field, spelled),
  );
}

function arbitraryComparison(of: {
  field: string;
  spelled: fc.Arbitrary<string>;
  value: fc.Arbitrary<{ text: string; value: string }>;
}): fc.Arbitrary<Phrase> {
  const ops = Object.keys(operators) as Comparison[];
  return fc
    .constantFrom(...ops)
    .chain((op) =>
      fc.tuple(of.spelled, fc.constant(op), fc.constantFrom(...operators[op]), of.value, fc.boolean()),
    )
    .map(([left, op, operator, { text, value }, negated]) =>
      condition(
        `${left}${negated ? ' not ' : ''}${operator}${text}`,
        { kind: 'compare', field: of.field, op, value },
        negated,
      ),
    );
}

function arbitraryNull(field: string, spelled: fc.Arbitrary<string>): fc.Arbitrary<Phrase> {
  const spellings = [
    [' is null', false],
    ['=NULL', false],
    [' is  NOT null', true],
    [' != null', true],
    [' <> null', true],
  ] as const;
  return fc
    .tuple(spelled, fc.constantFrom(...spellings))
    .map(([left, [test, negated]]) => condition(left + test, { kind: 'null', field }, negated));
}

function condition(text: string, where: Where, negated: boolean): Phrase {
  return { text, where: negated ? { kind: 'not', term: where } : where, level: 5 };
}

function arbitraryNot(phrase: fc.Arbitrary<Phrase>): fc.Arbitrary<Phrase> {
  return fc.tuple(phrase, fc.constantFrom('not ', 'NOT\n', 'not not not ')).map(([term, word]) => ({
    text: word + wrap(term, 5, false),
    where: { kind: 'not', term: term.where },
    level: 4,
  }));
}

function arbitraryList(word: keyof typeof conjunctions, phrase: fc.Arbitrary<Phrase>): fc.Arbitrary<Phrase> {
  const kind = word === 'nor' ? 'or' : word;
  const level = levels[kind];
  return fc
    .tuple(
      fc.array(fc.tuple(phrase, fc.boolean()), { minLength: 2, maxLength: 4 }),
      fc.constantFrom(...conjunctions[word]),
    )
    .map(([terms, conjunction]) => {
      const where: Where = { kind, terms: terms.map(([term]) => term.where) };
      const text = terms.map(([term, spare]) => wrap(term, level + 1, spare)).join(conjunction);
      return { text, where: word === 'nor' ? { kind: 'not', term: where } : where, level };
    });
}

function wrap(phrase: Phrase, level: number, spare: boolean): string {
  if (phrase.level >= level && !spare) return phrase.text;
  return spare ? `( ${phrase.text} )` : `(${phrase.text})`;
}
