// Where limits are counted: in Redis when there is one, else in the system database.
import type { LimitCounters } from '../../core/limiter.ts';
import type { Observe } from '../../core/observe.ts';
import { isOnServer } from '../place.ts';
import { InsuredCounters } from './counters.ts';
import type { CounterEngine } from './engine.ts';
import { RedisCounters } from './redis-counters.ts';
import { ServerCounters } from './server-counters.ts';
import { SqliteCounters } from './sqlite-counters.ts';

/** What decides where limits are counted. */
export interface LimitCounterParts {
  /** The system database: a file, or the address of one on a server. */
  readonly database: string;
  readonly redisUrl: string | undefined;
  readonly observe: Observe;
}

/** The counters of limits; nothing is opened before the first is needed. */
export function createLimitCounters(parts: LimitCounterParts): LimitCounters {
  return new InsuredCounters({ engine: engineOf(parts) });
}

function engineOf({ database, redisUrl, observe }: LimitCounterParts): CounterEngine {
  if (redisUrl !== undefined) return new RedisCounters({ url: redisUrl, observe });
  if (isOnServer(database)) return new ServerCounters({ url: database, observe });
  return new SqliteCounters({ file: database, observe });
}
