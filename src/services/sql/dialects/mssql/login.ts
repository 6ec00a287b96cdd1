// The settings of a SQL Server service as the driver takes them.
import { limits } from '../../../../core/limits.ts';
import type { MssqlOptions } from '../../../../database/mssql.ts';
import { type Config, invalidSetting, readUrl, ServerSettings, urlText } from '../../server-settings.ts';

/** How TLS is used: `off` for the login only, `on` for all, `strict` before anything else is said (TDS 8). */
export const encryptions = ['off', 'on', 'strict'] as const;

/** The options of the driver. Throws `service.invalid_config` naming the setting. */
export function connectionOf(config: Config): Omit<MssqlOptions, 'indexColumns'> {
  const settings = new ServerSettings(config, fromUrl(config.url));
  const instance = settings.text('instance');
  return {
    login: {
      host: settings.needed('host', "name the server, or give 'url'"),
      port: instance === undefined ? settings.whole('port', { fallback: 1433, most: 65_535 }) : undefined,
      instance,
      database: settings.needed('database', 'say which database of the server is meant'),
      user: settings.needed('username', "say who logs in, or give 'url'"),
      password: settings.text('password') ?? '',
      domain: settings.text('domain'),
      encrypt: settings.oneOf('encrypt', encryptions, 'on'),
      trustServerCertificate: settings.flag('trust_server_certificate'),
      ca: settings.text('ssl_ca'),
      serverName: settings.text('ssl_server_name'),
      appName: settings.text('application_name') ?? 'tenon',
      connectMs: settings.whole('connect_timeout', {
        fallback: limits.poolConnectMs,
        most: limits.statementMaxMs,
      }),
    },
    maxConnections: settings.whole('max_connections', {
      fallback: limits.poolConnections,
      most: limits.poolConnectionsMax,
    }),
    statementMs: settings.whole('query_timeout', {
      fallback: limits.statementMs,
      most: limits.statementMaxMs,
    }),
  };
}

/** The schemas to serve: the first is the one that needs no name; dbo, and all others, when none is named. */
export function schemasOf({ schema }: Config): { readonly usual: string; readonly only: readonly string[] } {
  if (schema === null || schema === undefined || schema === '') return { usual: 'dbo', only: [] };
  if (typeof schema !== 'string') throw invalidSetting('schema', 'must be text');
  const only = schema
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return { usual: only[0] ?? 'dbo', only };
}

function fromUrl(given: unknown): Config {
  const url = readUrl(given, /^(?:mssql|sqlserver):$/, 'mssql://user:password@host:1433/database');
  if (url === undefined) return {};
  return {
    host: urlText(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: url.port === '' ? '' : Number(url.port),
    username: urlText(url.username),
    password: urlText(url.password),
    database: urlText(url.pathname.slice(1)),
    encrypt: url.searchParams.get('encrypt') ?? '',
  };
}
