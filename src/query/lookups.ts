// Names in braces (spec §5.13): `{name}` or `{modifier(name)}` stands for the value of a lookup, or for a
// property of the caller. Invariants: only values are replaced, after the text around them was understood,
// so a value is never read as anything else; private lookups are not for requests; time is linear in the
// text, and what it becomes is bounded.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Principal, UserView } from '../core/operation.ts';

const placeholder = /\{(?:([A-Za-z0-9_]+)\(([A-Za-z_][\w.]*)\)|([A-Za-z_][\w.]*))\}/g;

/** Finds what a name stands for; undefined: nothing, and then it stays as it is. */
export type ValueOf = (name: string) => string | undefined;

/** Whether a text may name lookups, so that it can mean another thing to each caller. */
export function mayNameLookups(text: string): boolean {
  return text.includes('{') && text.search(placeholder) >= 0;
}

/** The names that stand in braces in a text. */
export function namesIn(text: string): string[] {
  if (!text.includes('{')) return [];
  return [...text.matchAll(placeholder)].map(([, , inner, plain]) => inner ?? plain ?? '');
}

/** The text with lookups replaced that the caller has; whatever else stands in braces stays. */
export function withLookups(text: string, principal: Principal): string {
  if (!text.includes('{')) return text;
  return withValues(text, (name) => lookupValue(name, principal));
}

/**
 * The text with the names replaced that stand for something; `written` makes of a value what may stand there.
 * Throws `request.invalid_parameter` where it would become longer than limits.lookupTextChars.
 */
export function withValues(text: string, find: ValueOf, written: ValueOf = (value) => value): string {
  if (!text.includes('{')) return text;
  let added = 0;
  return text.replace(placeholder, (whole, ...parts: (string | undefined)[]) => {
    const [modifier, inner, plain] = parts;
    const value = find(inner ?? plain ?? '');
    if (value === undefined) return whole;
    const own = modifier === undefined ? value : modified(modifier, value);
    if (own === undefined) return whole;
    const put = written(own) ?? '';
    added += put.length;
    if (added > limits.lookupTextChars) throw tooLong();
    return put;
  });
}

/** A value that is `{name}` and nothing else stands for the lookup's; a text that only holds one stays. */
export function meantValue(value: string, principal: Principal): string {
  const isLookup = value.startsWith('{') && value.endsWith('}') && !value.includes('{', 1);
  return isLookup ? withLookups(value, principal) : value;
}

/** What a name stands for to a caller: a lookup of his that is not private, or a property of his own. */
export function lookupValue(name: string, principal: Principal): string | undefined {
  const { open, facts } = principal.lookups;
  if (Object.hasOwn(open, name)) return open[name];
  const dot = name.indexOf('.');
  if (dot < 0) return undefined;
  if (facts !== undefined && Object.hasOwn(facts, name)) return facts[name];
  const value = ownProperty(name.slice(0, dot), name.slice(dot + 1), principal);
  return value === undefined || value === null ? undefined : String(value);
}

function ownProperty(owner: string, property: string, principal: Principal): unknown {
  const known = ownProperties(owner, property, principal);
  return Object.hasOwn(known, property) ? known[property] : undefined;
}

function ownProperties(owner: string, property: string, principal: Principal): Record<string, unknown> {
  const { user, role, app, apiKey, sessionId } = principal;
  switch (owner) {
    case 'user':
      return user === undefined ? {} : propertiesOf(user);
    case 'role':
      return role === null ? {} : { id: role.id, name: role.name };
    case 'app':
      return app === null ? {} : { id: app.id, name: app.name, api_key: apiKey };
    case 'session':
      // A token is made for whoever asks for one.
      return property === 'token' ? { token: principal.sessionToken?.() } : { id: sessionId };
    default:
      return {};
  }
}

function propertiesOf(user: UserView): Record<string, unknown> {
  return {
    id: user.id,
    name: user.name,
    username: user.username,
    display_name: user.displayName,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    phone: user.phone,
    is_sys_admin: user.isAdmin,
    default_app_id: user.defaultAppId,
    last_login_date: user.lastLogin,
  };
}

const modifiers: Readonly<Record<string, (value: string) => string>> = {
  strtoupper: (value) => value.toUpperCase(),
  strtolower: (value) => value.toLowerCase(),
  ucfirst: (value) => value.charAt(0).toUpperCase() + value.slice(1),
  lcfirst: (value) => value.charAt(0).toLowerCase() + value.slice(1),
  ucwords: (value) => value.replace(/(^|\s)\S/g, (start) => start.toUpperCase()),
  urlencode: (value) => encodeURIComponent(value).replace(/%20/g, '+'),
  urldecode: (value) => decodeURIComponent(value.replaceAll('+', ' ')),
  rawurlencode: encodeURIComponent,
  rawurldecode: decodeURIComponent,
  base64_encode: (value) => Buffer.from(value).toString('base64'),
  base64_decode: (value) => Buffer.from(value, 'base64').toString(),
  trim: (value) => value.trim(),
};

function modified(name: string, value: string): string | undefined {
  const modifier = Object.hasOwn(modifiers, name) ? modifiers[name] : undefined;
  try {
    return modifier?.(value);
  } catch {
    return undefined;
  }
}

function tooLong(): PlatformError {
  return new PlatformError(
    'request.invalid_parameter',
    `A text must have at most ${limits.lookupTextChars} characters with the values of its lookups.`,
  );
}
