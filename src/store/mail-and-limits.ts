// How rules of CORS, mail templates and limits are kept.
import type { CorsRecord, EmailTemplateRecord, LimitRecord } from '../core/store.ts';
import { type RecordKind, stampKinds } from './records.ts';
import { flag, integer, json, jsonList, optionalInteger, optionalText, text } from './table.ts';

/** How rules of CORS are kept. */
export const corsKind: RecordKind<CorsRecord> = {
  table: 'cors_config',
  noun: 'rule of CORS',
  key: 'id',
  natural: 'path',
  kinds: {
    id: integer,
    path: text,
    description: optionalText,
    origin: text,
    header: optionalText,
    exposedHeader: optionalText,
    method: integer,
    maxAge: integer,
    supportsCredentials: flag,
    enabled: flag,
    ...stampKinds,
  },
};

/** How mail templates are kept. */
export const emailTemplateKind: RecordKind<EmailTemplateRecord> = {
  table: 'email_template',
  noun: 'mail template',
  key: 'id',
  natural: 'name',
  kinds: {
    id: integer,
    name: text,
    description: optionalText,
    to: jsonList,
    cc: jsonList,
    bcc: jsonList,
    subject: optionalText,
    attachment: jsonList,
    bodyText: optionalText,
    bodyHtml: optionalText,
    fromName: optionalText,
    fromEmail: optionalText,
    replyToName: optionalText,
    replyToEmail: optionalText,
    defaults: json,
    ...stampKinds,
  },
};

/** How limits are kept. */
export const limitKind: RecordKind<LimitRecord> = {
  table: 'api_limit',
  noun: 'limit',
  key: 'id',
  natural: 'name',
  kinds: {
    id: integer,
    name: text,
    description: optionalText,
    type: text,
    rate: integer,
    period: text,
    userId: optionalInteger,
    roleId: optionalInteger,
    serviceId: optionalInteger,
    endpoint: optionalText,
    verb: optionalText,
    keyText: text,
    isActive: flag,
    ...stampKinds,
  },
};
