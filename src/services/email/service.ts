// A mail service: `POST {service}` sends one mail and tells for how many addresses it was taken.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { eventName } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import { type Action, actions, type Operation, type Result } from '../../core/operation.ts';
import type { CallContext, Endpoint, Location, Service } from '../../core/service.ts';
import type { EmailTemplateRecord, Store } from '../../core/store.ts';
import type { Egress } from '../../egress/egress.ts';
import { invalidMail } from '../mail-address.ts';
import { readAttachments } from './attachments.ts';
import { mailEndpoint } from './describe.ts';
import { Draft, type Letter } from './letter.ts';

/** Hands mails over. */
export interface Carrier {
  send(letter: Letter): Promise<{ readonly count: number; readonly refused: readonly string[] }>;
  test(): Promise<void>;
  close(): Promise<void>;
}

/** What a mail service is made of. */
export interface EmailServiceParts {
  readonly name: string;
  readonly type: string;
  /** What all mails say unless they say otherwise. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly templates: Pick<Store['emailTemplates'], 'get' | 'list'>;
  readonly outgoing: Pick<Egress, 'call'>;
  readonly carrier: Carrier;
}

/** A service that sends mail. */
export class EmailService implements Service {
  readonly name: string;
  readonly type: string;
  readonly #parts: EmailServiceParts;
  readonly #locations: Readonly<Record<Action, Location>>;
  readonly #endpoints: readonly Endpoint[] = [mailEndpoint];
  #sending = 0;

  constructor(parts: EmailServiceParts) {
    this.name = parts.name;
    this.type = parts.type;
    this.#parts = parts;
    const locations = actions.map((action) => {
      return [action, { component: '', events: [{ name: eventName(parts.name, [], action), drop: 0 }] }];
    });
    this.#locations = Object.fromEntries(locations);
  }

  locate(path: readonly string[], action: Action): Location | undefined {
    return path.length === 0 ? this.#locations[action] : undefined;
  }

  async handle(operation: Operation, _location: Location, context: CallContext): Promise<Result> {
    if (operation.action !== 'POST') throw this.#unsupported(operation);
    if (this.#sending >= limits.mailsAtOnce) throw this.#busy();
    this.#sending++;
    try {
      return await this.#send(operation, context);
    } finally {
      this.#sending--;
    }
  }

  async #send(operation: Operation, context: CallContext): Promise<Result> {
    const { values, carrier, outgoing } = this.#parts;
    const { principal } = operation;
    const template = await this.#template(operation);
    const draft = new Draft({ service: values, template, body: bodyOf(operation), principal });
    // All that can be wrong with the mail itself is told before anything is fetched for it.
    const letter = draft.letter();
    const reach = { operation, context, outgoing };
    const attached = await readAttachments(draft.attached('attachment'), 'attachment', reach);
    const imported = await readAttachments(draft.attached('import_url'), 'import_url', reach);
    const { count, refused } = await carrier.send({ ...letter, attachments: [...attached, ...imported] });
    const headers = refused.length === 0 ? {} : { 'X-Tenon-Warning': warningOf(refused) };
    return { status: 200, headers, body: Body.ofValue({ count }) };
  }

  describe(): readonly Endpoint[] {
    return this.#endpoints;
  }

  test(): Promise<void> {
    return this.#parts.carrier.test();
  }

  close(): Promise<void> {
    return this.#parts.carrier.close();
  }

  // Templates are looked up for each mail, so that a change counts at once, whichever process made it.
  async #template({ request }: Operation): Promise<EmailTemplateRecord | undefined> {
    const { template: name, template_id: id } = request.parameters;
    const { templates } = this.#parts;
    if (isGiven(name)) {
      const found = (await templates.list()).find((candidate) => candidate.name === name);
      return found ?? noTemplate(name);
    }
    if (!isGiven(id)) return undefined;
    const number = /^\d{1,15}$/.test(String(id)) ? Number(id) : Number.NaN;
    return (Number.isNaN(number) ? undefined : await templates.get(number)) ?? noTemplate(id);
  }

  #busy(): PlatformError {
    return new PlatformError(
      'service.unavailable',
      `Service '${this.name}' is sending ${limits.mailsAtOnce} mails at the moment. Try again later.`,
    );
  }

  #unsupported({ action }: Operation): PlatformError {
    return new PlatformError(
      'request.unsupported_verb',
      `${action} requests are not currently supported by the '${this.name}' service. POST sends a mail.`,
    );
  }
}

// Headers are of ASCII; addresses need not be.
function warningOf(refused: readonly string[]): string {
  const text = `Not taken for: ${refused.join(', ')}`;
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, limits.warningChars);
}

function isGiven(value: unknown): value is string | number {
  return (typeof value === 'string' && value !== '') || typeof value === 'number';
}

function noTemplate(name: string | number): never {
  throw new PlatformError('request.not_found', `Email Template '${name}' not found.`);
}

function bodyOf({ request }: Operation): Readonly<Record<string, unknown>> {
  const content = request.body?.value ?? {};
  if (content === '') return {};
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { ...content };
  throw invalidMail('body', 'of the request must be one JSON object');
}
