// Lookups in the values of requests (spec §5.13): `{name}` or `{modifier(name)}` stands for the value of a
// lookup, or for a property of the caller. Invariant: only values are replaced, after the text around them
// was understood, so a lookup's value is never read as anything else; private ones are not for requests.
import type { Principal } from '../core/operation.ts';

const placeholder = /\{(?:([A-Za-z0-9_]+)\(([A-Za-z_][\w.]*)\)|([A-Za-z_][\w.]*))\}/g;

/** Whether a text may name lookups, so that it can mean another thing to each caller. */
export function mayNameLookups(text: string): boolean {
  return text.includes('{') && text.search(placeholder) >= 0;
}

/** The text with lookups replaced that the caller has; whatever else stands in braces stays. */
export function withLookups(text: string, principal: Principal): string {
  if (!text.includes('{')) return text;
  return text.replace(placeholder, (whole, ...parts: (string | undefined)[]) => {
    const [modifier, inner, plain] = parts;
    const value = lookedUp(inner ?? plain ?? '', principal);
    if (value === undefined) return whole;
    if (modifier === undefined) return value;
    return modified(modifier, value) ?? whole;
  });
}

function lookedUp(name: string, principal: Principal): string | undefined {
  const { open } = principal.lookups;
  if (Object.hasOwn(open, name)) return open[name];
  const [owner = '', property = ''] = name.split('.', 2);
  const known = ownProperties(owner, principal);
  const value = Object.hasOwn(known, property) ? known[property] : undefined;
  return value === undefined || value === null ? undefined : String(value);
}

function ownProperties(owner: string, { user, role, app, apiKey }: Principal): Record<string, unknown> {
  switch (owner) {
    case 'user':
      return user === undefined
        ? {}
        : {
            id: user.id,
            name: user.name,
            username: user.username,
            display_name: user.displayName,
            first_name: user.firstName,
            last_name: user.lastName,
            email: user.email,
          };
    case 'role':
      return role === null ? {} : { id: role.id, name: role.name };
    case 'app':
      return app === null ? {} : { id: app.id, name: app.name, api_key: apiKey };
    default:
      return {};
  }
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
