import { unzipSync, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Body } from '../../../core/body.ts';
import { anonymous } from '../../../core/operation.ts';
import { roleOf } from '../../../core/role-fixture.ts';
import { type Answer, type House, openHouse, principalOf } from '../scenario.ts';
import { furnishHouse, hushed } from './scenario.ts';

const grace = 'grace@example.com';
const passphrase = 'a passphrase of some length';
const everything = { include_users: true, include_keys: true, secured: true, password: passphrase };

type Document = Record<string, Record<string, unknown>[]>;

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

async function exported(house: House, manifest: unknown = {}): Promise<Document> {
  const { status, body } = await house.ask('POST', 'package', { body: manifest });
  expect(status).toBe(200);
  return body as Document;
}

interface Change {
  readonly kind: string;
  readonly name: string;
  readonly action: string;
  readonly changes: readonly { readonly field: string; readonly before: unknown; readonly after: unknown }[];
}

interface Report {
  readonly dry_run: boolean;
  readonly summary: Record<string, number>;
  readonly resource: readonly Change[];
  readonly warnings: readonly string[];
}

async function imported(house: House, document: unknown, query = ''): Promise<Report> {
  const { status, body } = await house.ask('POST', `package${query}`, { body: document });
  expect(body).not.toHaveProperty('error');
  expect(status).toBe(200);
  return body as Report;
}

function messageOf({ body }: Answer): string {
  return (body as { error: { message: string } }).error.message;
}

