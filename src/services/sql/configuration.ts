// The settings that SQL service types of all engines have in common.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ConfigField, ServiceSettings } from '../../core/service.ts';
import type { SqlSettings } from './source.ts';

const unset = { required: false, default: null } as const;

/** Settings that DreamFactory's services have, so that their records can be taken over. */
export const ignoredConfig: readonly ConfigField[] = [
  ignored('options', 'Driver options', 'Accepted for compatibility, without effect.'),
  ignored('attributes', 'Driver attributes', 'Accepted for compatibility, without effect.'),
  ignored('statements', 'Statements', 'Accepted for compatibility, never run.'),
];

/** Who logs in to a database server. */
export const loginConfig: readonly ConfigField[] = [
  { ...unset, name: 'username', label: 'User name', type: 'string', description: 'Who logs in.' },
  {
    ...unset,
    name: 'password',
    label: 'Password',
    type: 'password',
    description: 'The password of that user.',
    secret: true,
  },
];

/** The bounds of the connections to a database server. */
export const poolConfig: readonly ConfigField[] = [
  {
    name: 'max_connections',
    label: 'Connections',
    type: 'integer',
    description: `The most connections at a time; long lists have up to ${limits.streams} of their own.`,
    required: false,
    default: limits.poolConnections,
  },
  {
    name: 'connect_timeout',
    label: 'Time to connect',
    type: 'integer',
    description: 'Milliseconds after which a server that does not answer is away.',
    required: false,
    default: limits.poolConnectMs,
  },
  {
    name: 'query_timeout',
    label: 'Time of a statement',
    type: 'integer',
    description: 'Milliseconds after which a statement is given up.',
    required: false,
    default: limits.statementMs,
  },
];

function ignored(name: string, label: string, description: string): ConfigField {
  return { ...unset, name, label, type: 'object', description };
}

/** Fields of every SQL service type, after those of its engine. */
export const commonConfig: readonly ConfigField[] = [
  {
    name: 'allow_upsert',
    label: 'Allow upsert',
    type: 'boolean',
    description: 'Whether PUT of an unknown identifier creates the record.',
    required: false,
    default: false,
  },
  {
    name: 'max_records',
    label: 'Maximum records',
    type: 'integer',
    description: 'The most records that one request reads or writes.',
    required: false,
    default: limits.records,
  },
  {
    name: 'strict_fields',
    label: 'Strict fields',
    type: 'boolean',
    description:
      'Refuse unknown fields in written records and text longer than its column, instead of taking them.',
    required: false,
    default: false,
  },
  {
    name: 'transaction_seconds',
    label: 'Longest transaction',
    type: 'integer',
    description:
      'Seconds after which a transaction of a script is rolled back, because others wait for it: ' +
      `${limits.transactionWriterMs / 1_000} on SQLite, which has one writer, ` +
      `else ${limits.transactionMs / 1_000}.`,
    required: false,
    default: null,
  },
  {
    name: 'events',
    label: 'Runs set off by writes',
    type: 'picklist',
    description:
      'outbox: what a write sets off is kept in its own transaction, in tables of this database whose ' +
      'names start with _tenon_, made when first needed. Queued scripts run if and only if the write was ' +
      'committed, and what they write here is committed once. intent: no tables are made, and each write ' +
      'is noted elsewhere before it is done. After a crash its queued scripts may run for a write that was ' +
      'not committed, and may write again. SQL Server has intent only.',
    required: false,
    default: 'outbox',
    values: ['outbox', 'intent'],
  },
  {
    name: 'events_unknown',
    label: 'Runs of writes that nobody knows of',
    type: 'picklist',
    description:
      'What becomes, with the intent of a write, of its queued scripts when the server is lost before it ' +
      'heard whether the write was committed. assume-committed: they run, and see that it is not certain. ' +
      'drop: they do not run.',
    required: false,
    default: 'assume-committed',
    values: ['assume-committed', 'drop'],
  },
  {
    name: 'cache_enabled',
    label: 'Cache results',
    type: 'boolean',
    description: 'Accepted for compatibility, without effect: reads are always current.',
    required: false,
    default: false,
  },
  {
    name: 'cache_ttl',
    label: 'Cache lifetime',
    type: 'integer',
    description: 'Accepted for compatibility, without effect.',
    required: false,
    default: 0,
  },
];

/**
 * The common settings of a service. Throws `service.invalid_config` naming the setting. `transactionMs`:
 * unless the service sets it.
 */
export function sqlSettings(
  { id, name, config }: ServiceSettings,
  transactionMs: number = limits.transactionMs,
): SqlSettings {
  const { max_records: maxRecords = limits.records } = config;
  if (typeof maxRecords !== 'number' || !Number.isSafeInteger(maxRecords) || maxRecords < 1) {
    throw new PlatformError(
      'service.invalid_config',
      "Setting 'max_records' must be a whole number above 0.",
    );
  }
  return {
    service: name,
    serviceId: id,
    maxRecords,
    allowUpsert: config.allow_upsert === true,
    strictFields: config.strict_fields === true,
    transactionMs: longestTransaction(config.transaction_seconds) ?? transactionMs,
    keepsOutbox: config.events !== 'intent',
    dropsUncertain: config.events_unknown === 'drop',
  };
}

function longestTransaction(seconds: unknown): number | undefined {
  if (seconds === undefined || seconds === null) return undefined;
  const ms = Number(seconds) * 1_000;
  if (Number.isSafeInteger(ms) && ms >= 1_000 && ms <= limits.transactionMaxMs) return ms;
  throw new PlatformError(
    'service.invalid_config',
    `Setting 'transaction_seconds' must be a whole number from 1 to ${limits.transactionMaxMs / 1_000}.`,
  );
}
