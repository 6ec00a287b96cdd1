// Who is who, and what is sealed: made before anything that asks for it.
import type { Config } from './config.ts';
import type { LimitCounters } from './core/limiter.ts';
import { limits } from './core/limits.ts';
import type { Observe } from './core/observe.ts';
import type { Store } from './core/store.ts';
import { AuditLog } from './security/audit.ts';
import { Authority } from './security/authority.ts';
import { Passwords } from './security/passwords.ts';
import { RunTokens } from './security/run-tokens.ts';
import { type Keys, Secrets } from './security/secrets.ts';
import { Sessions } from './security/sessions.ts';
import { LoginThrottle } from './security/throttle.ts';
import { TokenAuthority } from './security/tokens.ts';
import { serverFacts } from './server-facts.ts';

/** What the guard stands on. */
interface GuardParts {
  readonly store: Store;
  readonly keys: Keys;
  readonly observe: Observe;
  /** Where limits are counted, and failed logins with them. */
  readonly counters: Pick<LimitCounters, 'tally'>;
}

/** Those who know who is who. */
export type Guard = ReturnType<typeof guardOf>;

/** Who is who, and what is sealed. */
export function guardOf(config: Config, { store, keys, observe, counters }: GuardParts) {
  const secrets = new Secrets({ keys });
  const facts = (records: Parameters<typeof serverFacts>[1]) => serverFacts(config, records);
  const authority = new Authority({ store, secrets, observe, facts });
  const runTokens = new RunTokens();
  const tokens = new TokenAuthority({ key: keys.current() });
  return {
    secrets,
    authority,
    runTokens,
    audit: new AuditLog({ store, secrets }),
    passwords: new Passwords(),
    throttle: new LoginThrottle({ shared: counters.tally('login', limits.loginWindowMs / 1_000) }),
    sessions: new Sessions({ store, tokens, authority, runTokens, rules: config }),
  };
}