describe('from one house to another', () => {
  test('the same package comes out again, and a second import changes nothing', async () => {
    const document = await exported(first);
    const report = await imported(second, document);
    expect(report.summary).toMatchObject({ created: 11, updated: 0, unchanged: 0 });
    expect(await exported(second)).toEqual(document);
    const generation = await second.store.generation();
    expect((await imported(second, document)).summary).toMatchObject({
      created: 0,
      updated: 0,
      unchanged: 11,
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

  test('what is imported is in force, and in the audit log', async () => {
    const document = await exported(first);
    await imported(second, document);
    expect((await second.as('sales').ask('GET', '')).body).toEqual({ database: 'sales.db' });
    expect(second.scripts).toEqual(['sales._table.contact.get.post_process']);
    const entries = await second.store.audit.list({ limit: 100 });
    expect(entries.map(({ action }) => action)).toContain('import');
    expect(entries.filter(({ action }) => action === 'create')).toHaveLength(11);
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
    expect(report).toMatchObject({ dry_run: true, summary: { created: 1, updated: 1, unchanged: 10 } });
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

describe('what is exported', () => {
  test('GET tells what there is, and its answer is a manifest', async () => {
    const { body } = await first.ask('GET', 'package');
    expect(body).toMatchObject({
      service: { system: { service: ['archive', 'sales'], role: ['readers'], user: ['grace@example.com'] } },
      secured: false,
    });
    const document = await exported(first, body);
    expect(document.user).toHaveLength(1);
  });

  test.each([
    ['names', { service: { system: { role: ['readers'], app: ['portal'] } } }, ['role', 'app']],
    ['ids', { service: { system: { role: [1] } } }, ['role']],
    ['all of a kind', { service: { system: { lookup: true, cors: '*' } } }, ['lookup', 'cors']],
  ])('a manifest chooses by %s', async (_by, manifest, kinds) => {
    const { tenon_package: _version, ...document } = await exported(first, manifest);
    expect(Object.keys(document).sort()).toEqual([...kinds].sort());
    for (const records of Object.values(document)) expect(records.length).toBeGreaterThan(0);
  });

  test('?only= chooses kinds, also in the plural', async () => {
    const { body } = await first.ask('POST', 'package?only=roles,service', { body: {} });
    expect(Object.keys(body as object)).toEqual(['tenon_package', 'service', 'role']);
  });

  test('API keys only where they are asked for', async () => {
    const open = await exported(first, { include_keys: true });
    expect(open.app?.[0]?.api_key).toMatch(/^[0-9a-f]{64}$/);
    expect(open).not.toHaveProperty('secrets');
    const [before] = await second.store.apps.list();
    expect(before).toBeUndefined();
    await imported(
      second,
      await exported(first, { service: { system: { role: true, service: true, app: true } } }),
    );
    const key = (await second.store.apps.list())[0]?.apiKey;
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    await imported(second, await exported(first));
    expect((await second.store.apps.list())[0]?.apiKey).toBe(key);
  });

  test.each([
    [{ service: { system: { nothing: true } } }, 400, /service\.system\.nothing/],
    [{ service: { sales: ['contact'] } }, 400, /service\.sales.*no data/],
    [{ service: [] }, 400, /'service' must be an object/],
    [{ service: { system: { role: 'readers' } } }, 400, /service\.system\.role/],
    [{ service: { system: { role: ['writers'] } } }, 404, /'writers'/],
    [{ secured: true }, 400, /'password' is required/],
    [{ secured: true, password: 'short' }, 400, /at least 12 characters/],
    [{ include_users: 'yes' }, 400, /include_users/],
  ])('the manifest %j is refused', async (manifest, status, message) => {
    const answer = await first.ask('POST', 'package', { body: manifest });
    expect(answer.status).toBe(status);
    expect(messageOf(answer)).toMatch(message);
  });

  test('a zip file, the same bytes each time, and back again', async () => {
    const reply = await first.reply('POST', 'package?format=zip', { body: {} });
    const bytes = reply.body?.bytes ?? new Uint8Array();
    expect(reply.headers['content-disposition']).toContain('tenon.zip');
    expect(Object.keys(unzipSync(bytes))).toContain('system/role.json');
    const again = await first.reply('POST', 'package', { headers: { accept: 'application/zip' } });
    expect(Buffer.from(again.body?.bytes ?? []).equals(Buffer.from(bytes))).toBe(true);
    const upload = Body.ofBytes(bytes, 'application/zip');
    const { status, body } = await second.ask('POST', 'package', { content: upload });
    expect(status).toBe(200);
    expect(body).toMatchObject({ summary: { created: 11 } });
    expect(await exported(second)).toEqual(await exported(first));
  });

  test('YAML, and back again', async () => {
    const reply = await first.reply('POST', 'package?format=yaml', { body: {} });
    const text = reply.body?.text ?? '';
    expect(text).toMatch(/^tenon_package: 1$/m);
    expect(text).toContain('content: |-\n      // one\n      event.x = 1;');
    const upload = Body.ofText(text, 'application/yaml');
    expect((await second.ask('POST', 'package', { content: upload })).status).toBe(200);
    expect(await exported(second)).toEqual(await exported(first));
  });

  test('a form with a file is imported, with the passphrase in its header', async () => {
    const reply = await first.reply('POST', 'package?format=zip', { body: everything });
    const form = new FormData();
    form.set('files', new Blob([Buffer.from(reply.body?.bytes ?? [])]), 'tenon.zip');
    const sent = new Response(form);
    const type = sent.headers.get('content-type') ?? '';
    const content = Body.ofBytes(new Uint8Array(await sent.arrayBuffer()), 'multipart/form-data');
    const headers = { 'content-type': type, 'x-tenon-passphrase': passphrase };
    const { status } = await second.ask('POST', 'package', { content, headers });
    expect(status).toBe(200);
  });
});

describe('what cannot be imported changes nothing, and says which record it was', () => {
  const role = (access: unknown) => ({
    tenon_package: 1,
    lookup: [{ name: 'fine', value: '1' }],
    role: [{ name: 'x', role_service_access_by_role_id: access }],
  });

  test.each([
    [{ tenon_package: 2 }, /version is 2/],
    [{ tenon_package: 1, secret: [] }, /part 'secret'/],
    [{ tenon_package: 1, role: {} }, /'role' must be a list/],
    [{ tenon_package: 1, role: [1] }, /'role' must be a list of objects/],
    [{ tenon_package: 1, role: [{}] }, /Record 0 of 'role' has no 'name'/],
    [{ tenon_package: 1, role: [{ name: 'a' }, { name: 'a' }] }, /two records 'a'/],
    [{ tenon_package: 1, role: [{ name: 'a', is_actve: true }] }, /role 'a'.*'is_actve'/],
    [{ tenon_package: 1, role: [{ name: 'a', id: 1 }] }, /role 'a'.*'id'/],
    [{ tenon_package: 1, role: [{ name: 'a', is_active: 'maybe' }] }, /role 'a'.*'is_active'/],
    [{ tenon_package: 1, service: [{ name: 'a', type: 'nosuch' }] }, /service 'a'.*'nosuch'/],
    [{ tenon_package: 1, service: [{ name: 'system', label: 'x' }] }, /service 'system'/],
    [
      { tenon_package: 1, service: [{ name: 'a', type: 'echo', config: { databse: 'x' } }] },
      /config\.databse/,
    ],
    [{ tenon_package: 1, service: [{ name: 'a', type: 'echo', config: 'x' }] }, /service 'a'.*config/],
    [{ tenon_package: 1, app: [{ name: 'a', role: 'nobody' }] }, /app 'a'.*'role' names 'nobody'/],
    [{ tenon_package: 1, app: [{ name: 'a', role_id: 1 }] }, /app 'a'.*'role_id'/],
    [{ tenon_package: 1, app: [{ name: 'a', api_key: 'short' }] }, /app 'a'.*'api_key'/],
    [{ tenon_package: 1, user: [{ email: 'a@b.c', password_hash: 'x' }] }, /user 'a@b.c'.*'password_hash'/],
    [{ tenon_package: 1, event_script: [{ name: 'no', type: 'nodejs' }] }, /event script 'no'/],
    [{ tenon_package: 1, event_script: [{ name: 'sales.get.pre_process', type: 'cobol' }] }, /cobol/],
    [{ tenon_package: 1, lookup: [{ name: 'user.id', value: '1' }] }, /lookup 'user.id'/],
    [{ tenon_package: 1, service: [{ name: 'sales', schema: 7 }] }, /service 'sales'.*'schema'/],
    [
      {
        tenon_package: 1,
        service: [{ name: 'sales', schema: [{ table: 't', part: 'x', name: '', settings: {} }] }],
      },
      /schema\[0\]/,
    ],
    [
      {
        tenon_package: 1,
        service: [
          {
            name: 'sales',
            schema: [
              {
                table: 't',
                part: 'field',
                name: 'f',
                settings: { db_function: [{ use: ['SELECT'], function: 'a;b' }] },
              },
            ],
          },
        ],
      },
      /service 'sales'.*db_function/,
    ],
    [{ tenon_package: 1, lookup: [{ name: 'a', value: { $sealed: 'AAAA' } }] }, /sealed values/],
    [role([{ service: 'nobody', verb_mask: 1 }]), /role 'x'.*'service' names 'nobody'/],
    [role([{ component: '*', verb_mask: 1 }]), /role 'x'.*service_id/],
    [role([{ service_id: 1 }]), /role 'x'.*service_id/],
    [role('all'), /role 'x'.*must be a list/],
    [role([{ service: null, verb_mask: 99 }]), /role 'x'.*verb_mask'/],
  ])('%j', async (document, message) => {
    const before = await exported(first, everything.include_users ? { include_users: true } : {});
    const generation = await first.store.generation();
    const answer = await first.ask('POST', 'package', { body: document });
    expect(messageOf(answer)).toMatch(message);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(await exported(first, { include_users: true })).toEqual(before);
    expect(await first.store.generation()).toBe(generation);
  });

  test('sealed values want their passphrase, unchanged and at their place', async () => {
    const document = await exported(first, everything);
    const none = await second.ask('POST', 'package', { body: document });
    expect(messageOf(none)).toMatch(/Give the passphrase/);
    const other = await second.ask('POST', 'package', {
      body: { ...document, password: 'another passphrase' },
    });
    expect(messageOf(other)).toMatch(/can not be opened/);
    expect(other.status).toBe(400);
    const [service = {}] = (document.service ?? []).filter(({ name }) => name === 'sales');
    const moved = { ...document, service: [{ ...service, name: 'stolen' }], password: passphrase };
    expect(messageOf(await second.ask('POST', 'package', { body: moved }))).toMatch(/changed or moved/);
    const header = { ...(document.secrets as unknown as object), n: 2 ** 24 };
    const costly = { ...document, secrets: header, password: passphrase };
    expect(messageOf(await second.ask('POST', 'package', { body: costly }))).toMatch(/'secrets'/);
  });

  test.each([
    [
      'a file of another name',
      { '../../etc/passwd': 'x', 'package.json': '{"tenon_package":1}' },
      /has a file/,
    ],
    ['no head', { 'system/role.json': '[]' }, /no 'package.json'/],
    ['no JSON', { 'package.json': '{' }, /'package.json' can not be read/],
    [
      'a kind that there is not',
      { 'package.json': '{"tenon_package":1}', 'system/run.json': '[]' },
      /part 'run'/,
    ],
    ['a prototype', { 'package.json': '{"tenon_package":1,"__proto__":{}}' }, /__proto__/],
  ])('a zip file with %s', async (_what, files, message) => {
    const entries = Object.entries(files).map(([name, text]) => [name, Buffer.from(text)] as const);
    const content = Body.ofBytes(zipSync(Object.fromEntries(entries)), 'application/zip');
    const answer = await first.ask('POST', 'package', { content });
    expect(answer.status).toBe(400);
    expect(messageOf(answer)).toMatch(message);
  });

  test('a zip file that grows beyond what may be held, whatever it says of itself', async () => {
    const bomb = zipSync({ 'package.json': new Uint8Array(11_000_000) }, { level: 9 });
    const answer = await first.ask('POST', 'package', { content: Body.ofBytes(bomb, 'application/zip') });
    expect(answer.status).toBe(413);
    const lying = Buffer.from(bomb);
    lying.writeUInt32LE(10, lying.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24);
    const lie = await first.ask('POST', 'package', { content: Body.ofBytes(lying, 'application/zip') });
    expect(lie.status).toBe(400);
    const broken = Body.ofBytes(Buffer.concat([bomb.subarray(0, 40), Buffer.alloc(9)]), 'application/zip');
    expect(messageOf(await first.ask('POST', 'package', { content: broken }))).toMatch(/no zip file/);
  });

  test.each([
    ['aliases', 'a: &a [1]\ntenon_package: *a\n', 'application/yaml'],
    ['a wrong line', 'tenon_package: 1\n  role: [', 'application/yaml'],
    ['a list', '- 1', 'application/yaml'],
    ['no YAML', '\u0000\u0001', 'application/octet-stream'],
  ])('text with %s', async (_what, text, type) => {
    const answer = await first.ask('POST', 'package', { content: Body.ofText(text, type) });
    expect(answer.status).toBe(400);
  });

  test('an address that answers something else, or may not be asked', async () => {
    const answer = await first.ask('POST', 'package?import_url=http://127.0.0.1:1/x.zip');
    expect(answer.status).toBe(403);
  });
});

test('only administrators get here, whatever a role grants', async () => {
  const role = { name: 'all', role_service_access_by_role_id: [{ service_id: null, verb_mask: 31 }] };
  await first.ask('POST', 'role', { body: { resource: [role] } });
  const user = await first.store.users.findByEmail(grace);
  if (user === undefined) throw new Error('there is no such user');
  const [all] = (await first.store.roles.list()).filter(({ name }) => name === 'all');
  const [portal] = await first.store.apps.list();
  await first.ask('PATCH', `app/${portal?.id}`, { body: { role_id: all?.id } });
  const principal = {
    ...principalOf(user),
    role: roleOf([{ service: 'system', component: 'package', verbMask: 31 }]),
  };
  for (const asking of [principal, anonymous]) {
    for (const action of ['GET', 'POST'] as const) {
      const { status } = await first.ask(action, 'package', { principal: asking, body: {} });
      expect([400, 401, 403]).toContain(status);
    }
  }
});
