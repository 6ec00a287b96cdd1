// A configuration with everything in it that packages hold, for their tests.
import type { Answer, House } from '../scenario.ts';

const brokerConnection = {
  ...{ name: 'mails', type: 'broker', default_queue: 'letters', is_default: true },
  config: { host: 'redis.example.com', port: 6380, password: 'hush-broker' },
};

const nightly = {
  ...{ name: 'each night', component: '_table/contact?limit=1', verb_mask: 2, payload: '{ "a": "ü" }' },
  ...{ cron: '0 3 * * *', time_zone: 'Europe/Stockholm', overlap: 'queue', missed: 'all', jitter: 30 },
  ...{ is_privileged: false, connection: 'mails' },
};

/** Makes it in a house. */
export async function furnishHouse({ ask, store }: House): Promise<void> {
  const make = async (resource: string, record: Record<string, unknown>): Promise<number> => {
    const { status, body } = await ask('POST', resource, { body: { resource: [record] } });
    if (status !== 201) throw new Error(`${resource}: ${JSON.stringify(body)}`);
    return Number((body as { resource: { id: number }[] }).resource[0]?.id);
  };
  const config = { database: 'sales.db', max_records: 50, mode: 'slow', password: 'hush-service' };
  const document = { content: '{"openapi":"3.0.0","paths":{}}', format: 0 };
  const sales = await make('service', { name: 'sales', type: 'echo', config, description: 'Of 2026' });
  await make('service', {
    ...{ name: 'archive', type: 'echo', config: { database: 'old.db' }, is_active: false },
    service_doc_by_service_id: document,
  });
  await store.schemaOverlays.add(
    { serviceId: sales, tableName: 'contact', part: 'table', name: '', settings: { label: 'People' } },
    1,
  );
  await store.schemaOverlays.add(
    {
      ...{ serviceId: sales, tableName: 'contact', part: 'relation', name: 'old' },
      settings: { is_virtual: true, ref_service_id: sales, ref_table: 'phone' },
    },
    1,
  );
  const readers = await make('role', {
    name: 'readers',
    description: 'Who reads',
    role_service_access_by_role_id: [
      { service_id: sales, component: '_table/*', verb_mask: 1, requestor_mask: 3 },
      {
        ...{ service_id: sales, component: '_table/contact', verb_mask: 15, requestor_mask: 1 },
        ...{ filters: [{ name: 'age', operator: '>', value: 3 }], filter_op: 'OR' },
      },
      { service_id: null, component: null, verb_mask: 0, requestor_mask: 1 },
    ],
    lookup_by_role_id: [
      { name: 'region', value: 'north' },
      { name: 'key', value: 'hush-role', private: true },
    ],
  });
  const portal = await make('app', { name: 'portal', role_id: readers, type: 2, url: 'https://example.com' });
  await make('app', { name: 'bare', storage_service_id: sales, storage_container: 'files', type: 1 });
  await make('user', {
    ...{ email: 'grace@example.com', name: 'Grace', password: 'hush-grace-pw', default_app_id: portal },
    user_to_app_to_role_by_user_id: [{ app_id: portal, role_id: readers }],
    lookup_by_user_id: [{ name: 'shoe', value: 'hush-user', private: true }],
  });
  await ask('POST', 'event_script/sales._table.contact.get.post_process', {
    body: { type: 'nodejs', content: '// one\nevent.x = 1;', is_active: true, config: { timeout_ms: 100 } },
  });
  await make('lookup', { name: 'city', value: 'Lund' });
  await make('lookup', { name: 'pin', value: 'hush-lookup', private: true, script_visible: true });
  await make('cors', { path: 'api/v2/sales/*', origin: 'https://example.com', method: ['GET'], max_age: 60 });
  await make('email_template', {
    name: 'welcome',
    subject: 'Hello {name}',
    body_text: 'Hi',
    defaults: { name: 'you' },
  });
  await make('queue_connection', brokerConnection);
  await make('scheduler', { ...nightly, service_id: sales, app_id: portal });
  await make('limit', {
    name: 'per role',
    type: 'instance.role',
    role_id: readers,
    rate: 5,
    period: 'minute',
  });
}

/** Texts that may never be seen outside of a sealed package. */
export const hushed = /hush-/;

/** The user of that house. */
export const grace = 'grace@example.com';

/** What secrets are sealed under. */
export const passphrase = 'a passphrase of some length';

/** A manifest of all that can be exported. */
export const everything = {
  ...{ include_users: true, include_keys: true },
  ...{ secured: true, password: passphrase },
};

/** A package. */
export type Document = Record<string, Record<string, unknown>[]>;

/** The package of a house. */
export async function exported(house: House, manifest: unknown = {}): Promise<Document> {
  const { status, body } = await house.ask('POST', 'package', { body: manifest });
  if (status !== 200) throw new Error(`export: ${JSON.stringify(body)}`);
  return body as Document;
}

interface Change {
  readonly kind: string;
  readonly name: string;
  readonly action: string;
  readonly changes: readonly { readonly field: string; readonly before: unknown; readonly after: unknown }[];
}

/** What an import answers. */
export interface Report {
  readonly dry_run: boolean;
  readonly summary: Record<string, number>;
  readonly resource: readonly Change[];
  readonly warnings: readonly string[];
}

/** Imports a package that is to be taken. */
export async function imported(house: House, document: unknown, query = ''): Promise<Report> {
  const { status, body } = await house.ask('POST', `package${query}`, { body: document });
  if (status !== 200) throw new Error(`import: ${JSON.stringify(body)}`);
  return body as Report;
}

/** What a refusal says. */
export function messageOf({ body }: Answer): string {
  return (body as { error: { message: string } }).error.message;
}
