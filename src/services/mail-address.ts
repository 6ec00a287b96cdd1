// Addresses of mail: read from text, `{name, email}` or lists of them, and checked. Invariant: an address is
// one address, and neither it nor the name beside it can begin another line of a mail.
import addressparser from 'nodemailer/lib/addressparser';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/** Somebody who gets or sends mail. */
export interface MailAddress {
  /** '' when none was given. */
  readonly name: string;
  readonly email: string;
}

/** As they were written: not checked, because placeholders may stand in them. */
export function readAddresses(given: unknown, field: string): MailAddress[] {
  const found = addressesIn(given, field);
  if (found.length <= limits.mailRecipients) return found;
  throw invalidMail(
    field,
    `names ${found.length} addresses; a mail goes to ${limits.mailRecipients} at most`,
  );
}

/** The address if it can be written to; throws `request.invalid_record` that names it. */
export function checkedAddress({ name, email }: MailAddress, field: string): MailAddress {
  if (!isAddress(email)) throw invalidMail(field, `has '${excerpt(email)}', which is no address of mail`);
  return { name: checkedLine(name, field), email };
}

/** A text that stays within its line. */
export function checkedLine(text: string, field: string, most: number = limits.labelText): string {
  if (breaksLine.test(text)) throw invalidMail(field, 'must not have line breaks or control characters');
  if (text.length <= most) return text;
  throw invalidMail(field, `must have at most ${most} characters`);
}

/** The refusal of a part of a mail. */
export function invalidMail(field: string, problem: string): PlatformError {
  return new PlatformError('request.invalid_record', `Field '${field}' ${problem}.`);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be in a head
const breaksLine = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

// Without quotes, comments and literal addresses, which nobody has and servers read differently; without
// braces, which are placeholders that nothing was put in for, and without a dash at its start, which would
// make it an option of a mail program.
const localPart = /^(?!-)[\w!#$%&'*+/=?^`|~-]+(?:\.[\w!#$%&'*+/=?^`|~-]+)*$/;
const domainLabel = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?$/u;

function isAddress(email: string): boolean {
  const at = email.indexOf('@');
  const local = email.slice(0, Math.max(at, 0));
  const domain = email.slice(at + 1);
  if (email.length > 254 || local.length > 64 || !localPart.test(local)) return false;
  return domain.split('.').every((label) => label.length <= 63 && domainLabel.test(label));
}

function addressesIn(given: unknown, field: string): MailAddress[] {
  if (given === undefined || given === null || given === '') return [];
  if (typeof given === 'string') return parsed(given, field);
  if (!Array.isArray(given)) return [addressOf(given, field)];
  return given.flatMap((one: unknown) =>
    typeof one === 'string' ? parsed(one, field) : [addressOf(one, field)],
  );
}

function parsed(text: string, field: string): MailAddress[] {
  if (text.length > limits.mailAddressChars) {
    throw invalidMail(field, `must have at most ${limits.mailAddressChars} characters`);
  }
  // A line break must be refused, not read as the space that it is to the parser.
  checkedLine(text, field, limits.mailAddressChars);
  return addressparser(text, { flatten: true }).map(({ name, address }) =>
    address === '' ? { name: '', email: name } : { name, email: address },
  );
}

function addressOf(given: unknown, field: string): MailAddress {
  const { name, email } = (given ?? {}) as { readonly name?: unknown; readonly email?: unknown };
  const isFine =
    typeof email === 'string' && (name === undefined || name === null || typeof name === 'string');
  if (isFine) return { name: (name ?? '').trim(), email: email.trim() };
  throw invalidMail(field, 'must be an address, {"name": …, "email": …}, or a list of them');
}

function excerpt(text: string): string {
  return text.length <= limits.excerpt ? text : `${text.slice(0, limits.excerpt)}…`;
}
