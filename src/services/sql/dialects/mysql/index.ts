// The service types `mysql` and `mariadb`: their settings and how a service is made of them. One dialect
// serves both; which of the two a server is, is asked of the server.

import type { ConfigField, ServiceType } from '../../../../core/service.ts';
import { commonConfig, ignoredConfig, loginConfig, poolConfig, sqlSettings } from '../../configuration.ts';
import { SqlService } from '../../service.ts';
import { MysqlEngine } from './engine.ts';
import { engineOptions } from './login.ts';

const optional = { required: false, default: null } as const;

const config: readonly ConfigField[] = [
  {
    name: 'host',
    label: 'Host',
    type: 'string',
    description: 'Name or address of the server: localhost unless it is set.',
    binds: true,
    ...optional,
  },
  {
    name: 'port',
    label: 'Port',
    type: 'integer',
    description: '3306 unless it is set.',
    binds: true,
    ...optional,
  },
  {
    name: 'unix_socket',
    label: 'Socket',
    type: 'string',
    description: "Path of the server's socket on this machine, in place of host and port.",
    binds: true,
    ...optional,
  },
  {
    name: 'database',
    label: 'Database',
    type: 'string',
    description: "Name of the database; may be a part of 'url' instead.",
    ...optional,
  },
  {
    name: 'schema',
    label: 'Further databases',
    type: 'string',
    description:
      'Names of other databases of the server, separated by commas: their tables are called database.table.',
    ...optional,
  },
  ...loginConfig,
  {
    name: 'url',
    label: 'URL',
    type: 'password',
    description:
      'mysql://user:password@host:port/database, in place of the settings above, which go before it.',
    secret: true,
    binds: true,
    ...optional,
  },
  {
    name: 'ssl_mode',
    label: 'Encryption',
    type: 'picklist',
    description:
      'prefer: TLS where the server has it. require: TLS, whoever the server is. verify-ca: TLS with a ' +
      'certificate that is trusted. verify-full: which is for the host, too. disable: none. Unless it is ' +
      'set: prefer.',
    ...optional,
    values: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'],
  },
  {
    name: 'ssl_ca',
    label: 'Trusted certificates',
    type: 'text',
    description:
      'PEM text of who may sign the certificate of the server, in place of those that the system trusts.',
    ...optional,
  },
  {
    name: 'ssl_cert',
    label: 'Client certificate',
    type: 'text',
    description: 'PEM text of the certificate that we show to the server.',
    ...optional,
  },
  {
    name: 'ssl_key',
    label: 'Client key',
    type: 'password',
    description: 'PEM text of the key of that certificate.',
    secret: true,
    ...optional,
  },
  ...poolConfig,
  {
    name: 'timezone',
    label: 'Time zone',
    type: 'string',
    description: 'Time zone of the sessions, in which TIMESTAMP columns are read and written: +00:00.',
    ...optional,
  },
  {
    name: 'charset',
    label: 'Character set',
    type: 'string',
    description:
      'Accepted for compatibility, without effect: text travels as utf8mb4, which holds all others.',
    ...optional,
  },
  {
    name: 'collation',
    label: 'Collation',
    type: 'string',
    description:
      'Accepted for compatibility, without effect: text is compared in the collation of its column.',
    ...optional,
  },
  ...ignoredConfig,
  ...commonConfig,
];

/** MySQL databases. */
export const mysql: ServiceType = typeOf('mysql', 'MySQL');

/** MariaDB databases. */
export const mariadb: ServiceType = typeOf('mariadb', 'MariaDB');

function typeOf(name: string, label: string): ServiceType {
  return {
    name,
    label,
    description: `A REST API over a ${label} database.`,
    group: 'Database',
    singleton: false,
    config,
    create: (given) =>
      new SqlService({
        type: name,
        settings: sqlSettings(given),
        engine: new MysqlEngine(engineOptions(given.config)),
      }),
  };
}
