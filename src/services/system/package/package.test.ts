import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type House, openHouse } from '../scenario.ts';
import { everything, exported, furnishHouse, grace, hushed, imported, passphrase } from './scenario.ts';

let first: House;
let second: House;

beforeEach(async () => {
  first = await openHouse();
  second = await openHouse();
  await furnishHouse(first);
});

afterEach(async () => {
  await first.store.close();
  await second.store.close();
});

describe('from one house to another', () => {
  test('the same package comes out again, and a second import changes nothing', async () => {
    const document = await exported(first);
    const report = await imported(second, document);
    expect(report.summary).toMatchObject({ created: 13, updated: 0, unchanged: 0 });
    expect(await exported(second)).toEqual(document);
    const generation = await second.store.generation();
    expect((await imported(second, document)).summary).toMatchObject({
      created: 0,
      updated: 0,
      unchanged: 13,
    });
    expect(await second.store.generation()).toBe(generation);
  });

  test('with secrets, keys and accounts under a passphrase', async () => {
    const document = await exported(first, everything);
    const text = JSON.stringify(document);
    expect(text).not.toMatch(hushed);
    expect(text).not.toContain('argon2');
    const { apiKey = '' } = (await first.store.apps.list())[0] ?? {};
    expect(text).not.toContain(apiKey);
    // The administrator of the second house has the address of the first one's, and takes over his password.
    await imported(second, { ...document, password: passphrase });
    expect((await second.store.apps.list()).find(({ name }) => name === 'portal')?.apiKey).toBe(apiKey);
    const service = (await second.store.services.list()).find(({ name }) => name === 'sales');
    expect(JSON.stringify(service?.config)).not.toMatch(hushed);
    const open = await exported(second, everything);
    const again = await imported(first, { ...open, password: passphrase });
    expect(again.summary).toMatchObject({ created: 0, updated: 0 });
    const [one, other] = await Promise.all(
      [first, second].map(({ store }) => store.users.findByEmail(grace)),
    );
    expect(other?.passwordHash).toBe(one?.passwordHash);
  });

  test('references are names, and what the store adds is not there', async () => {
    const document = await exported(first, { include_users: true });
    const text = JSON.stringify(document);
    expect(text).not.toMatch(/"(id|created_date|last_modified_by_id|role_id|service_id|app_id)":/);
    expect(document.app?.find(({ name }) => name === 'portal')).toMatchObject({ role: 'readers' });
    expect(document.app?.find(({ name }) => name === 'bare')).toMatchObject({ storage_service: 'sales' });
    expect(document.user?.[0]).toMatchObject({
      email: 'grace@example.com',
      default_app: 'portal',
      user_to_app_to_role_by_user_id: [{ app: 'portal', role: 'readers' }],
    });
    expect(document.limit?.[0]).toMatchObject({ role: 'readers', user: null, service: null });
    expect(document.service?.find(({ name }) => name === 'sales')?.schema).toContainEqual(
      expect.objectContaining({ settings: expect.objectContaining({ ref_service: 'sales' }) }),
    );
  });

  test('without a passphrase no secret is in it, not even masked or hashed', async () => {
    const text = JSON.stringify(await exported(first, { include_users: true }));
    expect(text).not.toMatch(hushed);
    expect(text).not.toMatch(/\*\*\*|argon2|password|api_key|tenon:1:/);
  });

  test('ids that differ there do not matter', async () => {
    await second.ask('POST', 'role', { body: { resource: [{ name: 'a' }, { name: 'b' }] } });
    const config = { database: 'x' };
    await second.ask('POST', 'service', { body: { resource: [{ name: 'other', type: 'echo', config }] } });
    await imported(second, await exported(first));
    const { body } = await second.ask('GET', 'app?filter=name=portal&related=role_by_role_id');
    expect(body).toMatchObject({ resource: [{ role_by_role_id: { name: 'readers' } }] });
  });

  test('a connection of queues goes with its secret only where that is sealed', async () => {
    await imported(second, { ...(await exported(first, everything)), password: passphrase });
    const opened = async (house: House) => {
      const [record] = await house.store.queueConnections.list();
      return house.secrets.open(String(record?.config.password), 'queue_connection|mails|config.password');
    };
    expect([await opened(first), await opened(second)]).toEqual(['"hush-broker"', '"hush-broker"']);
    const [open] = (await exported(first)).queue_connection ?? [];
    expect(open).toMatchObject({ name: 'mails', config: { host: 'redis.example.com', port: 6380 } });
    expect(open?.config).not.toHaveProperty('password');
    const unknown = { name: 'mails', type: 'broker', config: { hostname: 'x' } };
    const { status, body } = await second.ask('POST', 'package', {
      body: { tenon_package: 1, queue_connection: [unknown] },
    });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain("no setting of queue connections of type 'broker'");
  });

  test('what is imported is in force, and in the audit log', async () => {
    const document = await exported(first);
    await imported(second, document);
    expect((await second.as('sales').ask('GET', '')).body).toEqual({ database: 'sales.db' });
    expect(second.scripts).toEqual(['sales._table.contact.get.post_process']);
    const entries = await second.store.audit.list({ limit: 100 });
    expect(entries.map(({ action }) => action)).toContain('import');
    expect(entries.filter(({ action }) => action === 'create')).toHaveLength(13);
    expect(JSON.stringify(entries)).not.toMatch(hushed);
    await exported(first, everything);
    const [latest] = await first.store.audit.list({ limit: 1 });
    expect(latest).toMatchObject({
      action: 'export_secrets',
      record: 'package',
      userEmail: 'admin@example.com',
    });
  });
});

