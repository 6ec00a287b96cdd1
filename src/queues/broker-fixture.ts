// Brokers for tests of transports: real ones, and a stand-in for the one that is nobody's to start.
import { hasBeanstalkd, startBeanstalkd } from '../../test/beanstalkd-server.ts';
import { startSqs } from '../../test/sqs-server.ts';
import { hasRedis, startRedis } from '../store/limits/redis-fixture.ts';
import { BeanstalkLink } from './beanstalkd/link.ts';
import type { MessageLink } from './message-link.ts';
import { RedisLink } from './redis/link.ts';
import { SqsLink } from './sqs/link.ts';
import { clientConfigOf } from './sqs/place.ts';

/** A broker that runs; when it is stopped, everything that it held is lost. */
export interface RunningBroker {
  readonly port: number;
  stop(): Promise<void>;
}

/** A kind of brokers. */
export interface BrokerCase {
  readonly type: string;
  readonly isThere: boolean;
  start(port?: number): Promise<RunningBroker>;
  /** Of a connection to it; `mark` tells those of one test from those of others. */
  config(port: number, mark: string): Readonly<Record<string, unknown>>;
  /** A link to where the connection `tested` of that configuration leads, for others than its transport. */
  link(port: number, mark: string): MessageLink;
}

const host = '127.0.0.1';
const account = { key: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI', region: 'eu-central-1' };

/** Those that there are. */
export const brokerCases: readonly BrokerCase[] = [
  {
    type: 'redis',
    isThere: hasRedis(),
    start: startRedis,
    config: (port, prefix) => ({ host, port, prefix }),
    link: (port, mark) => new RedisLink({ place: { host, port, db: 0 }, prefix: `${mark}:tested` }),
  },
  {
    type: 'beanstalkd',
    isThere: hasBeanstalkd(),
    start: startBeanstalkd,
    config: (port, prefix) => ({ host, port, prefix }),
    link: (port, mark) => new BeanstalkLink({ place: { host, port }, before: `${mark}.tested.` }),
  },
  {
    type: 'sqs',
    isThere: true,
    start: startSqs,
    // The secret as it is stored by the tests, which seal nothing.
    config: (port, mark) => ({ ...account, endpoint: `http://${host}:${port}`, suffix: `-${mark}` }),
    link: (port, mark) => {
      const client = clientConfigOf({ ...account, endpoint: `http://${host}:${port}` });
      return new SqsLink({ client, prefix: '', suffix: `-${mark}` });
    },
  },
];

/** The one of that kind. */
export function brokerCase(type: string): BrokerCase {
  const found = brokerCases.find((each) => each.type === type);
  if (found === undefined) throw new Error(`there is no broker '${type}'`);
  return found;
}
