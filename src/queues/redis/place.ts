// Where a Redis is, from the fields that people know or one URL. Invariant: what is wrong is told by the name
// of its field, without any secret.
import type { RedisOptions } from 'ioredis';
import { isBetween, isHost, ports } from '../settings.ts';
import type { ConfigFlaw } from '../transport.ts';

/** The configuration of a connection to Redis. */
export type RedisConfig = Readonly<Record<string, unknown>>;

/** Redis has 16 unless its operator says otherwise. */
const databases = [0, 65_535] as const;

/** What is wrong with a configuration. */
export function flawOf(config: RedisConfig): ConfigFlaw | undefined {
  const { host, port, database, prefix, url } = config;
  if (!isHost(host)) return { field: 'host', reason: 'must be the name or address of a server' };
  if (typeof url === 'string' && url !== '' && readUrl(url) === undefined) {
    return { field: 'url', reason: 'must be like redis://user:password@host:6379/0, or rediss:// for TLS' };
  }
  if (!isBetween(port, ports)) {
    return { field: 'port', reason: 'must be a number from 1 to 65535' };
  }
  if (!isBetween(database, databases))
    return { field: 'database', reason: 'must be a number from 0 to 65535' };
  // BullMQ joins its keys with colons, and braces would place them in a cluster.
  if (typeof prefix === 'string' && !/^[\w.-]{1,64}$/.test(prefix)) {
    return { field: 'prefix', reason: "may have letters, digits, '_', '-' and '.' only, up to 64 of them" };
  }
  return undefined;
}

/** Where the Redis of a configuration is; a URL says all that it says. */
export function placeOf(config: RedisConfig): RedisOptions {
  const { url, host, port, username, password, database, is_encrypted: isEncrypted } = config;
  if (typeof url === 'string' && url !== '') return readUrl(url) ?? {};
  return {
    ...{ host: String(host), port: Number(port), db: Number(database) },
    ...(username ? { username: String(username) } : {}),
    ...(password ? { password: String(password) } : {}),
    ...(isEncrypted === true ? { tls: {} } : {}),
  };
}

function readUrl(text: string): RedisOptions | undefined {
  const url = URL.parse(text);
  if (url === null || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') return undefined;
  if (/%(?![0-9a-f]{2})/i.test(url.username + url.password)) return undefined;
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1];
  if (database === undefined) return undefined;
  return {
    ...{ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379), db: Number(database) },
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}
