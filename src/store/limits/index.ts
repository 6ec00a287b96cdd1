// Where limits are counted: in Redis when there is one, else in the system database.
import type { LimitCounters } from '../../core/limiter.ts';
import type { Observe } from '../../core/observe.ts';
import { InsuredCounters } from './counters.ts';
import { RedisCounters } from './redis-counters.ts';
import { SqliteCounters } from './sqlite-counters.ts';

/** What decides where limits are counted. */
export interface LimitCounterParts {
  /** The file of the system database. */
  readonly file: string;
  readonly redisUrl: string | undefined;
  readonly observe: Observe;
}

/** The counters of limits; nothing is opened before the first is needed. */
export function createLimitCounters({ file, redisUrl: url, observe }: LimitCounterParts): LimitCounters {
  const engine =
    url === undefined ? new SqliteCounters({ file, observe }) : new RedisCounters({ url, observe });
  return new InsuredCounters({ engine });
}
