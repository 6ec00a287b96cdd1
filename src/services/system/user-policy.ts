// How accounts come about and how people get back into theirs, as the configuration of the service `user`
// says. Invariant: it is read when it is needed, so that what an administrator changes counts at once,
// whichever process is asked.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ConfigField } from '../../core/service.ts';
import type { Store } from '../../core/store.ts';
import type { SystemParts } from './parts.ts';

/** How one kind of mail goes out. */
export interface MailChoice {
  /** The service that sends it. */
  readonly serviceId: number;
  /** Null: the template that comes with the system. */
  readonly templateId: number | null;
  readonly defaultTemplate: string;
  /** The page that takes the code, and what templates call its address. */
  readonly page: string;
  readonly pageName: string;
}

/** The configuration of the service `user`, read. */
export interface UserPolicy {
  readonly isRegistrationOpen: boolean;
  /** The role of whoever registers. */
  readonly registrationRoleId: number | null;
  /** Undefined: whoever registers is in at once. */
  readonly registration: MailChoice | undefined;
  readonly invitation: MailChoice | undefined;
  readonly reset: MailChoice | undefined;
  readonly codeMinutes: number;
  readonly resetCodeMinutes: number;
}

const id = (name: string, label: string, description: string): ConfigField => ({
  ...{ name, label, description },
  ...{ type: 'integer', required: false, default: null },
});
const minutes = (name: string, label: string, value: number): ConfigField => ({
  ...{ name, label, description: `Minutes, at most ${limits.codeMinutesMax}.` },
  ...{ type: 'integer', required: false, default: value },
});
const page = (name: string, label: string, value: string): ConfigField => ({
  ...{ name, label, description: 'The page that takes the code: an address, or a path of this server.' },
  ...{ type: 'string', required: false, default: value },
});
const service = 'Id of a mail service.';
const template = 'Id of a mail template; none: the one that comes with the system.';

/** The fields of the configuration. */
export const userConfigFields: readonly ConfigField[] = [
  {
    ...{ name: 'allow_open_registration', label: 'Allow open registration', type: 'boolean' },
    description: 'Whether anybody may register as a user.',
    ...{ required: false, default: false },
  },
  id('open_reg_role_id', 'Role of registered users', 'Id of the role that they get in every app.'),
  id('open_reg_email_service_id', 'Mail service of registrations', `${service} None: no confirmation.`),
  id('open_reg_email_template_id', 'Mail template of registrations', template),
  id('invite_email_service_id', 'Mail service of invitations', service),
  id('invite_email_template_id', 'Mail template of invitations', template),
  id('password_email_service_id', 'Mail service of password resets', service),
  id('password_email_template_id', 'Mail template of password resets', template),
  minutes('confirm_code_ttl', 'Life of codes of invitations and registrations', limits.codeMinutes),
  minutes('reset_code_ttl', 'Life of codes of password resets', limits.resetCodeMinutes),
  page('confirm_register_url', 'Page that confirms registrations', '/#/register-confirm'),
  page('confirm_invite_url', 'Page that takes invitations', '/#/user-invite'),
  page('confirm_reset_url', 'Page that resets passwords', '/#/reset-password'),
];

/** Refuses what cannot be meant; returns the configuration as it was given. */
export function checkUserConfig(
  config: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  for (const name of ['confirm_code_ttl', 'reset_code_ttl']) {
    const value = config[name] ?? 1;
    if (typeof value === 'number' && value >= 1 && value <= limits.codeMinutesMax) continue;
    throw invalid(name, `must be from 1 to ${limits.codeMinutesMax}`);
  }
  for (const name of ['confirm_register_url', 'confirm_invite_url', 'confirm_reset_url']) {
    const value = config[name] ?? '/';
    if (typeof value === 'string' && /^(https?:\/\/[^/\s]|\/(?!\/))\S*$/.test(value)) continue;
    throw invalid(name, 'must be an address (https://…) or a path (/…)');
  }
  return config;
}

/** What whoever stores the configuration should know: what it names and is not there. */
export async function userConfigFlaw(
  store: Store,
  config: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  const [services, templates, role] = await Promise.all([
    store.services.list(),
    store.emailTemplates.list(),
    typeof config.open_reg_role_id === 'number' ? store.roles.get(config.open_reg_role_id) : null,
  ]);
  const names = Object.entries(config).filter(([, value]) => typeof value === 'number');
  const missing = names.filter(([name, value]) => {
    if (name.endsWith('_service_id')) return !services.some((entry) => entry.id === value && entry.isActive);
    return name.endsWith('_template_id') && !templates.some((entry) => entry.id === value);
  });
  if (role === undefined) missing.push(['open_reg_role_id', null]);
  if (missing.length === 0) return undefined;
  return `There is no such record (or it is not active): ${missing.map(([name]) => name).join(', ')}.`;
}

/** The policy in force. */
export async function readUserPolicy(parts: Pick<SystemParts, 'store' | 'services' | 'accounts'>) {
  const record = (await parts.store.services.list()).find(({ type }) => type === 'user');
  return policyOf(record === undefined ? {} : parts.services.show(record), parts.accounts.publicUrl);
}

function policyOf(config: Readonly<Record<string, unknown>>, publicUrl: string): UserPolicy {
  const number = (name: string) => (typeof config[name] === 'number' ? config[name] : null);
  const mail = (prefix: string, kind: 'invite' | 'register' | 'reset'): MailChoice | undefined => {
    const serviceId = number(`${prefix}_email_service_id`);
    if (serviceId === null) return undefined;
    const pageName = `confirm_${kind}_url`;
    return {
      serviceId,
      templateId: number(`${prefix}_email_template_id`),
      defaultTemplate: defaultTemplates[kind],
      page: pageAt(publicUrl, String(config[pageName] ?? '/')),
      pageName,
    };
  };
  return {
    isRegistrationOpen: config.allow_open_registration === true,
    registrationRoleId: number('open_reg_role_id'),
    registration: mail('open_reg', 'register'),
    invitation: mail('invite', 'invite'),
    reset: mail('password', 'reset'),
    codeMinutes: number('confirm_code_ttl') ?? limits.codeMinutes,
    resetCodeMinutes: number('reset_code_ttl') ?? limits.resetCodeMinutes,
  };
}

/** Names of the templates that come with the system. */
export const defaultTemplates = {
  invite: 'User Invite Default',
  register: 'User Registration Default',
  reset: 'Password Reset Default',
} as const;

function pageAt(publicUrl: string, address: string): string {
  return address.startsWith('/') ? `${publicUrl}${address}` : address;
}

function invalid(name: string, problem: string): PlatformError {
  return new PlatformError('service.invalid_config', `Field 'config.${name}' ${problem}.`);
}
