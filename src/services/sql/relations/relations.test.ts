import { afterEach, describe, expect, test } from 'vitest';
import { type Action, anonymous, type Principal } from '../../../core/operation.ts';
import type { Grant } from '../../../core/role.ts';
import { roleOf } from '../../../core/role-fixture.ts';
import { TransactionScope } from '../../../core/transaction.ts';
import type { SqliteDatabase } from '../../../database/sqlite.ts';
import { SqliteEngine } from '../dialects/sqlite/engine.ts';
import type { RelationSaid, ServiceOverlay } from '../schema/overlay.ts';
import { SqlService } from '../service.ts';
import { dispatcherOf, operationOf } from '../suite/path-fixture.ts';

// Relations where more than one engine's conformance is at stake: what callers may do, other services, and how
// many statements it all takes.

const shop = `
  CREATE TABLE customer(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, country TEXT);
  CREATE TABLE invoice(id INTEGER PRIMARY KEY AUTOINCREMENT, customer_id INTEGER REFERENCES customer, total INTEGER);
  CREATE TABLE note(id INTEGER PRIMARY KEY AUTOINCREMENT, customer_id INTEGER REFERENCES customer, text TEXT);
  CREATE TABLE label(code TEXT PRIMARY KEY NOT NULL, name TEXT);
  CREATE TABLE labelled(customer_id INTEGER NOT NULL REFERENCES customer, label_code TEXT NOT NULL REFERENCES label);
  INSERT INTO customer(name, country) VALUES ('Ann', 'de'), ('Bob', 'fr'), ('Cy', NULL);
  INSERT INTO invoice(customer_id, total) VALUES (1, 10), (1, 20), (2, 30);
  INSERT INTO label VALUES ('vip', 'VIP'), ('new', 'New');
  INSERT INTO labelled VALUES (1, 'vip'), (2, 'vip'), (2, 'new');`;

const world = `
  CREATE TABLE nation(code TEXT PRIMARY KEY NOT NULL, title TEXT);
  CREATE TABLE visit(id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER, place TEXT NOT NULL);
  INSERT INTO nation VALUES ('de', 'Germany'), ('fr', 'France');
  INSERT INTO visit(customer, place) VALUES (1, 'Rome'), (1, 'Oslo'), (3, 'Bern');`;

interface Ask {
  readonly body?: unknown;
  readonly principal?: Principal;
  readonly transaction?: TransactionScope;
}

interface Two {
  /** Statements that the first service's database ran. */
  readonly statements: string[];
  readonly fired: string[];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  ask(action: Action, path: string, ask?: Ask): Promise<{ status: number; body: any }>;
}

const open: SqlService[] = [];

afterEach(async () => {
  for (const service of open.splice(0)) await service.close();
});

/** An engine over a database in memory that remembers the statements it ran. */
class WatchedEngine extends SqliteEngine {
  readonly statements: string[] = [];
  #watched: SqliteDatabase | undefined;

  override database(): SqliteDatabase {
    const database = super.database();
    this.#watched ??= new Proxy(database, {
      get: (target, name) => {
        const member = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          const [statement] = args as [{ sql?: string } | undefined];
          if (typeof statement?.sql === 'string') this.statements.push(statement.sql);
          return Reflect.apply(member, target, args);
        };
      },
    });
    return this.#watched;
  }
}

async function serve(name: string, id: number, sql: string, said: Relations = {}) {
  const engine = new WatchedEngine({ path: ':memory:' });
  for (const statement of sql.split(';')) {
    if (statement.trim() !== '') await engine.database().run({ sql: statement }, []);
  }
  const settings = {
    service: name,
    serviceId: id,
    maxRecords: 1_000,
    allowUpsert: false,
    strictFields: false,
  };
  const service = new SqlService({ type: 'sqlite', settings: { ...settings, transactionMs: 2_000 }, engine });
  service.useOverlays({ of: () => overlayOf(said), save: () => Promise.resolve(), mentions: async () => [] });
  open.push(service);
  return { service, engine };
}

type Relations = Readonly<Record<string, Readonly<Record<string, RelationSaid>>>>;
const overlays = new Map<Relations, ServiceOverlay>();

