// Somebody who comes from a provider, and what is asked of his address before anything is done with it.
import { PlatformError } from '../../core/errors.ts';
import type { Operation } from '../../core/operation.ts';
import type { ForeignIdentity, IdentityProvider } from '../../core/service.ts';

/** Somebody who comes from a provider. */
export interface Arrival {
  /** Name of the service. */
  readonly service: string;
  readonly provider: IdentityProvider;
  readonly identity: ForeignIdentity;
  readonly operation: Operation;
}

/** Refuses addresses of domains that the service does not let in. */
export function checkDomain(arrival: Arrival): void {
  const { domains } = arrival.provider.rules;
  if (domains.length === 0) return;
  const [, domain = ''] = verifiedEmail(arrival).split('@');
  if (!domains.includes(domain)) throw refused('Addresses of this domain are not let in.');
}

/** The address that counts as his. Throws `access.forbidden` when there is none. */
export function verifiedEmail({ identity, service }: Arrival): string {
  if (identity.email === undefined) {
    throw refused(`The provider of service '${service}' tells no e-mail address that can be used.`);
  }
  // The same words whether or not there is an account of that address.
  if (!identity.isEmailVerified) {
    throw refused(`The provider of service '${service}' does not say that the e-mail address is verified.`);
  }
  return identity.email;
}

/** The refusal of somebody who proved who he is, but gets no account. */
export function refused(message: string): PlatformError {
  return new PlatformError('access.forbidden', message);
}
