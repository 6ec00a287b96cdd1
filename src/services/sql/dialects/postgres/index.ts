// The service type `pgsql` (DreamFactory's name): its settings and how a service is made of them.
import { PlatformError } from '../../../../core/errors.ts';
import type { ConfigField, ServiceSettings, ServiceType } from '../../../../core/service.ts';
import { commonConfig, ignoredConfig, loginConfig, poolConfig, sqlSettings } from '../../configuration.ts';
import { SqlService } from '../../service.ts';
import { connectionOf, sslModes } from './connection.ts';
import { PostgresEngine } from './engine.ts';

const optional = { required: false, default: null } as const;

const place: readonly ConfigField[] = [
  {
    name: 'host',
    label: 'Host',
    type: 'string',
    description: 'Name or address of the server, or the folder of its socket.',
    binds: true,
    required: false,
    default: null,
  },
  {
    name: 'port',
    label: 'Port',
    type: 'integer',
    description: '5432 unless it is set.',
    binds: true,
    ...optional,
  },
  {
    name: 'database',
    label: 'Database',
    type: 'string',
    description: 'Name of the database; that of the user unless it is set.',
    ...optional,
  },
  ...loginConfig,
  {
    name: 'url',
    label: 'URL',
    type: 'password',
    description:
      'All of it in one: postgres://user:password@host:5432/database?sslmode=require. ' +
      'Settings beside it come first.',
    secret: true,
    binds: true,
    ...optional,
  },
  {
    name: 'schema',
    label: 'Schema',
    type: 'string',
    description:
      'Schemas to serve, separated by commas. Tables of the first are called by their name, those of ' +
      'others as schema.table. Empty: all schemas, public being the first.',
    ...optional,
  },
];

const tls: readonly ConfigField[] = [
  {
    name: 'ssl_mode',
    label: 'TLS',
    type: 'picklist',
    description:
      'disable: none. prefer: where the server offers it. require: always. verify-ca: with a certificate ' +
      'of a trusted authority. verify-full: and for this host.',
    required: false,
    default: null,
    values: sslModes,
  },
  {
    name: 'ssl_ca',
    label: 'Authority',
    type: 'text',
    description: 'Certificates (PEM) of the authorities to trust, instead of those of the system.',
    ...optional,
  },
  {
    name: 'ssl_cert',
    label: 'Client certificate',
    type: 'text',
    description: 'Certificate (PEM) to log in with.',
    ...optional,
  },
  {
    name: 'ssl_key',
    label: 'Client key',
    type: 'password',
    description: 'Private key (PEM) of the client certificate.',
    secret: true,
    ...optional,
  },
  {
    name: 'ssl_server_name',
    label: 'Name of the server',
    type: 'string',
    description: "The name in the server's certificate, where it is another one than the host.",
    ...optional,
  },
];

const behaviour: readonly ConfigField[] = [
  ...poolConfig,
  {
    name: 'prepared_statements',
    label: 'Prepared statements',
    type: 'boolean',
    description: 'Keep statements prepared. Off behind PgBouncer and the like in transaction mode.',
    required: false,
    default: true,
  },
  {
    name: 'application_name',
    label: 'Application name',
    type: 'string',
    description: "What the server's list of connections shows; tenon unless it is set.",
    ...optional,
  },
  ...ignoredConfig,
];

/** PostgreSQL databases. */
export const postgres: ServiceType = {
  name: 'pgsql',
  label: 'PostgreSQL',
  description: 'A REST API over a PostgreSQL database.',
  group: 'Database',
  singleton: false,
  config: [...place, ...tls, ...behaviour, ...commonConfig],
  create,
};

function create(given: ServiceSettings): SqlService {
  return new SqlService({
    type: 'pgsql',
    settings: sqlSettings(given),
    engine: new PostgresEngine({
      connection: connectionOf(given.config),
      schemas: schemas(given.config.schema),
    }),
  });
}

function schemas(setting: unknown): readonly string[] {
  if (setting === null || setting === undefined) return [];
  if (typeof setting !== 'string') {
    throw new PlatformError('service.invalid_config', "Setting 'schema' must be names, separated by commas.");
  }
  return setting
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