function overlayOf(said: Relations): ServiceOverlay {
  const known = overlays.get(said);
  if (known !== undefined) return known;
  const tables = Object.entries(said).map(([table, relations]) => {
    const overlay = { table: {}, fields: new Map(), relations: new Map(Object.entries(relations)) };
    return [table, overlay] as const;
  });
  const names: Readonly<Record<number, string>> = { 8: 'shop', 9: 'world' };
  const made = { revision: '1', tables: new Map(tables), serviceName: (id: number) => names[id] ?? null };
  overlays.set(said, made);
  return made;
}

async function two(said: Relations = {}): Promise<Two> {
  const near = await serve('shop', 8, shop, said);
  const far = await serve('world', 9, world);
  const fired: string[] = [];
  const dispatcher = dispatcherOf([near.service, far.service], fired, undefined);
  await near.service.ready([]);
  return {
    statements: near.engine.statements,
    fired,
    async ask(action, path, { body, principal, transaction } = {}) {
      const asked = operationOf(action, `/api/v2/${path}`, body === undefined ? {} : { body });
      const over = { ...(principal === undefined ? {} : { principal }), transaction };
      const result = await dispatcher.dispatch({ ...asked, ...over });
      return { status: result.status, body: JSON.parse(result.body?.text ?? 'null') };
    },
  };
}

function member(grants: readonly Partial<Grant>[]): Principal {
  const user = {
    ...{ id: 5, name: 'Mo', username: 'mo', displayName: 'Mo', firstName: 'Mo', lastName: '' },
    ...{ email: 'mo@example.com', isAdmin: false, lastLogin: null },
  };
  return {
    ...anonymous,
    kind: 'user',
    user,
    role: roleOf(grants.map((grant) => ({ serviceId: 8, service: 'shop', ...grant }))),
  };
}

const verbs = { get: 1, post: 2, put: 4, patch: 8, delete: 16 };

describe('how many statements', () => {
  test('two relations of a hundred records are read by three, one beyond a junction by two more', async () => {
    const house = await two();
    const resource = Array.from({ length: 100 }, (_unused, n) => ({
      name: `n${n}`,
      invoice_by_customer_id: [{ total: n }],
      note_by_customer_id: [{ text: `t${n}` }],
      label_by_labelled: [{ code: 'vip' }],
    }));
    expect((await house.ask('POST', 'shop/_table/customer', { body: { resource } })).status).toBe(200);
    const count = async (related: string) => {
      house.statements.length = 0;
      const { body } = await house.ask(
        'GET',
        `shop/_table/customer?related=${related}&filter=id > 3&limit=200`,
      );
      expect(body.resource).toHaveLength(100);
      expect(body.resource[99].invoice_by_customer_id).toMatchObject([{ total: 99 }]);
      return house.statements.length;
    };
    expect(await count('invoice_by_customer_id,note_by_customer_id')).toBe(3);
    expect(await count('invoice_by_customer_id,label_by_labelled')).toBe(4);
  });

  test('relations of related records are read by one more each', async () => {
    const house = await two();
    house.statements.length = 0;
    const { body } = await house.ask(
      'GET',
      'shop/_table/label?order=code&related=customer_by_labelled&customer_by_labelled.fields=name' +
        '&customer_by_labelled.related=invoice_by_customer_id&customer_by_labelled.invoice_by_customer_id.fields=total',
    );
    expect(body.resource).toEqual([
      {
        code: 'new',
        name: 'New',
        customer_by_labelled: [{ name: 'Bob', invoice_by_customer_id: [{ total: 30 }] }],
      },
      {
        code: 'vip',
        name: 'VIP',
        customer_by_labelled: [
          { name: 'Ann', invoice_by_customer_id: [{ total: 10 }, { total: 20 }] },
          { name: 'Bob', invoice_by_customer_id: [{ total: 30 }] },
        ],
      },
    ]);
    expect(house.statements).toHaveLength(4);
  });
});