describe('a dry run', () => {
  test('tells what would change, and changes nothing', async () => {
    const document = await exported(first);
    await imported(second, document);
    const before = await exported(second);
    const generation = await second.store.generation();
    const [script] = document.event_script ?? [];
    const changed = {
      ...document,
      event_script: [{ ...script, content: '// two' }],
      cors: [...(document.cors ?? []), { path: 'new', origin: 'https://new.example.com' }],
    };
    const report = await imported(second, changed, '?dry_run=true');
    expect(report).toMatchObject({ dry_run: true, summary: { created: 1, updated: 1, unchanged: 12 } });
    expect(report.resource.filter(({ action }) => action === 'updated')).toEqual([
      {
        kind: 'event_script',
        name: 'sales._table.contact.get.post_process',
        action: 'updated',
        changes: [{ field: 'content', before: '// one\nevent.x = 1;', after: '// two' }],
      },
    ]);
    expect(await exported(second)).toEqual(before);
    expect(await second.store.generation()).toBe(generation);
    const entries = await second.store.audit.list({ limit: 100 });
    expect(entries.filter(({ action }) => action === 'import')).toHaveLength(1);
  });

  test('tells the rows of a role that come and go', async () => {
    const document = await exported(first);
    const [role = {}] = document.role ?? [];
    const rows = role.role_service_access_by_role_id as Record<string, unknown>[];
    const others = [...rows.slice(1), { service: 'sales', component: '_schema/*', verb_mask: 1 }];
    const wanted = { ...role, role_service_access_by_role_id: others };
    const { resource } = await imported(first, { tenon_package: 1, role: [wanted] }, '?dry_run=true');
    const fields = resource[0]?.changes.map(({ field, before, after }) => [
      field,
      before === null,
      after === null,
    ]);
    expect(fields).toEqual([
      [expect.stringMatching(/^role_service_access_by_role_id\[/), false, true],
      ['role_service_access_by_role_id[sales, _schema/*, 1]', true, false],
    ]);
  });

  test('masks secrets, also those that would be written', async () => {
    const config = { password: 'hush-new' };
    const document = { tenon_package: 1, service: [{ name: 'sales', config }], lookup: [] as unknown[] };
    document.lookup.push({ name: 'pin', value: 'hush-new', private: true });
    const report = await imported(first, document, '?dry_run=true');
    expect(JSON.stringify(report)).not.toMatch(hushed);
    expect(report.resource.map(({ changes }) => changes)).toEqual([
      [{ field: 'config.password', before: '********', after: '********' }],
      [{ field: 'value', before: '********', after: '********' }],
    ]);
  });
});

describe('what is written by hand', () => {
  test('may leave out what stays as it is', async () => {
    const document = { tenon_package: 1, service: [{ name: 'sales', config: { max_records: 7 } }] };
    const report = await imported(first, document);
    expect(report.resource).toEqual([
      {
        kind: 'service',
        name: 'sales',
        action: 'updated',
        changes: [{ field: 'config.max_records', before: 50, after: 7 }],
      },
    ]);
    const { body } = await first.ask('GET', 'service?filter=name=sales');
    const [row] = (body as { resource: { config: unknown; description: string }[] }).resource;
    expect(row).toMatchObject({
      description: 'Of 2026',
      config: { database: 'sales.db', password: '********' },
    });
    expect((await imported(first, document)).summary).toMatchObject({ unchanged: 1 });
  });

  test('masked values never replace stored ones', async () => {
    const config = { password: '********', max_records: 8 };
    const role = {
      name: 'readers',
      lookup_by_role_id: [
        { name: 'key', value: '********', private: true },
        { name: 'region', value: 'south' },
      ],
    };
    const lookup = [{ name: 'pin', value: '********' }];
    await imported(first, { tenon_package: 1, service: [{ name: 'sales', config }], role: [role], lookup });
    const sealed = await exported(first, everything);
    await imported(second, { ...sealed, password: passphrase });
    const secrets = (await second.store.lookups.list())
      .filter(({ isPrivate }) => isPrivate)
      .map(({ owner, name, value }) => second.secrets.open(value, `lookup|${owner}|${name}`));
    expect(secrets.sort()).toEqual(['hush-lookup', 'hush-role', 'hush-user']);
  });

  test('text with space around it, and rows without their defaults, are no change', async () => {
    const role = {
      name: 'new',
      description: ' text \n',
      role_service_access_by_role_id: [{ service: 'sales', component: '_table/*', verb_mask: 1 }],
    };
    const document = { tenon_package: 1, role: [role] };
    expect((await imported(first, document)).summary).toMatchObject({ created: 1 });
    expect((await imported(first, document)).summary).toMatchObject({ unchanged: 1 });
  });

  test('names in which case says nothing are the same in any case', async () => {
    const app = [{ name: 'bare', storage_service: 'SALES' }];
    const document = { tenon_package: 1, service: [{ name: 'Sales', label: 'Of sales' }], app };
    expect((await imported(first, document)).summary).toMatchObject({ created: 0, updated: 1, unchanged: 1 });
    const user = [{ email: ' Grace@Example.com', phone: '12' }];
    expect((await imported(first, { tenon_package: 1, user })).summary).toMatchObject({ updated: 1 });
    expect((await imported(first, { tenon_package: 1, user })).summary).toMatchObject({ unchanged: 1 });
    expect(await first.store.users.findByEmail(grace)).toMatchObject({ phone: '12' });
  });

  test('existing records are skipped where they may not be changed', async () => {
    const document = {
      tenon_package: 1,
      lookup: [
        { name: 'city', value: 'Oslo' },
        { name: 'street', value: 'High' },
      ],
    };
    const report = await imported(first, document, '?overwrite=false');
    expect(report.summary).toMatchObject({ created: 1, updated: 0, skipped: 1 });
    const { body } = await first.ask('GET', "lookup?filter=name='city'&fields=value");
    expect(body).toEqual({ resource: [{ value: 'Lund' }] });
  });

  test('what a package does not hold is removed only where that is asked for, and only of its kinds', async () => {
    const document = { tenon_package: 1, lookup: [{ name: 'city' }] };
    expect((await imported(first, document)).summary).toMatchObject({ deleted: 0 });
    const report = await imported(first, document, '?delete_missing=true');
    expect(report.summary).toMatchObject({ deleted: 1, unchanged: 1 });
    expect(await first.store.roles.list()).toHaveLength(1);
    const accounts = { tenon_package: 1, admin: [], user: [], service: [] };
    await imported(first, accounts, '?delete_missing=true');
    expect((await first.store.users.list()).map(({ email }) => email)).toEqual(['admin@example.com']);
  });

  test('an administrator is made without a password that anybody knows', async () => {
    await imported(first, { tenon_package: 1, admin: [{ email: 'two@example.com' }] });
    const made = await first.store.users.findByEmail('two@example.com');
    expect(made).toMatchObject({ isSysAdmin: true, passwordHash: expect.stringMatching(/^\$argon2id/) });
  });

  test('scripts that cannot be loaded are stored with a warning, also in a dry run', async () => {
    const name = 'sales._table.phone.get.pre_process';
    const document = { tenon_package: 1, event_script: [{ name, type: 'nodejs', content: '(((' }] };
    for (const query of ['?dry_run=true', '']) {
      const { warnings } = await imported(first, document, query);
      expect(warnings).toEqual([expect.stringContaining(name)]);
    }
  });

  test('services and their roles may name each other in any order', async () => {
    const schema = [{ table: 'a', part: 'relation', name: 'r', settings: { ref_service: 'b' } }];
    const service = [
      { name: 'a', type: 'echo', config: { database: 'a' }, schema },
      { name: 'b', type: 'echo', config: { database: 'b' } },
    ];
    const report = await imported(second, { tenon_package: 1, service });
    expect(report.summary).toMatchObject({ created: 2 });
    const [a] = (await exported(second)).service ?? [];
    expect(a?.schema).toEqual(schema);
  });
});
