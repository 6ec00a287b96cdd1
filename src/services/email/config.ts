// The configuration of a mail service: the server, who it sends as, and what all of its mails may name.

import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ConfigField } from '../../core/service.ts';

type Config = Readonly<Record<string, unknown>>;

const optional = { required: false, default: null } as const;

/** What is said of a sender, whatever carries the mail. Lookups in it are those of whoever sends. */
export const senderConfig: readonly ConfigField[] = [
  {
    name: 'parameters',
    label: 'Parameters',
    type: 'object',
    description: 'Values for `{name}` in every mail: a map, or a list of {name, value}.',
    // Mails are made for whoever asks, so what stands here must not name private lookups.
    isVerbatim: true,
    ...optional,
  },
  ...(
    [
      ['from_name', 'From name', 'Who mails are from, unless they say so.'],
      ['from_email', 'From address', 'The address that mails are from, unless they say so.'],
      ['reply_to_name', 'Reply-to name', 'Who is answered, unless mails say so.'],
      ['reply_to_email', 'Reply-to address', 'The address that answers go to, unless mails say so.'],
    ] as const
  ).map(
    ([name, label, description]): ConfigField => ({
      ...{ name, label, description, type: 'string', isVerbatim: true },
      ...optional,
    }),
  ),
];

/** The fields of `smtp_email`, in the order in which they are listed. */
export const smtpConfig: readonly ConfigField[] = [
  {
    name: 'host',
    label: 'Host',
    type: 'string',
    description: 'Name or address of the mail server.',
    binds: true,
    required: true,
    default: null,
  },
  {
    name: 'port',
    label: 'Port',
    type: 'integer',
    description: '587 unless it is set; 465 with ssl.',
    binds: true,
    ...optional,
  },
  {
    name: 'encryption',
    label: 'Encryption',
    type: 'picklist',
    description:
      'ssl: TLS from the first byte. tls: STARTTLS, or no mail. Empty: STARTTLS where the server offers it.',
    required: false,
    default: '',
    values: ['', 'ssl', 'tls'],
  },
  {
    name: 'username',
    label: 'User name',
    type: 'string',
    description: 'To log in with; empty: no login.',
    ...optional,
  },
  {
    name: 'password',
    label: 'Password',
    type: 'password',
    description: 'To log in with.',
    secret: true,
    ...optional,
  },
  {
    name: 'verify_certificate',
    label: 'Verify the certificate',
    type: 'boolean',
    description: 'Whether the certificate of the server must be valid for its name.',
    required: false,
    default: true,
  },
  {
    name: 'ca',
    label: 'Authority',
    type: 'text',
    description: 'Certificates (PEM) of the authorities to trust, instead of those of the system.',
    ...optional,
  },
  {
    name: 'timeout',
    label: 'Timeout',
    type: 'integer',
    description: `Milliseconds for handing over one mail; ${limits.mailMs} unless it is set, and at most.`,
    ...optional,
  },
  ...senderConfig,
];

/** Where mails are handed over, and how. */
export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  readonly encryption: '' | 'ssl' | 'tls';
  readonly username: string;
  readonly password: string;
  readonly verifiesCertificate: boolean;
  readonly ca: string | undefined;
  readonly timeoutMs: number;
}

/** The settings of a configuration. Throws `service.invalid_config`. */
export function smtpSettings(config: Config): SmtpSettings {
  const encryption = textOf(config.encryption) as SmtpSettings['encryption'];
  // By now its lookups are in it, so this is where what they say is judged; what they say is not repeated.
  const host = textOf(config.host).trim();
  if (!/^[\w.:-]+$/.test(host)) throw invalid('host', 'must be the name or address of a mail server');
  return {
    host,
    port: whole(config, 'port', { fallback: encryption === 'ssl' ? 465 : 587, most: 65_535 }),
    encryption,
    username: textOf(config.username),
    password: textOf(config.password),
    verifiesCertificate: config.verify_certificate !== false,
    ca: textOf(config.ca) || undefined,
    timeoutMs: whole(config, 'timeout', { fallback: limits.mailMs, most: limits.mailMs }),
  };
}

/** What all mails of a service say unless they say otherwise: its parameters, and who they are from. */
export function senderValues(config: Config): Readonly<Record<string, unknown>> {
  const names = ['from_name', 'from_email', 'reply_to_name', 'reply_to_email'];
  const own = names.filter((name) => textOf(config[name]) !== '').map((name) => [name, config[name]]);
  return { ...Object.fromEntries(own), ...parametersOf(config.parameters) };
}

// As a list they come from forms of the original's user interface.
function parametersOf(given: unknown): Readonly<Record<string, unknown>> {
  if (given === null || given === undefined) return {};
  if (!Array.isArray(given)) return given as Readonly<Record<string, unknown>>;
  const entries = given.map((row: unknown): [string, unknown] => {
    const { name, value } = (row ?? {}) as { readonly name?: unknown; readonly value?: unknown };
    if (typeof name === 'string' && name !== '') return [name, value];
    throw invalid('parameters', 'must be a map, or a list of {"name": …, "value": …}');
  });
  return Object.fromEntries(entries);
}

function whole(
  config: Config,
  name: string,
  { fallback, most }: { readonly fallback: number; readonly most: number },
): number {
  const value = Number(config[name] ?? fallback);
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw invalid(name, `must be a whole number from 1 to ${most}`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function invalid(name: string, problem: string): PlatformError {
  return new PlatformError('service.invalid_config', `Field 'config.${name}' ${problem}.`);
}
