// The rules that administrators give to fields (spec §5.7): what each is called, what may stand in it, and
// when a value breaks it. Invariant: a rule is checked whole when it is stored; unknown ones are refused
// there.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Given } from '../schema/definition-values.ts';
import { excerpt, invalidSchema } from '../schema/definition-values.ts';
import { readTruth } from '../values/values.ts';
import { compilePattern } from './pattern.ts';

/** Says what is wrong with a value; undefined when it is right. */
export type Check = (value: unknown) => string | undefined;

/** A rule, ready to be applied. */
export interface Rule {
  readonly name: string;
  /** Undefined for rules about the record rather than the value. */
  readonly check: Check | undefined;
  /** Leaves the field out instead of refusing the record. */
  readonly ignores: boolean;
  /** What the caller reads instead of our own words. */
  readonly message: string | undefined;
}

/** What a rule is made with: its own settings and the values that the field may have. */
interface RuleParts {
  readonly given: Given;
  readonly picklist: readonly string[];
}

const makers: Readonly<Record<string, (parts: RuleParts) => Check | undefined>> = {
  api_read_only: () => undefined,
  create_only: () => undefined,
  not_null: () => (value) => (value === null ? 'value can not be null' : undefined),
  not_empty: () => (value) =>
    value === null || value === '' || value === false ? 'value can not be empty' : undefined,
  not_zero: () => (value) => (isZero(value) ? 'value can not be zero' : undefined),
  email: () => textCheck((text) => isEmail(text), 'value must be a valid email address'),
  url: () => textCheck((text) => isUrl(text), 'value must be a valid URL'),
  int: ({ given }) => integerCheck(given),
  float: () => valueCheck((value) => isNumber(value), 'value must be an acceptable float value'),
  boolean: () => valueCheck((value) => isBoolean(value), 'value must be an acceptable boolean value'),
  match: ({ given }) => matchCheck(given),
  picklist: ({ picklist }) => valueCheck((value) => picklist.includes(String(value)), 'value is invalid'),
  multi_picklist: ({ given, picklist }) => multiCheck(given, picklist),
};

/** Rules as given, checked; undefined or null as given. Throws naming the field and the rule. */
export function readValidation(field: string, given: Given | null | undefined): Given | null | undefined {
  if (given === undefined || given === null) return given;
  for (const [name, settings] of Object.entries(given)) {
    if (!Object.hasOwn(makers, name)) {
      throw invalidSchema(
        `Field '${field}': 'validation' has no rule '${excerpt(name)}'. ` +
          `Rules are ${Object.keys(makers).join(', ')}.`,
      );
    }
    try {
      ruleOf(name, settings, []);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw invalidSchema(`Field '${field}': rule '${name}' of 'validation' can not be used: ${reason}.`);
    }
  }
  return Object.keys(given).length === 0 ? null : given;
}

/** The rules of a field, ready to be applied. */
export function rulesOf(validation: Given, picklist: readonly string[]): readonly Rule[] {
  return Object.entries(validation).map(([name, settings]) => ruleOf(name, settings, picklist));
}

function ruleOf(name: string, settings: unknown, picklist: readonly string[]): Rule {
  const isMap = typeof settings === 'object' && settings !== null && !Array.isArray(settings);
  const given = isMap ? (settings as Given) : {};
  const onFail = given.on_fail;
  if (onFail !== undefined && onFail !== null && typeof onFail !== 'string') {
    throw new Error("'on_fail' must be 'ignore_field' or a message");
  }
  return {
    name,
    check: makers[name]?.({ given, picklist }),
    ignores: onFail === 'ignore_field',
    message: typeof onFail === 'string' && onFail !== 'ignore_field' ? onFail : undefined,
  };
}

/** The refusal of a value. */
export function brokenRule(field: string, rule: Rule, what: string): PlatformError {
  return new PlatformError('request.invalid_record', rule.message ?? `Field '${field}' ${what}.`);
}

