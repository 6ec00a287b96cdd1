// What a system begins with: its first administrator, the records of its own services, the templates of its
// mails. Invariant: whatever is there already stays as it is, whoever made it.
import type { Config } from './config.ts';
import { PlatformError } from './core/errors.ts';
import type { New, Repository, Stamps, Store } from './core/store.ts';
import type { AuditLog } from './security/audit.ts';
import { createFirstAdministrator } from './security/first-administrator.ts';
import type { Passwords } from './security/passwords.ts';
import { apiDocsServiceRecord } from './services/api-docs/index.ts';
import type { Services } from './services/directory.ts';
import { userMailTemplates, userServiceRecord } from './services/user/index.ts';

/** A service to configure at the start, where none of that name is there yet. */
export interface InitialService {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Told the password that was made up for the first administrator. */
export type Announce = (account: { email: string; password: string }) => void;

/** What first records are made with. */
export interface FirstRecordsParts {
  readonly config: Pick<Config, 'adminEmail' | 'adminPassword'>;
  readonly store: Store;
  readonly services: Services;
  readonly passwords: Passwords;
  readonly audit: AuditLog;
  readonly announce: Announce;
}

/** Makes what is not there yet. */
export async function makeFirstRecords(
  parts: FirstRecordsParts,
  initial: readonly InitialService[],
): Promise<void> {
  const { config, store, passwords, audit, announce } = parts;
  const { adminEmail: email, adminPassword: password } = config;
  const made = await createFirstAdministrator({ store, passwords, audit, email, password });
  if (made !== undefined) announce(made);
  for (const record of [userServiceRecord, apiDocsServiceRecord]) await createRecord(store.services, record);
  for (const record of userMailTemplates) await createRecord(store.emailTemplates, record);
  await createInitialServices(initial, parts);
}

/** Prints the password that was made up for the first administrator. */
export function announceOnce({ email, password }: { email: string; password: string }): void {
  console.log(`First start: administrator ${email}, one-time password ${password}`);
  console.log('  It is shown only now; change it with POST /api/v2/system/admin/password.');
}

// Another process that starts at the same time may make it first; then it is there, and that is all we want.
async function createRecord<Entry extends Stamps & { readonly name: string }>(
  records: Repository<Entry, number>,
  record: New<Entry> & { readonly name: string },
): Promise<void> {
  const isThere = (await records.list()).some(({ name }) => name === record.name);
  if (isThere) return;
  try {
    await records.create(record, null);
  } catch (error) {
    if (!(error instanceof PlatformError) || error.kind !== 'config.conflict') throw error;
  }
}

async function createInitialServices(
  wanted: readonly InitialService[],
  { store, services, audit }: Pick<FirstRecordsParts, 'store' | 'services' | 'audit'>,
): Promise<void> {
  const nobody = { userId: null, userEmail: null, remoteAddress: null, door: 'cli' } as const;
  const taken = new Set((await store.services.list()).map((record) => record.name));
  for (const { name, label, type, config } of wanted.filter((service) => !taken.has(service.name))) {
    const prepared = services.prepare({ name, type, isActive: true, config }, undefined);
    const fixed = { description: null, isActive: true, mutable: true, deletable: true, document: null };
    const record = { name, label, type, config: prepared, ...fixed };
    await store.transaction(async (inside) => {
      const { id } = await inside.services.create(record, null);
      const note = { ...nobody, action: 'create', record: `service/${id}`, before: null };
      await audit.add({ ...note, after: { id, name, type } }, inside);
    });
  }
}