describe('options of a relation', () => {
  test('a filter and groups of its own', async () => {
    const house = await two();
    const names = 'shop/_table/customer?fields=name&order=id&related=invoice_by_customer_id';
    const filtered = await house.ask(
      'GET',
      `${names}&invoice_by_customer_id.filter=total > 10&invoice_by_customer_id.fields=total`,
    );
    expect(filtered.body.resource).toEqual([
      { name: 'Ann', invoice_by_customer_id: [{ total: 20 }] },
      { name: 'Bob', invoice_by_customer_id: [{ total: 30 }] },
      { name: 'Cy', invoice_by_customer_id: [] },
    ]);
    const summed = await house.ask(
      'GET',
      `${names}&invoice_by_customer_id.group=customer_id&invoice_by_customer_id.fields=SUM(total),COUNT(*)`,
    );
    expect(summed.body.resource.slice(0, 2)).toEqual([
      { name: 'Ann', invoice_by_customer_id: [{ SUM_total: 30, COUNT_ALL: 2 }] },
      { name: 'Bob', invoice_by_customer_id: [{ SUM_total: 30, COUNT_ALL: 1 }] },
    ]);
    const wrong = await house.ask('GET', `${names}&invoice_by_customer_id.filter=nothing=1`);
    expect([wrong.status, wrong.body.error.message]).toEqual([400, expect.stringContaining("'nothing'")]);
  });
});

describe('what a role allows', () => {
  const writer = (labels: number, invoices: number) =>
    member([
      { component: '_table/customer', verbMask: 31 },
      { component: '_table/invoice', verbMask: invoices },
      { component: '_table/label', verbMask: labels },
      { component: '_table/labelled', verbMask: labels },
    ]);
  const customer = (over: object) => ({ resource: [{ name: 'New', ...over }] });

  test('nested records are written where their own path would be', async () => {
    const house = await two();
    const body = customer({ invoice_by_customer_id: [{ total: 1 }] });
    const allowed = await house.ask('POST', 'shop/_table/customer', {
      body,
      principal: writer(0, verbs.post),
    });
    expect(allowed.status).toBe(200);
    expect(house.fired).toEqual(['shop._table.{table_name}.post', 'shop._table.customer.post']);
    const refused = await house.ask('POST', 'shop/_table/customer', {
      body,
      principal: writer(31, verbs.get + verbs.patch),
    });
    expect(refused.status).toBe(403);
    expect(refused.body.error.message).toContain("POST access to component '_table/invoice'");
    expect((await house.ask('GET', 'shop/_table/customer?count_only=true')).body).toBe(4);
  });

  test.each([
    ['changing a child', { invoice_by_customer_id: [{ id: 1, total: 5 }] }, 'PATCH', '_table/invoice'],
    ['letting one go', { invoice_by_customer_id: [{ id: 1, customer_id: null }] }, 'PATCH', '_table/invoice'],
    ['linking what is there', { label_by_labelled: [{ code: 'new' }] }, 'POST', '_table/labelled'],
    ['changing what is linked', { label_by_labelled: [{ code: 'vip', name: 'x' }] }, 'PATCH', '_table/label'],
    [
      'cutting a link',
      { label_by_labelled: [{ code: 'vip', 'labelled.label_code': null }] },
      'DELETE',
      '_table/labelled',
    ],
  ])('%s needs its own verb', async (_what, body, verb, component) => {
    const house = await two();
    const principal = writer(verbs.get, verbs.get);
    const { status, body: answer } = await house.ask('PATCH', 'shop/_table/customer/1', { body, principal });
    expect(status).toBe(403);
    expect(answer.error.message).toContain(`${verb} access to component '${component}'`);
    expect((await house.ask('PATCH', 'shop/_table/customer/1', { body })).status).toBe(200);
  });

  test('a refusal of access undoes the whole request, whatever its rule for failures', async () => {
    const house = await two();
    const body = { resource: [{ name: 'One' }, { name: 'Two', invoice_by_customer_id: [{ total: 1 }] }] };
    const principal = writer(0, 0);
    const { status } = await house.ask('POST', 'shop/_table/customer?continue=true', { body, principal });
    expect(status).toBe(403);
    expect((await house.ask('GET', 'shop/_table/customer?count_only=true')).body).toBe(3);
  });
});

const abroad: Relations = {
  customer: {
    'world.nation_by_country': {
      ...{ is_virtual: true, type: 'belongs_to', field: 'country' },
      ...{ ref_service_id: 9, ref_table: 'nation', ref_field: 'code' },
    },
    'world.visit_by_customer': {
      ...{ is_virtual: true, type: 'has_many', field: 'id' },
      ...{ ref_service_id: 9, ref_table: 'visit', ref_field: 'customer' },
    },
  },
};

