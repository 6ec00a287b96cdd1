// The service type `sqlite`: its settings and how a service is made of them.
import { isAbsolute, resolve } from 'node:path';
import { PlatformError } from '../../../../core/errors.ts';
import { limits } from '../../../../core/limits.ts';
import type { ConfigField, ServiceSettings, ServiceType } from '../../../../core/service.ts';
import { SqlService } from '../../service.ts';
import { SqliteEngine } from './engine.ts';

const optional = { required: false, default: null } as const;

const config: readonly ConfigField[] = [
  {
    name: 'database',
    label: 'Database',
    type: 'string',
    description: 'Path of the SQLite file, or :memory: for a database that ends with the server.',
    required: true,
    default: null,
  },
  {
    name: 'create',
    label: 'Create the file',
    type: 'boolean',
    description: 'Make an empty database when the file is missing, instead of refusing.',
    required: false,
    default: false,
  },
  {
    name: 'options',
    label: 'Driver options',
    type: 'object',
    description: 'Accepted for compatibility, without effect.',
    ...optional,
  },
  {
    name: 'attributes',
    label: 'Driver attributes',
    type: 'object',
    description: 'Accepted for compatibility, without effect.',
    ...optional,
  },
  {
    name: 'statements',
    label: 'Statements',
    type: 'object',
    description: 'Accepted for compatibility, never run.',
    ...optional,
  },
  {
    name: 'synchronous',
    label: 'Durability',
    type: 'picklist',
    description:
      'FULL: an answered write survives a loss of power. NORMAL: every crash of the server, and is quicker.',
    required: false,
    default: 'FULL',
    values: ['FULL', 'NORMAL'],
  },
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

/** SQLite databases. */
export const sqlite: ServiceType = {
  name: 'sqlite',
  label: 'SQLite',
  description: 'A REST API over an SQLite database.',
  group: 'Database',
  singleton: false,
  config,
  create,
};

function create({ id, name, config: given }: ServiceSettings): SqlService {
  const { database, max_records: maxRecords = limits.records } = given;
  if (typeof database !== 'string' || database.trim() === '') {
    throw new PlatformError(
      'service.invalid_config',
      "Setting 'database' must be the path of an SQLite file.",
    );
  }
  if (typeof maxRecords !== 'number' || !Number.isSafeInteger(maxRecords) || maxRecords < 1) {
    throw new PlatformError(
      'service.invalid_config',
      "Setting 'max_records' must be a whole number above 0.",
    );
  }
  const path = database === ':memory:' || isAbsolute(database) ? database : resolve(database);
  return new SqlService({
    type: 'sqlite',
    settings: {
      service: name,
      serviceId: id,
      maxRecords,
      allowUpsert: given.allow_upsert === true,
      strictFields: given.strict_fields === true,
    },
    engine: new SqliteEngine({
      path,
      create: given.create === true,
      synchronous: given.synchronous === 'NORMAL' ? 'NORMAL' : 'FULL',
    }),
  });
}
