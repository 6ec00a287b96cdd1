// The transport `sqs`: workers hear of runs by queues of Amazon SQS, or of what speaks its protocol.
import { messageTransport } from '../message-transport.ts';
import { settingsOf } from '../settings.ts';
import type { TransportKind } from '../transport.ts';
import { SqsLink } from './link.ts';
import { clientConfigOf, flawOf } from './place.ts';

/** Runs wait in the system database, SQS tells of them. */
export const sqsKind: TransportKind = {
  name: 'sqs',
  label: 'Amazon SQS',
  description: 'Runs wait in the system database; SQS tells one worker of each.',
  config: settingsOf({
    key: { description: 'Access key id; empty: who this machine is in the cloud (role, environment).' },
    secret: { type: 'password', secret: true, description: 'Secret access key.' },
    token: {
      type: 'password',
      secret: true,
      description: 'Session token, where the key is a temporary one.',
    },
    region: { default: 'us-east-1', binds: true, description: 'Region of the queues.' },
    prefix: {
      binds: true,
      description:
        'URL of the account, like https://sqs.eu-central-1.amazonaws.com/123456789012; ' +
        'empty: it is asked for.',
    },
    suffix: { description: 'How all names of queues end, for example -production.' },
    endpoint: { binds: true, description: 'Where SQS is, unless it is that of the region.' },
  }),
  refuse: flawOf,
  create: ({ config, ...settings }) => {
    const own = { prefix: String(config.prefix ?? ''), suffix: String(config.suffix ?? '') };
    return messageTransport(settings, new SqsLink({ client: clientConfigOf(config), ...own }));
  },
};