describe('relations to another service', () => {
  const nation = 'world.nation_by_country';
  const visits = 'world.visit_by_customer';

  test('are read by one call each, with their options', async () => {
    const house = await two(abroad);
    const { body } = await house.ask(
      'GET',
      `shop/_table/customer?fields=name&related=${nation},${visits}&order=id&${visits}.fields=place&${visits}.order=place`,
    );
    expect(body.resource).toEqual([
      {
        name: 'Ann',
        [nation]: { code: 'de', title: 'Germany' },
        [visits]: [{ place: 'Oslo' }, { place: 'Rome' }],
      },
      { name: 'Bob', [nation]: { code: 'fr', title: 'France' }, [visits]: [] },
      { name: 'Cy', [nation]: null, [visits]: [{ place: 'Bern' }] },
    ]);
    expect(house.fired.filter((name) => name.startsWith('world.'))).toHaveLength(4);
  });

  test('count the role there', async () => {
    const house = await two(abroad);
    const principal = member([{ component: '_table/customer', verbMask: 31 }]);
    const { status, body } = await house.ask('GET', `shop/_table/customer?related=${nation}`, { principal });
    expect([status, body.error.message]).toEqual([
      403,
      expect.stringContaining("'_table/nation' of service 'world'"),
    ]);
  });

  test('are written there, which our transaction does not undo', async () => {
    const house = await two(abroad);
    const made = await house.ask('POST', `shop/_table/customer?fields=*&related=${nation},${visits}`, {
      body: {
        resource: [
          {
            name: 'Di',
            [nation]: { code: 'it', title: 'Italy' },
            [visits]: [{ place: 'Pisa' }, { id: 3, place: 'Bonn' }],
          },
        ],
      },
    });
    expect(made.body.resource).toEqual([
      {
        ...{ id: 4, name: 'Di', country: 'it', [nation]: { code: 'it', title: 'Italy' } },
        [visits]: [
          { id: 3, customer: 4, place: 'Bonn' },
          { id: 4, customer: 4, place: 'Pisa' },
        ],
      },
    ]);
    const missing = await house.ask('PATCH', 'shop/_table/customer/4', {
      body: { [visits]: [{ id: 99, place: 'x' }] },
    });
    expect([missing.status, missing.body.error.message]).toEqual([
      404,
      expect.stringContaining(`'${visits}[0]'`),
    ]);
    await house.ask('PATCH', 'shop/_table/customer/4', { body: { [visits]: [{ id: 3, customer: null }] } });
    expect((await house.ask('GET', 'world/_table/visit/3')).body).toEqual({
      id: 3,
      customer: null,
      place: 'Bonn',
    });
    const failing = await house.ask('PATCH', 'shop/_table/customer/4', {
      body: { [visits]: [{ place: 'Kept' }, { place: null }] },
    });
    expect([failing.status, failing.body.error.message]).toEqual([
      400,
      `Field '${visits}[1].place' can not be NULL.`,
    ]);
    expect((await house.ask('GET', "world/_table/visit?filter=place='Kept'")).body.resource).toHaveLength(1);
  });
});

describe('what administrators say of relations', () => {
  const said: Relations = {
    invoice: { customer_by_customer_id: { always_fetch: true, flatten: true } },
    note: { customer_by_customer_id: { flatten: true, flatten_drop_prefix: true } },
    customer: { invoice_by_customer_id: { always_fetch: true }, label_by_labelled: { alias: 'labels' } },
  };

  test('always fetched, but not with what is fetched by it, and not when nothing is asked for', async () => {
    const house = await two(said);
    const { body } = await house.ask('GET', 'shop/_table/customer/2?fields=name');
    expect(body).toEqual({ name: 'Bob', invoice_by_customer_id: [{ id: 3, customer_id: 2, total: 30 }] });
    expect((await house.ask('GET', 'shop/_table/customer/2?fields=name&related')).body).toEqual({
      name: 'Bob',
    });
    const more = await house.ask('GET', 'shop/_table/customer/2?fields=name&related=labels');
    expect(Object.keys(more.body).toSorted()).toEqual(['invoice_by_customer_id', 'labels', 'name']);
  });

  test('flattened into the record, with the name of the relation or without', async () => {
    const house = await two(said);
    const { body } = await house.ask('GET', 'shop/_table/invoice/3?fields=total');
    expect(body).toEqual({
      total: 30,
      'customer_by_customer_id.id': 2,
      'customer_by_customer_id.name': 'Bob',
      'customer_by_customer_id.country': 'fr',
    });
    await house.ask('POST', 'shop/_table/note', { body: { resource: [{ customer_id: 1, text: 'hi' }] } });
    const note = await house.ask('GET', 'shop/_table/note/1?fields=id,text&related=customer_by_customer_id');
    expect(note.body).toEqual({ id: 1, text: 'hi', name: 'Ann', country: 'de' });
  });

  test('another name holds for writing, too', async () => {
    const house = await two(said);
    const body = { labels: [{ code: 'old', name: 'Old' }] };
    expect((await house.ask('PATCH', 'shop/_table/customer/3', { body })).status).toBe(200);
    const { body: found } = await house.ask('GET', 'shop/_table/customer/3?fields=name&related=labels');
    expect(found.labels).toEqual([{ code: 'old', name: 'Old' }]);
  });
});