// What is null is refused by `not_null` alone.
function valueCheck(isRight: (value: unknown) => boolean, what: string): Check {
  return (value) => (value === null || isRight(value) ? undefined : what);
}

function textCheck(isRight: (text: string) => boolean, what: string): Check {
  return valueCheck((value) => value === '' || (typeof value === 'string' && isRight(value)), what);
}

function isZero(value: unknown): boolean {
  return (
    value === 0 || value === 0n || (typeof value === 'string' && value.trim() !== '' && Number(value) === 0)
  );
}

const emailChars = 254;

function isEmail(text: string): boolean {
  return (
    text.length <= emailChars &&
    /^[^\s@"<>()]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63})+$/u.test(text)
  );
}

function isUrl(text: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s]+$/i.test(text)) return false;
  return URL.canParse(text);
}

function isNumber(value: unknown): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return true;
  return typeof value === 'string' && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value);
}

function isBoolean(value: unknown): boolean {
  if (typeof value === 'boolean' || value === 0 || value === 1) return true;
  return typeof value === 'string' && readTruth(value) !== undefined;
}

function integerCheck(given: Given): Check {
  const range = given.range;
  const { min, max } = typeof range === 'object' && range !== null ? (range as Given) : {};
  for (const bound of [min, max]) {
    if (bound !== undefined && bound !== null && wholeNumber(bound) === undefined) {
      throw new Error("'min' and 'max' of 'range' must be whole numbers");
    }
  }
  const [least, most] = [wholeNumber(min), wholeNumber(max)];
  const from = least === undefined ? undefined : `from ${least}`;
  const upTo = most === undefined ? undefined : `up to ${most}`;
  const what =
    least === undefined && most === undefined
      ? 'value is not a whole number'
      : ['value must be a whole number', from, upTo].filter((part) => part !== undefined).join(' ');
  return valueCheck((value) => {
    const number = wholeNumber(value);
    if (number === undefined) return false;
    return (least === undefined || number >= least) && (most === undefined || number <= most);
  }, what);
}

function wholeNumber(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^[+-]?\d{1,30}$/.test(value)
    ? BigInt(value.replace('+', ''))
    : undefined;
}

// The expression travels as base64, so that its backslashes survive every client; plain text is taken, too.
function matchCheck(given: Given): Check {
  const { regexp } = given;
  if (typeof regexp !== 'string' || regexp === '' || regexp.length > limits.patternChars) {
    throw new Error(
      `'regexp' must be a regular expression of at most ${limits.patternChars} characters in base64`,
    );
  }
  const decoded = Buffer.from(regexp, 'base64').toString('utf8');
  const isBase64 =
    /^[A-Za-z0-9+/]+={0,2}$/.test(regexp) && !decoded.includes('\uFFFD') && regexp.length % 4 === 0;
  const matcher = compilePattern(isBase64 ? decoded : regexp);
  const what = `value must match its pattern and have at most ${limits.patternTextChars} characters`;
  return valueCheck((value) => {
    const text = typeof value === 'object' ? undefined : String(value);
    return text !== undefined && text.length <= limits.patternTextChars && matcher.matches(text);
  }, what);
}

function multiCheck(given: Given, picklist: readonly string[]): Check {
  const { delimiter = ',', min = 1, max } = given;
  if (typeof delimiter !== 'string' || delimiter === '') throw new Error("'delimiter' must be text");
  const [least, most] = [wholeNumber(min), max === undefined || max === null ? undefined : wholeNumber(max)];
  if (least === undefined || (max !== undefined && max !== null && most === undefined)) {
    throw new Error("'min' and 'max' must be whole numbers");
  }
  return valueCheck((value) => {
    const picked = Array.isArray(value) ? value.map(String) : String(value).split(delimiter);
    const chosen = picked.map((one) => one.trim()).filter((one) => one !== '');
    if (BigInt(chosen.length) < least || (most !== undefined && BigInt(chosen.length) > most)) return false;
    return chosen.every((one) => picklist.includes(one));
  }, 'value is invalid');
}
