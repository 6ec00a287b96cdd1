// The service type `sqlsrv` (DreamFactory's name): its settings and how a service is made of them.
import type { ConfigField, ServiceSettings, ServiceType } from '../../../../core/service.ts';
import { commonConfig, ignoredConfig, loginConfig, poolConfig, sqlSettings } from '../../configuration.ts';
import { SqlService } from '../../service.ts';
import { MssqlEngine } from './engine.ts';
import { connectionOf, encryptions, schemasOf } from './login.ts';

const optional = { required: false, default: null } as const;

const config: readonly ConfigField[] = [
  {
    name: 'host',
    label: 'Host',
    type: 'string',
    description: 'Name or address of the server.',
    binds: true,
    ...optional,
  },
  {
    name: 'port',
    label: 'Port',
    type: 'integer',
    description: '1433 unless it is set.',
    binds: true,
    ...optional,
  },
  {
    name: 'instance',
    label: 'Instance',
    type: 'string',
    description: 'Name of an instance, whose port the server is asked for (by UDP 1434) instead.',
    binds: true,
    ...optional,
  },
  { name: 'database', label: 'Database', type: 'string', description: 'Name of the database.', ...optional },
  ...loginConfig,
  {
    name: 'domain',
    label: 'Domain',
    type: 'string',
    description: 'Windows domain to log in with (NTLM); empty for a login of the server itself.',
    ...optional,
  },
  {
    name: 'url',
    label: 'URL',
    type: 'password',
    description: 'All of it in one: mssql://user:password@host:1433/database. Settings beside it come first.',
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
      'others as schema.table. Empty: all schemas, dbo being the first.',
    ...optional,
  },
  {
    name: 'encrypt',
    label: 'TLS',
    type: 'picklist',
    description: 'on: everything. off: only the login. strict: before anything else is said (TDS 8).',
    required: false,
    default: 'on',
    values: encryptions,
  },
  {
    name: 'trust_server_certificate',
    label: 'Trust any certificate',
    type: 'boolean',
    description: 'Whether the certificate of the server may be signed by anybody.',
    required: false,
    default: false,
  },
  {
    name: 'ssl_ca',
    label: 'Authority',
    type: 'text',
    description: 'Certificates (PEM) of the authorities to trust, instead of those of the system.',
    ...optional,
  },
  {
    name: 'ssl_server_name',
    label: 'Name of the server',
    type: 'string',
    description: "The name in the server's certificate, where it is another one than the host.",
    ...optional,
  },
  ...poolConfig,
  {
    name: 'application_name',
    label: 'Application name',
    type: 'string',
    description: "What the server's list of sessions shows; tenon unless it is set.",
    ...optional,
  },
  ...ignoredConfig,
  ...commonConfig,
];

/** SQL Server databases. Written by its documentation and tried without a server: see the how-to. */
export const mssql: ServiceType = {
  name: 'sqlsrv',
  label: 'SQL Server',
  description: 'A REST API over a database of Microsoft SQL Server.',
  group: 'Database',
  singleton: false,
  config,
  create,
};

function create(given: ServiceSettings): SqlService {
  return new SqlService({
    type: 'sqlsrv',
    settings: sqlSettings(given),
    engine: new MssqlEngine({ connection: connectionOf(given.config), ...schemasOf(given.config) }),
  });
}
