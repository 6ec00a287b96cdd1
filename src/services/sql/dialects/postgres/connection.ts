// The settings of a PostgreSQL service as the driver takes them. Invariant: nothing comes from the server's
// environment; a setting that can not be used is refused by its name.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { limits } from '../../../../core/limits.ts';
import type { PostgresOptions } from '../../../../database/postgres.ts';
import { type Config, invalidSetting, readUrl, ServerSettings, urlText } from '../../server-settings.ts';

/** How far TLS is wanted, as in PostgreSQL's own settings. */
export const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

type SslMode = (typeof sslModes)[number];

/** The options of the driver. Throws `service.invalid_config` naming the setting. */
export function connectionOf(config: Config): PostgresOptions {
  const settings = new ServerSettings(config, fromUrl(config.url));
  const host = settings.needed('host', "name the server, or give 'url'");
  const user = settings.needed('username', "say who logs in, or give 'url'");
  const password = settings.text('password') ?? '';
  const mode = settings.oneOf('ssl_mode', sslModes, 'prefer');
  const most = limits.statementMaxMs;
  return {
    client: {
      host,
      user,
      port: settings.whole('port', { fallback: 5432, most: 65_535 }),
      database: settings.text('database') ?? user,
      // As a function, because the driver would look for an empty one elsewhere.
      password: () => password,
      application_name: settings.text('application_name') ?? 'tenon',
      ssl: mode === 'disable' ? false : tlsOptions(settings, mode),
      keepAlive: true,
    },
    maxConnections: settings.whole('max_connections', {
      fallback: limits.poolConnections,
      most: limits.poolConnectionsMax,
    }),
    connectMs: settings.whole('connect_timeout', { fallback: limits.poolConnectMs, most }),
    queryMs: settings.whole('query_timeout', { fallback: limits.statementMs, most }),
    isPreparing: config.prepared_statements !== false,
    isTlsOptional: mode === 'prefer',
  };
}

// Only verify-full says that the server is the one that was meant; a client certificate goes with any.
function tlsOptions(settings: ServerSettings, mode: SslMode): ConnectionOptions {
  const [ca, cert, key] = ['ssl_ca', 'ssl_cert', 'ssl_key'].map((name) => settings.text(name));
  if ((cert === undefined) !== (key === undefined)) {
    throw invalidSetting(
      cert === undefined ? 'ssl_cert' : 'ssl_key',
      'is missing: certificate and key go together',
    );
  }
  if (ca !== undefined && !isCertificate(ca)) throw invalidSetting('ssl_ca', 'must be certificates in PEM');
  if (cert !== undefined && !isCertificate(cert))
    throw invalidSetting('ssl_cert', 'must be a certificate in PEM');
  if (key !== undefined && !isPrivateKey(key)) {
    throw invalidSetting('ssl_key', 'must be a private key in PEM, without a passphrase');
  }
  const name = settings.text('ssl_server_name');
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

function fromUrl(given: unknown): Config {
  const url = readUrl(given, /^postgres(?:ql)?:$/, 'postgres://user:password@host:5432/database');
  if (url === undefined) return {};
  return {
    host: url.searchParams.get('host') ?? urlText(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: url.port === '' ? '' : Number(url.port),
    username: urlText(url.username),
    password: urlText(url.password),
    database: urlText(url.pathname.slice(1)),
    ssl_mode: url.searchParams.get('sslmode') ?? '',
    application_name: url.searchParams.get('application_name') ?? '',
  };
}
