// From the settings of a service to where its server is and how it is used.
// Invariant: settings are checked one by one, and a refusal names the setting, never its secret value.
import { isIP } from 'node:net';
import { limits } from '../../../../core/limits.ts';
import type { MysqlTls } from '../../../../database/mysql-connection.ts';
import { type Config, invalidSetting, readUrl, ServerSettings, urlText } from '../../server-settings.ts';
import type { MysqlEngineOptions } from './engine.ts';

/** What the settings say. Throws `service.invalid_config` naming the setting. */
export function engineOptions(config: Config): MysqlEngineOptions {
  const settings = new ServerSettings(config, fromUrl(config.url));
  const text = (name: string) => settings.text(name);
  const host = text('host') ?? 'localhost';
  const socket = text('unix_socket');
  const database = settings.needed('database', 'say which database of the server is meant');
  const most = limits.statementMaxMs;
  return {
    login: {
      host,
      port: settings.whole('port', { fallback: 3306, most: 65_535 }),
      socket,
      database,
      user: text('username') ?? '',
      password: text('password') ?? '',
      tls: tlsOf(settings, socket === undefined ? host : undefined),
      ca: text('ssl_ca'),
      certificate: text('ssl_cert'),
      key: text('ssl_key'),
      connectMs: settings.whole('connect_timeout', { fallback: limits.poolConnectMs, most }),
    },
    others: listOf(text('schema')).filter((name) => name !== database),
    maxConnections: settings.whole('max_connections', {
      fallback: limits.poolConnections,
      most: limits.poolConnectionsMax,
    }),
    statementMs: settings.whole('query_timeout', { fallback: limits.statementMs, most }),
    timeZone: timeZoneOf(text('timezone')),
  };
}

function fromUrl(given: unknown): Config {
  const url = readUrl(given, /^(?:mysql|mariadb):$/, 'mysql://user:password@host:port/database');
  if (url === undefined) return {};
  return {
    host: urlText(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: url.port,
    username: urlText(url.username),
    password: urlText(url.password),
    database: urlText(url.pathname.slice(1)),
    ssl_mode: url.searchParams.get('sslmode') ?? '',
  };
}

const modes: readonly MysqlTls[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

function tlsOf(settings: ServerSettings, host: string | undefined): MysqlTls {
  const tls = settings.oneOf('ssl_mode', modes, 'prefer');
  // The driver compares certificates with names only.
  if (tls === 'verify-full' && host !== undefined && isIP(host) !== 0) {
    throw invalidSetting('host', "must be a name, not an address, where 'ssl_mode' is verify-full");
  }
  return tls;
}

function timeZoneOf(given: string | undefined): string {
  const zone = given === undefined || /^(?:utc|z)$/i.test(given) ? '+00:00' : given;
  if (/^[+-]\d{2}:\d{2}$|^[A-Za-z][A-Za-z0-9_+\-/]*$/.test(zone)) return zone;
  throw invalidSetting('timezone', 'must be an offset such as +00:00, or a name that the server knows');
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
