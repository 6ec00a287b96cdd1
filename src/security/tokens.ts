// Session tokens: JWTs signed with a key derived from the master key (RFC 7519; pitfalls: RFC 8725).
// Invariant: one algorithm, one type, one issuer, one audience; whatever else a token says about itself is
// ignored.
import { createSecretKey, type KeyObject } from 'node:crypto';
import { decodeJwt, errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { MasterKey } from './master-key.ts';

const algorithm = 'HS256';
const type = 'session+jwt';
const issuer = 'tenon';
const audience = 'tenon:api';

/** What a good token says. */
export interface Claims {
  readonly sessionId: string;
  readonly userId: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Issues and verifies session tokens. */
export class TokenAuthority {
  readonly #key: KeyObject;
  readonly #now: () => number;
  readonly #verified = new LRUCache<string, Claims>({ max: limits.sessionCache });

  constructor({ key, now = Date.now }: { readonly key: MasterKey; readonly now?: () => number }) {
    this.#key = createSecretKey(key.derive('session'));
    this.#now = now;
  }

  /** A token for a session of a user, good until `expiresAt` (ms). */
  issue({ sessionId, userId, expiresAt }: Claims): Promise<string> {
    return new SignJWT({ user_id: userId, sid: sessionId })
      .setProtectedHeader({ alg: algorithm, typ: type })
      .setSubject(String(userId))
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(Math.floor(this.#now() / 1000))
      .setExpirationTime(Math.floor(expiresAt / 1000))
      .sign(this.#key);
  }

  /** What a token says. Throws `access.invalid_token` or `access.expired_token`. */
  async verify(token: string): Promise<Claims> {
    const claims = this.#verified.get(token) ?? (await this.#check(token, new Date(this.#now())));
    if (claims.expiresAt <= this.#now()) throw expired();
    this.#verified.set(token, claims);
    return claims;
  }

  /** Like `verify`, but for a token that may have expired: for refreshing. */
  verifyExpired(token: string): Promise<Claims> {
    return this.#check(token, issuedAt(token));
  }

  async #check(token: string, currentDate: Date): Promise<Claims> {
    if (!isCanonical(token)) throw invalid('it is not well-formed');
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: [algorithm],
        typ: type,
        issuer,
        audience,
        currentDate,
        requiredClaims: ['sub', 'iat', 'exp'],
      });
      return readClaims(payload, this.#now());
    } catch (error) {
      throw refusal(error);
    }
  }
}

/** The error of a token that can not be trusted. */
export function invalid(reason: string, cause?: unknown): PlatformError {
  return new PlatformError('access.invalid_token', `Invalid token: ${reason}.`, { cause });
}

/** The error of a token or session whose time is over. */
export function expired(): PlatformError {
  return new PlatformError(
    'access.expired_token',
    'Unauthorized. Session expired. Please refresh your token (within the refresh window) or log in again.',
  );
}

// A signature of 32 bytes has 43 characters, the last of which carries two unused bits: other spellings of
// the same signature are refused, so that a token is one text.
function isCanonical(token: string): boolean {
  if (token.length > limits.tokenChars) return false;
  const [, signature = ''] = /^[\w-]+\.[\w-]+\.([\w-]{43})$/.exec(token) ?? [];
  return signature !== '' && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

// The time at which the token said it was issued is the time at which it has to be good when it is refreshed.
function issuedAt(token: string): Date {
  try {
    const { iat } = decodeJwt(token);
    return new Date((typeof iat === 'number' ? iat : 0) * 1000);
  } catch {
    return new Date(0);
  }
}

function readClaims(payload: JWTPayload, now: number): Claims {
  const { sid, user_id: userId, sub, exp, iat } = payload;
  if (!Number.isSafeInteger(exp) || !Number.isSafeInteger(iat))
    throw invalid('its dates are not whole numbers');
  if (Number(iat) * 1000 > now + 60_000) throw invalid('it was issued in the future');
  if (typeof sid !== 'string' || !Number.isSafeInteger(userId) || sub !== String(userId)) {
    throw invalid('it names no session');
  }
  return { sessionId: sid, userId: Number(userId), expiresAt: Number(exp) * 1000 };
}

function refusal(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  if (error instanceof errors.JWTExpired) return expired();
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return invalid('its signature does not match', error);
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalid(`its '${error.claim}' is not accepted`, error);
  }
  return invalid('it can not be read', error);
}
