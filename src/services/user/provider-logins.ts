// Logging in at a provider of identities (spec §5.12): there and back again. Invariants: browsers are sent to
// the provider's own address and nowhere else; what they come back with counts once, in time, and for what it
// was begun for.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { IdentityProvider } from '../../core/service.ts';
import type { UserRecord } from '../../core/store.ts';
import type { PendingLogin, PendingLogins } from '../../security/pending-logins.ts';
import { loginKeys } from '../../security/throttle.ts';
import { beginSession, checkFactor } from '../system/login.ts';
import { checkPassword } from '../system/own-account.ts';
import type { SystemParts } from '../system/parts.ts';
import { flagOption } from '../system/request.ts';
import { answer, success } from '../system/resource.ts';
import type { ProviderDoor } from '../system/session.ts';
import type { Arrival } from './arrival.ts';
import { accountOf, link } from './provider-accounts.ts';
import { type Given, givenOf, isByScript, isReturn } from './provider-request.ts';

/** What logging in elsewhere is made with. */
export interface ProviderLoginParts {
  readonly parts: SystemParts;
  readonly pending: PendingLogins;
}

// What belongs to one login of one person.
const unkept = { 'Cache-Control': 'no-store' };

// How RFC 8176 calls logins with more than a password.
const strong: ReadonlySet<string> = new Set(['mfa', 'otp', 'hwk']);

/** Begins and ends logins at providers. */
export class ProviderLogins implements ProviderDoor {
  readonly #parts: SystemParts;
  readonly #pending: PendingLogins;

  constructor({ parts, pending }: ProviderLoginParts) {
    this.#parts = parts;
    this.#pending = pending;
  }

  /** The answer to a request for a session that is about a provider; undefined: it is not. */
  session(operation: Operation): Promise<Result> | undefined {
    const { action } = operation;
    if (action !== 'GET' && action !== 'POST') return undefined;
    const given = givenOf(operation);
    if (isReturn(given)) return this.#noted(() => this.#logIn(operation, given));
    if (given.service === undefined || given.password !== undefined) return undefined;
    return this.#begin(operation, given, null);
  }

  /** The answer to a request of a user who wants to log in by an identity from now on. */
  async identity(operation: Operation, user: UserRecord): Promise<Result> {
    const given = givenOf(operation);
    if (isReturn(given)) {
      await link(this.#parts, await this.#arrival(operation, given, user.id), user.id);
      return success();
    }
    // It is a way in: a session alone, which somebody may have found, must not add one.
    if (user.passwordHash !== '') await checkPassword(this.#parts, user, given.password ?? '');
    return this.#begin(operation, given, user.id);
  }

  async #begin(operation: Operation, given: Given, userId: number | null): Promise<Result> {
    const { service = '', binding } = given;
    const provider = this.#provider(service);
    if (binding !== undefined && binding.length > limits.labelText) {
      throw new PlatformError(
        'request.invalid_parameter',
        `Parameter 'binding' must have at most ${limits.labelText} characters.`,
      );
    }
    const { url, ticket } = await provider.begin();
    const address = operation.remoteAddress;
    this.#pending.add({ service: service.toLowerCase(), provider, ticket, userId, binding, address });
    if (userId !== null || isByScript(operation)) {
      return { ...answer({ response: { redirect: true, url } }), headers: unkept };
    }
    const headers = { ...unkept, Location: url, 'Referrer-Policy': 'no-referrer' };
    return { status: 302, headers, body: undefined };
  }

  async #logIn(operation: Operation, given: Given): Promise<Result> {
    const remember = flagOption(given, 'remember_me');
    const arrival = await this.#arrival(operation, given, null);
    const user = await accountOf(this.#parts, arrival);
    await this.#checkFactor(user, arrival, given);
    const session = await beginSession(this.#parts, operation, { user, body: { remember_me: remember } });
    const { accessToken } = arrival.identity;
    const result = answer(accessToken === undefined ? session : { ...session, oauth_token: accessToken });
    return { ...result, headers: unkept };
  }

  // A provider answers for its logins, also for their factors, unless the service is told to ask here.
  async #checkFactor(user: UserRecord, { provider, identity }: Arrival, { totp }: Given): Promise<void> {
    if (!provider.rules.requiresSecondFactor) return;
    if (identity.methods.some((method) => strong.has(method))) return;
    const [account] = loginKeys(user.email, undefined);
    const { throttle } = this.#parts;
    await throttle.check(account);
    const check = () => checkFactor(this.#parts, user, totp === undefined ? {} : { totp });
    const factor = await throttle.during(account, check);
    if (factor === 'wrong') await throttle.fail(account);
    else await throttle.release(account);
    if (factor === 'none' || factor === 'right') return;
    throw new PlatformError(
      'access.second_factor',
      'This account has a second factor: log in with one at the provider, or come back from there with the ' +
        'code of its device as `totp`. Begin again.',
      { context: { second_factor: 'totp' } },
    );
  }

  async #arrival(operation: Operation, given: Given, userId: number | null): Promise<Arrival> {
    const pending = this.#pending.take(given.state ?? '', { userId, binding: given.binding });
    if (pending === undefined || !this.#isStill(pending, given.service)) throw over();
    const { service, provider, ticket } = pending;
    const said = ['code', 'state', 'iss', 'error'].flatMap((name) => {
      const value = given[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const ask = () => provider.finish(ticket, Object.fromEntries(said));
    // Who only says that he cancelled costs the provider nothing.
    const identity = await (given.error === undefined ? this.#counted(operation, ask) : ask());
    return { service, provider, identity, operation };
  }

  // The provider is asked for each: nobody is to make this server try codes there.
  async #counted<T>({ remoteAddress }: Operation, work: () => Promise<T>): Promise<T> {
    const { throttle } = this.#parts;
    const [, address] = loginKeys('', remoteAddress);
    await throttle.check(address);
    try {
      return await work();
    } catch (thrown) {
      const isRefusal = thrown instanceof PlatformError && thrown.kind === 'access.bad_credentials';
      if (isRefusal) await throttle.fail(address);
      throw thrown;
    }
  }

  // The same service with the same configuration, and the one that the client means.
  #isStill({ service, provider }: PendingLogin, asked: string | undefined): boolean {
    if (asked !== undefined && asked.toLowerCase() !== service) return false;
    const now = this.#parts.services.list().find(({ name }) => name.toLowerCase() === service);
    return now?.identity === provider;
  }

  // Callers who have not logged in do not learn which services there are.
  #provider(name: string): IdentityProvider {
    const found = this.#parts.services
      .list()
      .find((service) => service.name.toLowerCase() === name.toLowerCase());
    if (found?.identity !== undefined) return found.identity;
    throw new PlatformError('service.not_found', 'There is no such service to log in with.');
  }

  async #noted(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (thrown) {
      const isRefusal = thrown instanceof PlatformError && thrown.kind.startsWith('access.');
      if (isRefusal) this.#parts.observe({ kind: 'session.refused', email: '', reason: reasonOf(thrown) });
      throw thrown;
    }
  }
}

// With what the library says was wrong, which callers do not read.
function reasonOf({ message, cause }: PlatformError): string {
  return cause instanceof Error ? `${message} ${cause.message}`.slice(0, limits.warningChars) : message;
}

function over(): PlatformError {
  return new PlatformError(
    'access.bad_credentials',
    'This login is not under way: it was finished already, took too long, or was begun elsewhere. ' +
      'Begin again.',
  );
}
