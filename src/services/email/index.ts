// The types of mail services.

import { limits } from '../../core/limits.ts';
import type { Service, ServiceSettings, ServiceType } from '../../core/service.ts';
import type { Store } from '../../core/store.ts';
import type { Egress } from '../../egress/egress.ts';
import { connectToOwn } from '../../egress/own-host.ts';
import { senderConfig, senderValues, smtpConfig, smtpSettings } from './config.ts';
import { SendmailCarrier } from './sendmail.ts';
import { EmailService } from './service.ts';
import { SmtpCarrier } from './smtp.ts';

/** What mail services take of the rest of the house. */
export interface EmailParts {
  readonly templates: Pick<Store['emailTemplates'], 'get' | 'list'>;
  readonly outgoing: Pick<Egress, 'call'>;
}

/** The types of mail services. */
export function emailServiceTypes(parts: EmailParts): readonly ServiceType[] {
  return [
    {
      name: 'smtp_email',
      label: 'SMTP',
      description: 'Sends mail by a server that speaks SMTP.',
      group: 'Email',
      singleton: false,
      config: smtpConfig,
      create: (settings) => smtpService(settings, parts),
    },
    {
      name: 'local_email',
      label: 'Local mail',
      description: 'Sends mail by the mail program of the machine that the server runs on.',
      group: 'Email',
      singleton: false,
      config: senderConfig,
      create: (settings) => localService(settings, parts),
    },
  ];
}

const sendmail = '/usr/sbin/sendmail';

function localService({ name, config }: ServiceSettings, parts: EmailParts): Service {
  const carrier = new SendmailCarrier({ service: name, program: sendmail, timeoutMs: limits.mailMs });
  return new EmailService({ name, type: 'local_email', values: senderValues(config), carrier, ...parts });
}

function smtpService({ name, config }: ServiceSettings, parts: EmailParts): Service {
  const settings = smtpSettings(config);
  const connect = (signal: AbortSignal) => connectToOwn(settings, { signal });
  const carrier = new SmtpCarrier({ service: name, settings, connect });
  return new EmailService({ name, type: 'smtp_email', values: senderValues(config), carrier, ...parts });
}
