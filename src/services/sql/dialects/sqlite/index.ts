// The service type `sqlite`: its settings and how a service is made of them.
import { isAbsolute, resolve } from 'node:path';
import { PlatformError } from '../../../../core/errors.ts';
import { limits } from '../../../../core/limits.ts';
import type { ConfigField, ServiceSettings, ServiceType } from '../../../../core/service.ts';
import { commonConfig, ignoredConfig, sqlSettings } from '../../configuration.ts';
import { SqlService } from '../../service.ts';
import { SqliteEngine } from './engine.ts';

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
  ...ignoredConfig,
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
  ...commonConfig,
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

function create(given: ServiceSettings): SqlService {
  const { database, create: mayCreate, synchronous } = given.config;
  if (typeof database !== 'string' || database.trim() === '') {
    throw new PlatformError(
      'service.invalid_config',
      "Setting 'database' must be the path of an SQLite file.",
    );
  }
  const path = database === ':memory:' || isAbsolute(database) ? database : resolve(database);
  return new SqlService({
    type: 'sqlite',
    settings: sqlSettings(given, limits.transactionWriterMs),
    engine: new SqliteEngine({
      path,
      create: mayCreate === true,
      synchronous: synchronous === 'NORMAL' ? 'NORMAL' : 'FULL',
    }),
  });
}
