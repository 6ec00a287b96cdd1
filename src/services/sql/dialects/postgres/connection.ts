// The settings of a PostgreSQL service as the driver takes them. Invariant: nothing comes from the server's
// environment; a setting that can not be used is refused by its name.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { PlatformError } from '../../../../core/errors.ts';
import { limits } from '../../../../core/limits.ts';
import type { PostgresOptions } from '../../../../database/postgres.ts';

type Config = Readonly<Record<string, unknown>>;

/** How far TLS is wanted, as in PostgreSQL's own settings. */
export const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

type SslMode = (typeof sslModes)[number];

/** The options of the driver. Throws `service.invalid_config` naming the setting. */
export function connectionOf(given: Config): PostgresOptions {
  const config = { ...fromUrl(given.url), ...withoutNulls(given) };
  const host = text(config, 'host');
  const user = text(config, 'username');
  if (host === undefined) throw invalid('host', "is missing: name the server, or give 'url'");
  if (user === undefined) throw invalid('username', "is missing: say who logs in, or give 'url'");
  const password = text(config, 'password') ?? '';
  const mode = sslMode(config);
  return {
    client: {
      host,
      user,
      port: whole(config, 'port', { fallback: 5432, most: 65_535 }),
      database: text(config, 'database') ?? user,
      // As a function, because the driver would look for an empty one elsewhere.
      password: () => password,
      application_name: text(config, 'application_name') ?? 'tenon',
      ssl: mode === 'disable' ? false : tlsOptions(config, mode),
      keepAlive: true,
    },
    maxConnections: whole(config, 'max_connections', {
      fallback: limits.poolConnections,
      most: limits.poolConnectionsMax,
    }),
    connectMs: whole(config, 'connect_timeout', {
      fallback: limits.poolConnectMs,
      most: limits.statementMaxMs,
    }),
    queryMs: whole(config, 'query_timeout', { fallback: limits.statementMs, most: limits.statementMaxMs }),
    isPreparing: config.prepared_statements !== false,
    isTlsOptional: mode === 'prefer',
  };
}

// Only verify-full says that the server is the one that was meant; a client certificate goes with any.
function tlsOptions(config: Config, mode: SslMode): ConnectionOptions {
  const [ca, cert, key] = [text(config, 'ssl_ca'), text(config, 'ssl_cert'), text(config, 'ssl_key')];
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid(cert === undefined ? 'ssl_cert' : 'ssl_key', 'is missing: certificate and key go together');
  }
  if (ca !== undefined && !isCertificate(ca)) throw invalid('ssl_ca', 'must be certificates in PEM');
  if (cert !== undefined && !isCertificate(cert)) throw invalid('ssl_cert', 'must be a certificate in PEM');
  if (key !== undefined && !isPrivateKey(key)) {
    throw invalid('ssl_key', 'must be a private key in PEM, without a passphrase');
  }
  const name = text(config, 'ssl_server_name');
  const isChecked = mode === 'verify-ca' || mode === 'verify-full';
  return {
    rejectUnauthorized: isChecked,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(mode === 'verify-full' && name !== undefined
      ? { checkServerIdentity: (_host: string, peer) => checkServerIdentity(name, peer) }
      : {}),
  } satisfies ConnectionOptions;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).type === 'private';
  } catch {
    return false;
  }
}

function sslMode(config: Config): SslMode {
  const mode = text(config, 'ssl_mode') ?? 'prefer';
  const known = sslModes.find((each) => each === mode);
  if (known === undefined) throw invalid('ssl_mode', `must be one of ${sslModes.join(', ')}`);
  return known;
}

function fromUrl(given: unknown): Config {
  if (given === null || given === undefined || given === '') return {};
  const url = typeof given === 'string' ? URL.parse(given) : null;
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol)) {
    throw invalid('url', 'must be like postgres://user:password@host:5432/database');
  }
  const entries = {
    host: url.searchParams.get('host') ?? decoded(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: url.port === '' ? '' : Number(url.port),
    username: decoded(url.username),
    password: decoded(url.password),
    database: decoded(url.pathname.slice(1)),
    ssl_mode: url.searchParams.get('sslmode') ?? '',
    application_name: url.searchParams.get('application_name') ?? '',
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== ''));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid('url', 'has a % that begins no character');
  }
}

function withoutNulls(config: Config): Config {
  const isGiven = (value: unknown) => value !== null && value !== undefined && value !== '';
  return Object.fromEntries(Object.entries(config).filter(([, value]) => isGiven(value)));
}

function text(config: Config, name: string): string | undefined {
  const value = config[name];
  if (value === undefined || (typeof value === 'string' && !value.includes('\0'))) return value;
  throw invalid(name, 'must be text');
}

function whole(
  config: Config,
  name: string,
  { fallback, most }: { readonly fallback: number; readonly most: number },
): number {
  const value = config[name] ?? fallback;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw invalid(name, `must be a whole number from 1 to ${most}`);
}

function invalid(name: string, problem: string): PlatformError {
  return new PlatformError('service.invalid_config', `Setting '${name}' ${problem}.`);
}
