// The transport `beanstalkd`: workers hear of runs by its tubes.
import { messageTransport } from '../message-transport.ts';
import { settingsOf } from '../settings.ts';
import type { TransportKind } from '../transport.ts';
import { BeanstalkLink } from './link.ts';
import { flawOf } from './place.ts';

/** Runs wait in the system database, beanstalkd tells of them. */
export const beanstalkdKind: TransportKind = {
  name: 'beanstalkd',
  label: 'beanstalkd',
  description: 'Runs wait in the system database; beanstalkd tells one worker of each.',
  config: settingsOf({
    host: { default: '127.0.0.1', description: 'Where the server is.' },
    port: { type: 'integer', default: 11_300, description: 'TCP port of the server.' },
    prefix: {
      default: 'tenon',
      description: 'How all tubes begin; servers of another system database have another one.',
    },
  }),
  refuse: flawOf,
  create: ({ config, ...settings }) => {
    const place = { host: String(config.host), port: Number(config.port) };
    return messageTransport(
      settings,
      new BeanstalkLink({ place, before: `${config.prefix}.${settings.connection}.` }),
    );
  },
};