describe('lookups of the caller', () => {
  const lookups = { open: { land: 'fr', quoted: "x' or name='Ann" }, secret: { hidden: 'de' } };
  const caller = (): Principal => ({ ...member([{ component: '*', verbMask: 31 }]), lookups });

  test('stand for their values in filters, never for more', async () => {
    const house = await two();
    const names = async (filter: string, principal: Principal) => {
      const path = `shop/_table/customer?fields=name&filter=${encodeURIComponent(filter)}`;
      const { body } = await house.ask('GET', path, { principal });
      return body.resource.map(({ name }: { name: string }) => name);
    };
    expect(await names('country = {land}', caller())).toEqual(['Bob']);
    // The same query of somebody else means something else.
    expect(
      await names('country = {land}', { ...caller(), lookups: { ...lookups, open: { land: 'de' } } }),
    ).toEqual(['Ann']);
    expect(await names("name = '{quoted}'", caller())).toEqual([]);
    expect(await names('name starts with {strtolower(land)}', caller())).toEqual([]);
    expect(await names("country = '{hidden}' or country = '{unknown}'", caller())).toEqual([]);
    expect(await names('id < {user.id}', caller())).toEqual(['Ann', 'Bob', 'Cy']);
  });

  test('stand for their values in records and those that they bring, where they stand alone', async () => {
    const house = await two();
    const body = {
      resource: [
        {
          name: '{user.name}',
          country: '{land}',
          note_by_customer_id: [{ text: '{land}' }, { text: 'in {land}' }],
        },
      ],
    };
    const principal = caller();
    const { body: made } = await house.ask(
      'POST',
      'shop/_table/customer?fields=*&related=note_by_customer_id',
      { body, principal },
    );
    expect(made.resource[0]).toMatchObject({
      name: 'Mo',
      country: 'fr',
      note_by_customer_id: [{ text: 'fr' }, { text: 'in {land}' }],
    });
  });

  test('stand for their values in filters of relations and of writes', async () => {
    const house = await two();
    const principal = { ...caller(), lookups: { ...lookups, open: { least: '15' } } };
    const { body } = await house.ask(
      'GET',
      'shop/_table/customer/1?fields=name&related=invoice_by_customer_id&invoice_by_customer_id.filter=total>{least}',
      { principal },
    );
    expect(body.invoice_by_customer_id).toMatchObject([{ total: 20 }]);
    const changed = await house.ask('PATCH', 'shop/_table/invoice?filter=total<{least}', {
      body: { total: 0 },
      principal,
    });
    expect(changed.body.resource).toEqual([{ id: 1 }]);
  });
});

describe('inside a transaction that is open already', () => {
  const body = {
    resource: [
      { name: 'Di', invoice_by_customer_id: [{ total: 1 }] },
      { name: 'Ed', invoice_by_customer_id: [{ total: 'x' }] },
    ],
  };

  test('nested records belong to it, and a refused one takes only its own with it', async () => {
    const house = await two();
    const transaction = new TransactionScope();
    const made = await house.ask('POST', 'shop/_table/customer?continue=true', { body, transaction });
    expect(made.body.error.context.error).toEqual([1]);
    const path = 'shop/_table/customer?fields=name&filter=id>3&related=invoice_by_customer_id';
    const inside = await house.ask('GET', path, { transaction });
    expect(inside.body.resource).toMatchObject([{ name: 'Di', invoice_by_customer_id: [{ total: 1 }] }]);
    await transaction.rollback();
    expect((await house.ask('GET', path)).body.resource).toEqual([]);
    expect((await house.ask('GET', 'shop/_table/invoice?count_only=true')).body).toBe(3);
  });
});
