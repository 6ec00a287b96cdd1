// Templates of mails (spec §5.11): what a mail says, with `{name}` where values go. Invariant: what can be
// seen to be wrong is refused when it is stored; what depends on values, when a mail is sent.
import { limits } from '../../core/limits.ts';
import type { EmailTemplateRecord, New } from '../../core/store.ts';
import { mayNameLookups } from '../../query/lookups.ts';
import { checkedAddress, checkedLine, type MailAddress, readAddresses } from '../mail-address.ts';
import type { Change, Collection } from './collection.ts';
import { invalidField, onlyGiven, readMap, readOptionalText, readText, required } from './fields.ts';
import type { SystemParts } from './parts.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { type Field, type Row, stampFields } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'to', type: 'array' },
  { name: 'cc', type: 'array' },
  { name: 'bcc', type: 'array' },
  { name: 'subject', type: 'string' },
  { name: 'attachment', type: 'array' },
  { name: 'body_text', type: 'text' },
  { name: 'body_html', type: 'text' },
  { name: 'from_name', type: 'string' },
  { name: 'from_email', type: 'string' },
  { name: 'reply_to_name', type: 'string' },
  { name: 'reply_to_email', type: 'string' },
  { name: 'defaults', type: 'object' },
  ...stampFields,
];

const empty: Omit<New<EmailTemplateRecord>, 'name'> = {
  description: null,
  to: [],
  cc: [],
  bcc: [],
  subject: null,
  attachment: [],
  bodyText: null,
  bodyHtml: null,
  fromName: null,
  fromEmail: null,
  replyToName: null,
  replyToEmail: null,
  defaults: {},
};

/** The records of `email_template`. */
export function emailTemplateCollection({ observe }: SystemParts): Collection {
  return {
    name: 'email_template',
    noun: 'mail template',
    identifier: 'id',
    fields,
    rows: async (store) => (await store.emailTemplates.list()).map(rowOf),
    create: async ({ store, written, by }) => {
      const name = required(readName(written), 'name');
      return rowOf(await store.emailTemplates.create({ ...empty, ...readTemplate(written), name }, by));
    },
    update: ({ id }, change) => update(Number(id), change),
    remove: async ({ id }, { store }) => void (await store.emailTemplates.delete(Number(id))),
    applied: async (ids, by) => {
      for (const id of ids) observe({ kind: 'config.changed', record: `email_template/${id}`, by });
    },
  };
}

async function update(id: number, { store, written, by }: Change): Promise<Row> {
  const name = readName(written);
  const changes = { ...readTemplate(written), ...(name === undefined ? {} : { name }) };
  const changed = await store.emailTemplates.update(id, changes, by);
  if (changed === undefined) throw recordNotFound(id);
  return rowOf(changed);
}

function readName(written: Written): string | undefined {
  return readText(written, 'name', { max: limits.templateName });
}

function readTemplate(written: Written): Partial<New<EmailTemplateRecord>> {
  const body = { max: limits.mailTextChars };
  return onlyGiven<Partial<New<EmailTemplateRecord>>>({
    description: readOptionalText(written, 'description', { max: limits.descriptionText }),
    to: readPeople(written, 'to'),
    cc: readPeople(written, 'cc'),
    bcc: readPeople(written, 'bcc'),
    subject: readLine(written, 'subject', limits.mailSubjectChars),
    attachment: readAttachments(written),
    bodyText: readOptionalText(written, 'body_text', body),
    bodyHtml: readOptionalText(written, 'body_html', body),
    fromName: readLine(written, 'from_name'),
    fromEmail: readAddress(written, 'from_email'),
    replyToName: readLine(written, 'reply_to_name'),
    replyToEmail: readAddress(written, 'reply_to_email'),
    defaults: readMap(written, 'defaults'),
  });
}

function readPeople(written: Written, name: string): readonly MailAddress[] | undefined {
  if (!Object.hasOwn(written, name) || written[name] === undefined) return undefined;
  return readAddresses(written[name], name).map((address) => checkedUnlessOpen(address, name));
}

function readAddress(written: Written, name: string): string | null | undefined {
  const email = readLine(written, name);
  if (typeof email === 'string') checkedUnlessOpen({ name: '', email }, name);
  return email;
}

// `{email}` is an address once there is a value for it.
function checkedUnlessOpen(address: MailAddress, field: string): MailAddress {
  if (!mayNameLookups(address.email)) return checkedAddress(address, field);
  checkedLine(address.name, field);
  checkedLine(address.email, field);
  return address;
}

function readLine(written: Written, name: string, max: number = limits.labelText): string | null | undefined {
  const text = readOptionalText(written, name, { max });
  return typeof text === 'string' ? checkedLine(text, name, max) : text;
}

function readAttachments(written: Written): readonly unknown[] | undefined {
  const given = Object.hasOwn(written, 'attachment') ? written.attachment : undefined;
  if (given === undefined) return undefined;
  if (given === null || given === '') return [];
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  const isFine = list.every((one) => one !== null && ['string', 'object'].includes(typeof one));
  if (isFine && list.length <= limits.mailAttachments) return list;
  throw invalidField('attachment', `must be a list of at most ${limits.mailAttachments} files`);
}

function rowOf(template: EmailTemplateRecord): Row {
  return {
    id: template.id,
    name: template.name,
    description: template.description,
    to: template.to,
    cc: template.cc,
    bcc: template.bcc,
    subject: template.subject,
    attachment: template.attachment,
    body_text: template.bodyText,
    body_html: template.bodyHtml,
    from_name: template.fromName,
    from_email: template.fromEmail,
    reply_to_name: template.replyToName,
    reply_to_email: template.replyToEmail,
    defaults: template.defaults,
    created_date: template.createdDate,
    last_modified_date: template.lastModifiedDate,
    created_by_id: template.createdById,
    last_modified_by_id: template.lastModifiedById,
  };
}
