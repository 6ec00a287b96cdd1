// A mail service for tests of accounts: what is posted to it lies in a list.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import type { Service, ServiceType } from '../../core/service.ts';
import { type House, openHouse } from '../system/scenario.ts';
import { userMailTemplates, userServiceRecord } from './index.ts';

/** A mail as it was posted to the service. */
export interface Mail {
  readonly template: unknown;
  readonly to: readonly { readonly email: string }[];
  readonly code: string;
  readonly link: string;
  readonly [variable: string]: unknown;
}

/** A house with the service `user` and a mail service. */
export interface PostHouse {
  readonly house: House;
  readonly mails: Mail[];
  /** Whether the mail service is out of order. */
  isDown: boolean;
  /** Resolves with the next mail, and takes it out. */
  next(): Promise<Mail>;
  /** Resolves when what was begun behind answers is over. */
  quiet(): Promise<void>;
  /** Sets fields of the configuration of the service `user`; `post` stands for the mail service's id. */
  configure(config: Readonly<Record<string, unknown>>): Promise<number>;
}

/** Opens one. */
export async function openPostHouse(): Promise<PostHouse> {
  const house = await openHouse();
  const mails: Mail[] = [];
  const state = { isDown: false };
  house.services.install(mailboxType(mails, state));
  await house.store.services.create(userServiceRecord, null);
  for (const template of userMailTemplates) await house.store.emailTemplates.create(template, null);
  house.services.reload(await house.store.services.list());
  await house.ask('POST', 'service', { body: { name: 'post', type: 'mailbox', label: 'Post' } });
  const [user, post] = await Promise.all(['user', 'post'].map((name) => idOf(house, name)));
  return Object.assign(state, {
    house,
    mails,
    next: async () => {
      while (mails.length === 0) await turn();
      return mails.shift() as Mail;
    },
    quiet: async () => {
      for (let i = 0; i < 50; i++) await turn();
    },
    configure: async (config: Readonly<Record<string, unknown>>) => {
      const entries = Object.entries(config).map(([name, value]) => [name, value === 'post' ? post : value]);
      const body = { config: Object.fromEntries(entries) };
      return (await house.ask('PATCH', `service/${user}`, { body })).status;
    },
  });
}

async function idOf(house: House, name: string): Promise<number> {
  const records = await house.store.services.list();
  return records.find((record) => record.name === name)?.id ?? 0;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function mailboxType(mails: Mail[], state: { readonly isDown: boolean }): ServiceType {
  const service: Service = {
    name: 'post',
    type: 'mailbox',
    locate: () => ({ component: '', events: [] }),
    handle: ({ request }) => {
      if (state.isDown) throw new PlatformError('service.unavailable', 'The post is on strike.');
      mails.push({ template: request.parameters.template, ...(request.body?.value as object) } as Mail);
      return { status: 200, headers: {}, body: Body.ofValue({ count: 1 }) };
    },
    describe: () => [],
  };
  return {
    ...{ name: 'mailbox', label: 'Mailbox', description: 'Keeps mails.', group: 'Email' },
    ...{ singleton: false, config: [], create: () => service },
  };
}
