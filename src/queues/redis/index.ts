// The transport `redis`: workers hear of runs by queues of BullMQ.
import { messageTransport } from '../message-transport.ts';
import { settingsOf } from '../settings.ts';
import type { TransportKind } from '../transport.ts';
import { RedisLink } from './link.ts';
import { flawOf, placeOf } from './place.ts';

/** Runs wait in the system database, Redis tells of them. */
export const redisKind: TransportKind = {
  name: 'redis',
  label: 'Redis',
  description: 'Runs wait in the system database; Redis (5 or later) tells one worker of each.',
  config: settingsOf({
    host: { default: '127.0.0.1', binds: true, description: 'Where the server is.' },
    port: { type: 'integer', default: 6379, binds: true, description: 'TCP port of the server.' },
    username: { description: 'Name of an ACL user; the default one has none.' },
    password: { type: 'password', secret: true, description: 'Password of the user, or of the server.' },
    database: { type: 'integer', default: 0, description: 'Number of the database.' },
    is_encrypted: { type: 'boolean', default: false, binds: true, description: 'Whether to connect by TLS.' },
    url: {
      ...{ type: 'password', secret: true },
      description:
        'Instead of all of the above: `redis://user:password@host:6379/0`, or `rediss://` for TLS.',
    },
    prefix: {
      default: 'tenon',
      description: 'How all keys begin; servers of another system database have another one.',
    },
  }),
  refuse: flawOf,
  create: ({ config, ...settings }) => {
    const prefix = `${config.prefix}:${settings.connection}`;
    return messageTransport(settings, new RedisLink({ place: placeOf(config), prefix }));
  },
};
