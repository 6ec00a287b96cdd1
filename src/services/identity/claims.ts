// What a provider says of somebody, as the platform sees it. Invariant: an address counts as verified only
// where the provider says so, or where an administrator vouches for a provider that is silent about it.
import { createHash } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import type { ForeignIdentity } from '../../core/service.ts';
import type { OidcSettings } from './settings.ts';

/** Claims by name, as they came: of the ID token, with those of the UserInfo endpoint where it was asked. */
export type Claims = Readonly<Record<string, unknown>>;

/** Whether the UserInfo endpoint has to be asked for what the ID token does not say. */
export function isSilent(claims: Claims, { roleClaim }: OidcSettings): boolean {
  if (textOf(claims.email) === undefined || claims.email_verified === undefined) return true;
  return roleClaim !== undefined && claims[roleClaim] === undefined;
}

/**
 * Claims of an ID token with those of the UserInfo endpoint: the word of the token counts first, and what is
 * said of an address counts for no other.
 */
export function merged(claims: Claims, more: Claims): Claims {
  const { email_verified: said, ...others } = claims;
  const isTokens = textOf(claims.email) !== undefined;
  const isSame = claims.email === more.email;
  if (!isTokens) return { ...more, ...others, email: more.email };
  return { ...more, ...others, email_verified: said ?? (isSame ? more.email_verified : undefined) };
}

/** The identity that claims make; undefined when they name nobody. */
export function identityOf(claims: Claims, settings: OidcSettings): ForeignIdentity | undefined {
  const subject = textOf(claims.sub);
  if (subject === undefined) return undefined;
  const email = emailOf(claims.email);
  const { amr } = claims;
  return {
    subject,
    email,
    isEmailVerified: email !== undefined && isVerified(claims.email_verified, settings),
    name: textOf(claims.name),
    firstName: textOf(claims.given_name),
    lastName: textOf(claims.family_name),
    methods: Array.isArray(amr) ? amr.filter((method) => typeof method === 'string') : [],
    roleId: roleOf(claims, settings),
  };
}

/**
 * Whether an ID token, whose signature was checked, belongs to an access token. It need not say so; where it
 * does, it must be right.
 */
export function belongsTogether(idToken: string, claims: Claims, accessToken: string): boolean {
  if (claims.at_hash === undefined) return true;
  const [header = ''] = idToken.split('.');
  const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { readonly alg: string };
  const bits = /(256|384|512)$/.exec(alg)?.[1] ?? '512';
  const digest = createHash(`sha${bits}`).update(accessToken, 'ascii').digest();
  return claims.at_hash === digest.subarray(0, digest.length / 2).toString('base64url');
}

// Some providers write it as text.
function isVerified(said: unknown, { trustsEmail }: OidcSettings): boolean {
  if (said === undefined || said === null) return trustsEmail;
  return said === true || said === 'true';
}

function emailOf(value: unknown): string | undefined {
  const email = textOf(value);
  if (email === undefined || !/^[^\s@]+@[^\s@]+$/.test(email)) return undefined;
  // Some letters become others when accounts compare addresses in lower case: the sign of Kelvin a plain k.
  const isAscii = (letter: string) => letter <= '\u007f';
  const isFolded = [...email].some((letter) => !isAscii(letter) && [...letter.toLowerCase()].some(isAscii));
  return isFolded ? undefined : email.toLowerCase();
}

function roleOf(claims: Claims, { roleClaim, roleMap, rules }: OidcSettings): number | null | undefined {
  if (roleClaim === undefined) return undefined;
  const said = Object.hasOwn(claims, roleClaim) ? claims[roleClaim] : undefined;
  const groups: readonly unknown[] = Array.isArray(said) ? said : [said];
  for (const [group, role] of roleMap) if (groups.includes(group)) return role;
  return rules.defaultRoleId;
}

// What is longer than the columns for it is not what it should be.
function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const isFine = value.trim() !== '' && value.length <= limits.labelText && !value.includes('\0');
  return isFine ? value : undefined;
}
