// From the settings of a service to where its server is and how it is used.
// Invariant: settings are checked one by one, and a refusal names the setting, never its secret value.
import { isIP } from 'node:net';
import { PlatformError } from '../../../../core/errors.ts';
import { limits } from '../../../../core/limits.ts';
import type { MysqlTls } from '../../../../database/mysql-connection.ts';
import type { MysqlEngineOptions } from './engine.ts';

type Config = Readonly<Record<string, unknown>>;

/** What the settings say. Throws `service.invalid_config` naming the setting. */
export function engineOptions(config: Config): MysqlEngineOptions {
  const url = readUrl(config);
  const text = (name: string) => textOf(config, name) ?? url[name];
  const host = text('host') ?? 'localhost';
  const socket = text('unix_socket');
  const database = text('database');
  if (database === undefined) throw invalid('database', 'must be the name of a database of the server');
  const tls = tlsOf(text('ssl_mode'), socket === undefined ? host : undefined);
  return {
    login: {
      host,
      port: whole(config, 'port', { least: 1, most: 65_535 }) ?? Number(url.port ?? 3306),
      socket,
      database,
      user: text('username') ?? '',
      password: text('password') ?? '',
      tls,
      ca: text('ssl_ca'),
      certificate: text('ssl_cert'),
      key: text('ssl_key'),
      connectMs:
        whole(config, 'connect_timeout', { least: 1, most: limits.statementMaxMs }) ?? limits.poolConnectMs,
    },
    others: listOf(textOf(config, 'schema')).filter((name) => name !== database),
    maxConnections:
      whole(config, 'max_connections', { least: 1, most: limits.poolConnectionsMax }) ??
      limits.poolConnections,
    statementMs:
      whole(config, 'query_timeout', { least: 1, most: limits.statementMaxMs }) ?? limits.statementMs,
    timeZone: timeZoneOf(textOf(config, 'timezone')),
  };
}

// mysql://user:password@host:port/database; what is set beside it goes before.
function readUrl(config: Config): Readonly<Record<string, string | undefined>> {
  const given = textOf(config, 'url');
  if (given === undefined) return {};
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^(?:mysql|mariadb):$/.test(url.protocol)) {
    throw invalid('url', 'must be mysql://user:password@host:port/database');
  }
  const part = (text: string) => (text === '' ? undefined : decoded(text));
  return {
    host: part(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: part(url.port),
    username: part(url.username),
    password: part(url.password),
    database: part(url.pathname.slice(1)),
    ssl_mode: part(url.searchParams.get('sslmode') ?? ''),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const modes: readonly MysqlTls[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

function tlsOf(given: string | undefined, host: string | undefined): MysqlTls {
  const tls = modes.find((mode) => mode === (given ?? 'prefer'));
  if (tls === undefined) throw invalid('ssl_mode', `must be one of: ${modes.join(', ')}`);
  // The driver compares certificates with names only.
  if (tls === 'verify-full' && host !== undefined && isIP(host) !== 0) {
    throw invalid('host', "must be a name, not an address, where 'ssl_mode' is verify-full");
  }
  return tls;
}

function timeZoneOf(given: string | undefined): string {
  const zone = given === undefined || /^(?:utc|z)$/i.test(given) ? '+00:00' : given;
  if (/^[+-]\d{2}:\d{2}$|^[A-Za-z][A-Za-z0-9_+\-/]*$/.test(zone)) return zone;
  throw invalid('timezone', 'must be an offset such as +00:00, or a name that the server knows');
}

function textOf(config: Config, name: string): string | undefined {
  const value = config[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw invalid(name, 'must be text');
}

function whole(
  config: Config,
  name: string,
  { least, most }: { least: number; most: number },
): number | undefined {
  const value = config[name];
  if (value === undefined || value === null || value === '') return undefined;
  const number = Number(value);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw invalid(name, `must be a whole number from ${least} to ${most}`);
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function invalid(name: string, words: string): PlatformError {
  return new PlatformError('service.invalid_config', `Setting '${name}' ${words}.`);
}
