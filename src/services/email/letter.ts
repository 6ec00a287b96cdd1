// What a mail says: the values of the service, of a template and of the request laid over each other, and
// put into texts. Invariant: what is put in is never looked through for placeholders again, so a value that
// somebody gave cannot name lookups; in HTML it cannot be markup either.
import { limits } from '../../core/limits.ts';
import type { Principal } from '../../core/operation.ts';
import type { EmailTemplateRecord } from '../../core/store.ts';
import { lookupValue, type ValueOf, withLookups, withValues } from '../../query/lookups.ts';
import {
  checkedAddress,
  checkedLine,
  invalidMail,
  type MailAddress,
  readAddresses,
} from '../mail-address.ts';
import type { MailAttachment } from './attachments.ts';

type Values = Readonly<Record<string, unknown>>;

/** A mail, ready to be sent. */
export interface Letter {
  readonly from: MailAddress;
  readonly replyTo: MailAddress | undefined;
  readonly to: readonly MailAddress[];
  readonly cc: readonly MailAddress[];
  readonly bcc: readonly MailAddress[];
  readonly subject: string | undefined;
  readonly text: string | undefined;
  readonly html: string | undefined;
  readonly attachments: readonly MailAttachment[];
}

/** What mails are made of, from the least to the most particular. */
export interface LetterSources {
  /** The parameters and the sender of the service. */
  readonly service: Values;
  readonly template: EmailTemplateRecord | undefined;
  /** What the caller sent. */
  readonly body: Values;
  /** Whose lookups they may name. */
  readonly principal: Principal;
}

/** The mail of a request; attachments are still to be fetched. Throws `request.invalid_record`. */
export class Draft {
  readonly #body: Values;
  readonly #values: Values;
  readonly #valueOf: ValueOf;

  constructor({ service, template, body, principal }: LetterSources) {
    this.#body = body;
    const given = { ...meant(service, principal), ...fieldsOf(template) };
    this.#values = { ...given, ...meant(template?.defaults ?? {}, principal), ...body };
    this.#valueOf = (name) => valueAt(this.#values, name) ?? lookupValue(name, principal);
  }

  /** Everything but the attachments: they are fetched only for a mail that can be sent. */
  letter(): Omit<Letter, 'attachments'> {
    const from = this.#sender('from');
    if (from === undefined) throw invalidMail('from_email', 'is missing: the service has none either');
    const [to, cc, bcc] = (['to', 'cc', 'bcc'] as const).map((field) => this.#addresses(field));
    const all = { to: to ?? [], cc: cc ?? [], bcc: bcc ?? [] };
    const count = Object.values(all).reduce((sum, list) => sum + list.length, 0);
    if (count === 0) throw invalidMail('to', 'is missing: a mail needs somebody to go to');
    if (count > limits.mailRecipients) {
      throw invalidMail(
        'to',
        `and cc and bcc name ${count} addresses; a mail goes to ${limits.mailRecipients} at most`,
      );
    }
    const text = this.#text('body_text');
    const html = this.#text('body_html');
    if (text === undefined && html === undefined) {
      throw invalidMail('body_text', 'is missing, and so is body_html: there is nothing to send');
    }
    return { from, replyTo: this.#sender('reply_to'), ...all, subject: this.#subject(), text, html };
  }

  /** What is said of attachments in a field, with what it names put in where it is not the caller's own. */
  attached(field: 'attachment' | 'import_url'): unknown {
    const given = this.#values[field];
    return Object.hasOwn(this.#body, field) ? given : deep(given, (text) => this.#filled(text));
  }

  // Looked at once its values are in it: one of them may hold the line break.
  #subject(): string | undefined {
    const subject = this.#own('subject');
    if (subject === undefined) return undefined;
    return checkedLine(this.#filled(subject), 'subject', limits.mailSubjectChars);
  }

  // Values in HTML are text: whoever fills in a form does not write the mail.
  #text(field: 'body_text' | 'body_html'): string | undefined {
    const text = this.#own(field);
    if (text === undefined) return undefined;
    if (text.length > limits.mailTextChars) {
      throw invalidMail(field, `must have at most ${limits.mailTextChars} characters`);
    }
    if (field === 'body_text') return this.#filled(text);
    return withValues(text, this.#valueOf, escaped);
  }

  // A name without an address is no sender: the service's address stands under it only where it has one.
  #sender(kind: 'from' | 'reply_to'): MailAddress | undefined {
    const email = this.#line(`${kind}_email`);
    if (email === '') return undefined;
    return checkedAddress({ name: this.#line(`${kind}_name`), email }, `${kind}_email`);
  }

  #line(field: string): string {
    const text = (this.#own(field) ?? '').trim();
    return checkedLine(Object.hasOwn(this.#body, field) ? text : this.#filled(text), field);
  }

  // Addresses that the caller gives are data: only those of templates and services have gaps.
  #addresses(field: 'to' | 'cc' | 'bcc'): MailAddress[] {
    const written = readAddresses(this.#values[field], field);
    const isOwn = Object.hasOwn(this.#body, field);
    return written.map(({ name, email }) =>
      checkedAddress(
        isOwn ? { name, email } : { name: this.#filled(name), email: this.#filled(email) },
        field,
      ),
    );
  }

  // A text that is empty counts as none.
  #own(field: string): string | undefined {
    const value = this.#values[field];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value;
    throw invalidMail(field, 'must be text');
  }

  #filled(text: string): string {
    return withValues(text, this.#valueOf);
  }
}

// What a template leaves open does not hide what the service says.
function fieldsOf(template: EmailTemplateRecord | undefined): Values {
  if (template === undefined) return {};
  const { to, cc, bcc, attachment } = template;
  const fields = {
    ...{ to, cc, bcc, attachment, subject: template.subject },
    body_text: template.bodyText,
    body_html: template.bodyHtml,
    from_name: template.fromName,
    from_email: template.fromEmail,
    reply_to_name: template.replyToName,
    reply_to_email: template.replyToEmail,
  };
  const isGiven = (value: unknown) => (Array.isArray(value) ? value.length > 0 : value !== null);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isGiven(value)));
}

// What administrators wrote may name lookups; what came with the request is taken as it is.
function meant(values: Values, principal: Principal): Values {
  return deep(values, (text) => withLookups(text, principal)) as Values;
}

function deep(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => deep(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, deep(item, change)]));
}

// `{order.number}` is a member of a member, unless something has that whole name. Lists and maps are no text.
function valueAt(values: Values, name: string): string | undefined {
  const own = memberOf(values, name) ?? name.split('.').reduce<unknown>(memberOf, values);
  if (own === null) return '';
  return typeof own === 'object' || own === undefined ? undefined : String(own);
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Values)[name];
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(value: string): string {
  return value.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
