// The kinds of transports that there are: one folder each, and one line here.
import { beanstalkdKind } from './beanstalkd/index.ts';
import { databaseKind } from './database/index.ts';
import { nullKind } from './null/index.ts';
import { redisKind } from './redis/index.ts';
import { sqsKind } from './sqs/index.ts';
import { syncKind } from './sync/index.ts';
import type { TransportKind } from './transport.ts';

/** Kinds by the name that connections give. */
export const transportKinds: readonly TransportKind[] = [
  databaseKind,
  redisKind,
  beanstalkdKind,
  sqsKind,
  syncKind,
  nullKind,
];
