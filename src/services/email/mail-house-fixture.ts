// A house with a mail service over a real mail server, for tests of what becomes of requests.
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { Principal } from '../../core/operation.ts';
import { type Answer, type House, openHouse } from '../system/scenario.ts';
import { type Arrived, leaves, type MailServer, startMailServer } from './mail-server-fixture.ts';

/** Asks for mails and looks at what arrived. */
export class MailHouse {
  #server: MailServer | undefined;
  #house: House | undefined;

  /** One mail server for all tests of a file, one house for each. */
  static forEachTest(): MailHouse {
    const made = new MailHouse();
    beforeAll(async () => {
      made.#server = await startMailServer();
    });
    afterAll(() => made.#server?.close());
    beforeEach(async () => {
      made.#house = await openHouse();
      made.mails.length = 0;
    });
    afterEach(() => made.house.services.close());
    return made;
  }

  get house(): House {
    if (this.#house === undefined) throw new Error('the house is open only within a test');
    return this.#house;
  }

  /** What arrived since the test began. */
  get mails(): Arrived[] {
    return this.#server?.mails ?? [];
  }

  /** Makes the service `email`; returns its path below `system`. */
  async addMail(config: Record<string, unknown> = {}): Promise<string> {
    const own = { host: '127.0.0.1', port: this.#server?.port, from_email: 'us@example.com', ...config };
    const { id } = await this.#make('service', {
      name: 'email',
      type: 'smtp_email',
      is_active: true,
      config: own,
    });
    return `service/${id}`;
  }

  async addTemplate(template: Record<string, unknown>): Promise<void> {
    await this.#make('email_template', template);
  }

  /** Sends as the administrator, unless a principal is given. */
  send(body: unknown, query = '', principal: Principal = this.house.admin): Promise<Answer> {
    return this.house.as('email').ask('POST', query, { body, principal });
  }

  async #make(resource: string, record: Record<string, unknown>): Promise<{ readonly id: number }> {
    const made = await this.house.ask('POST', resource, { body: { resource: [record] } });
    expect(made).toMatchObject({ status: 201 });
    return (made.body as { resource: [{ id: number }] }).resource[0];
  }
}

/** The texts of a mail, in their order. */
export function textsOf(mail: Arrived | undefined): string[] {
  return mail === undefined ? [] : leaves(mail).map(({ content }) => content.toString().trim());
}

/** The least that is a mail. */
export const note = { to: 'bo@example.org', subject: 'Note', body_text: 'Hi' };
