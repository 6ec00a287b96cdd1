// Aliases, labels and virtual relations: what is said beside the database, and where callers meet it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Role } from '../../../core/role.ts';
import { openSqliteHouse, type SqliteSchemaHouse } from '../suite/schema-fixture.ts';

let house: SqliteSchemaHouse;
beforeEach(async () => {
  house = await openSqliteHouse(`
    CREATE TABLE contact (id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, age INTEGER);
    CREATE TABLE phone (id INTEGER PRIMARY KEY, contact_id INTEGER REFERENCES contact (id), number TEXT);
    CREATE TABLE visit (id INTEGER PRIMARY KEY, who INTEGER, place TEXT);
    INSERT INTO contact VALUES (1, 'Ada', 36), (2, 'Alan', 41);
    INSERT INTO phone VALUES (1, 1, '11'), (2, 1, '12'), (3, 2, '21');
    INSERT INTO visit VALUES (1, 2, 'Ulm');
  `);
});
afterEach(() => house.close());

const patch = (path: string, body: unknown) => house.ask('PATCH', path, body);

describe('the alias of a field', () => {
  beforeEach(async () => {
    await patch('_schema/contact/_field/full_name', { alias: 'name', label: 'Name' });
  });

  it('is what callers say: in filters, orders, fields, records and answers', async () => {
    const { body } = await house.ask(
      'GET',
      "_table/contact?fields=id,name&filter=name like 'A%'&order=name desc",
    );
    expect(body.resource).toEqual([
      { id: 2, name: 'Alan' },
      { id: 1, name: 'Ada' },
    ]);
    expect((await house.ask('GET', '_table/contact/1')).body).toEqual({ id: 1, name: 'Ada', age: 36 });
    const made = await house.ask('POST', '_table/contact?fields=*', {
      resource: [{ name: 'Grace', age: 85 }],
    });
    expect(made.body.resource).toEqual([{ id: 3, name: 'Grace', age: 85 }]);
    await patch('_table/contact/3', { name: 'Hopper' });
    expect(house.rows('SELECT full_name FROM contact WHERE id = 3')).toEqual([{ full_name: 'Hopper' }]);
    const unknown = await house.ask('GET', '_table/contact?fields=full_name');
    expect(unknown.status).toBe(400);
    const missing = await house.ask('POST', '_table/contact', { resource: [{ age: 1 }] });
    expect(JSON.stringify(missing.body)).toMatch(/Required field 'name' can not be NULL/);
  });

  it('stands beside the own name in the schema, which finds it by both', async () => {
    const expected = { alias: 'name', name: 'full_name', label: 'Name' };
    expect((await house.ask('GET', '_schema/contact/_field/name')).body).toMatchObject(expected);
    expect((await house.ask('GET', '_schema/contact/_field/full_name')).body).toMatchObject(expected);
    expect((await house.ask('GET', '_schema/contact/full_name')).body).toMatchObject(expected);
  });

  it('is taken back by null, and by PUT without it', async () => {
    await patch('_schema/contact/_field/full_name', { alias: null });
    const { body } = await house.ask('GET', '_schema/contact/_field/full_name');
    expect(body).toMatchObject({ alias: null, label: 'Name' });
    await house.ask('PUT', '_schema/contact/_field/full_name', { name: 'full_name', type: 'text' });
    expect((await house.ask('GET', '_schema/contact/_field/full_name')).body).toMatchObject({
      label: 'Full Name',
    });
  });

  it.each([
    ['age', /field 'age' is called that/],
    ['AGE', /field 'age' is called that/],
    ['no good', undefined],
    ['x;y', /can not be used/],
    ['_tenon_x', /reserved/],
  ])('%s', async (alias, message) => {
    const { status, body } = await patch('_schema/contact/_field/id', { alias });
    if (message === undefined) expect(status).toBe(200);
    else expect(body.error.message).toMatch(message);
  });

  it('gives way to a column that is called so later', async () => {
    house.execute('ALTER TABLE contact ADD COLUMN name TEXT');
    await house.ask('GET', '_schema?refresh=true');
    expect((await house.ask('GET', '_table/contact/1')).body).toEqual({
      id: 1,
      full_name: 'Ada',
      age: 36,
      name: null,
    });
  });
});

describe('the alias of a table', () => {
  beforeEach(async () => {
    await patch('_schema/contact', { alias: 'people' });
  });

  it('is its name in paths, lists, events and access', async () => {
    house.fired.length = 0;
    expect((await house.ask('GET', '_table/people/1')).body).toMatchObject({ full_name: 'Ada' });
    expect(house.fired).toEqual(['db._table.{table_name}.{id}.get', 'db._table.people.{id}.get']);
    expect((await house.ask('GET', '_table/contact/1')).status).toBe(404);
    expect(
      (await house.ask('GET', '_table')).body.resource.map(({ name }: { name: string }) => name),
    ).toEqual([...['people', 'phone', 'visit']]);
    const list = await house.ask('GET', '?as_access_list=true');
    expect(list.body.resource).toContain('_table/people/');
  });

  it('stands beside the own name in the schema, which is found by both', async () => {
    for (const name of ['contact', 'people']) {
      expect((await house.ask('GET', `_schema/${name}`)).body).toMatchObject({
        name: 'contact',
        alias: 'people',
      });
    }
    expect((await house.ask('GET', '_schema')).body.resource).toContainEqual({ name: 'contact' });
  });

  it('is one place for access, whichever name is used', async () => {
    const own = house.service.locate(['_schema', 'contact'], 'GET');
    expect(own?.component).toBe('_schema/people');
    expect(house.service.locate(['_schema', 'PEOPLE'], 'GET')?.component).toBe('_schema/people');
  });

  it('is what relations of other tables lead to', async () => {
    const { body } = await house.ask('GET', '_table/phone/3?related=contact_by_contact_id');
    expect(body.contact_by_contact_id).toMatchObject({ full_name: 'Alan' });
  });

  it('is refused when something is called so', async () => {
    const { status, body } = await patch('_schema/phone', { alias: 'People' });
    expect({ status, message: body.error.message }).toEqual({
      ...{
        status: 409,
        message: "The alias 'People' of table 'phone' is taken: table 'contact' is called that.",
      },
    });
    expect((await patch('_schema/phone', { alias: 'visit' })).status).toBe(409);
    const made = await house.ask('POST', '_schema', { name: 'people', field: [{ name: 'id', type: 'id' }] });
    expect(made.status).toBe(409);
    expect((await house.ask('GET', '_schema')).body.resource).toHaveLength(3);
  });
});

describe('the alias of a table that roles and scripts mean by its name', () => {
  const refused = async () => {
    const { status, body } = await patch('_schema/contact', { alias: 'people' });
    return { status, message: body.error?.message };
  };

  it('waits until they are changed, or it is forced', async () => {
    const role = await house.store.roles.create(
      { name: 'desk', description: null, isActive: true, maxConcurrency: null, maxBodyBytes: null },
      null,
    );
    const [service] = (await house.store.services.list()).filter(({ name }) => name === 'db');
    const row = { roleId: role.id, serviceId: service?.id ?? 0, component: '_table/Contact/*', verbMask: 1 };
    await house.store.roleAccess.add(
      { ...row, requestorMask: 3, filters: [], filterOp: 'AND', fields: [] },
      null,
    );
    const script = {
      ...{
        name: 'db._table.contact.post.pre_process',
        type: 'nodejs',
        isActive: true,
        content: '',
        config: {},
      },
      ...{ allowEventModification: false, storageServiceId: null, storagePath: null },
      ...{ scmRepository: null, scmReference: null, runAsRoleId: null },
    };
    await house.store.eventScripts.create(script, null);
    expect(await refused()).toEqual({
      status: 409,
      message:
        "Table 'contact' can not be called otherwise while it is meant by role 'desk', event script " +
        "'db._table.contact.post.pre_process'. Change these, or say 'force=true'.",
    });
    expect((await patch('_schema/contact', { label: 'People' })).status).toBe(200);
    expect((await house.ask('GET', '_table/contact/1')).status).toBe(200);
    expect((await patch('_schema/contact?force=true', { alias: 'people' })).status).toBe(200);
    expect((await house.ask('GET', '_table/people/1')).status).toBe(200);
  });
});

describe('the alias of a relation', () => {
  it('is what callers ask for and read, also always', async () => {
    await patch('_schema/contact/_related/phone_by_contact_id', { alias: 'phones', always_fetch: true });
    const { body } = await house.ask('GET', '_table/contact/1?related=phones');
    expect(body.phones).toHaveLength(2);
    const unasked = await house.ask('GET', '_table/contact/1');
    expect(unasked.body.phones).toHaveLength(2);
    expect((await house.ask('GET', '_schema/contact/_related/phones')).body).toMatchObject({
      ...{ name: 'phone_by_contact_id', alias: 'phones', always_fetch: true, is_virtual: false },
    });
    const taken = await patch('_schema/contact/_related/phone_by_contact_id', { alias: 'age' });
    expect(taken.status).toBe(409);
  });
});

describe('a virtual relation', () => {
  const relation = { name: 'visits', type: 'has_many', field: 'id', ref_table: 'visit', ref_field: 'who' };
  const make = (over: object = {}) =>
    house.ask('POST', '_schema/contact/_related', { resource: [{ ...relation, is_virtual: true, ...over }] });

  it('is made, read, changed and dropped without the database knowing', async () => {
    const before = house.rows('SELECT sql FROM sqlite_schema');
    expect((await make()).body).toEqual({ resource: [{ name: 'visits' }] });
    expect((await house.ask('GET', '_schema/contact/_related/visits')).body).toMatchObject({
      ...{
        name: 'visits',
        type: 'has_many',
        field: 'id',
        ref_table: 'visit',
        ref_field: 'who',
        is_virtual: true,
      },
    });
    const { body } = await house.ask('GET', '_table/contact/2?related=visits');
    expect(body.visits).toEqual([{ id: 1, who: 2, place: 'Ulm' }]);
    await patch('_schema/contact/_related/visits', { label: 'Trips', flatten: true });
    expect((await house.ask('GET', '_schema/contact/_related/visits')).body).toMatchObject({
      label: 'Trips',
      flatten: true,
    });
    expect((await house.ask('DELETE', '_schema/contact/_related/visits')).body).toEqual({ success: true });
    expect((await house.ask('GET', '_schema/contact/_related/visits')).status).toBe(404);
    expect(house.rows('SELECT sql FROM sqlite_schema')).toEqual(before);
  });

  it('is named after what it leads to, unless it is named', async () => {
    expect((await make({ name: undefined })).body).toEqual({ resource: [{ name: 'visit_by_who' }] });
  });

  it('may lead through a table between, and to another service', async () => {
    const through = { type: 'many_many', ref_table: 'phone', ref_field: 'number' };
    const junction = { junction_table: 'visit', junction_field: 'who', junction_ref_field: 'place' };
    expect((await make({ name: 'far', ...through, ...junction })).status).toBe(200);
    expect((await house.ask('GET', '_schema/contact/_related/far')).body).toMatchObject({
      ...through,
      ...junction,
    });
    expect((await make({ name: 'away', ref_service_id: 1, ref_table: 'user' })).status).toBe(200);
    expect((await house.ask('GET', '_schema/contact/_related/away')).body).toMatchObject({
      ref_service_id: 1,
    });
  });

  it.each([
    [{ ref_table: 'nowhere' }, /'ref_table' names 'nowhere'/],
    [{ ref_field: 'nothing' }, /'nothing' is no column of table 'visit'/],
    [{ field: 'nothing' }, /'nothing' is no column of table 'contact'/],
    [{ type: 'many_many' }, /needs 'junction_table'/],
    [{ type: 'friends' }, /'type' must be one of/],
    [{ ref_service_id: 99 }, /99, which is no service/],
    [{ name: 'age' }, /field of table 'contact' is called 'age'/],
    [{ field: undefined }, /needs 'type', 'field'/],
  ])('can not be %j', async (over, message) => {
    const { status, body } = await make(over);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(body.error.message).toMatch(message);
  });

  it('waits while its column is missing, and goes with its table', async () => {
    await make();
    house.execute('ALTER TABLE visit RENAME COLUMN who TO whom');
    await house.ask('GET', '_schema?refresh=true');
    expect(
      (await house.ask('GET', '_schema/contact')).body.related.map(({ name }: { name: string }) => name),
    ).toEqual(['phone_by_contact_id']);
    house.execute('ALTER TABLE visit RENAME COLUMN whom TO who');
    await house.ask('GET', '_schema?refresh=true');
    expect((await house.ask('GET', '_table/contact/2?related=visits')).body.visits).toHaveLength(1);
    await house.ask('DELETE', '_schema?ids=phone,contact');
    expect(await house.store.schemaOverlays.list({ tableName: 'contact' })).toEqual([]);
  });
});

describe('what else is said', () => {
  it('of a table: label, plural, description and the field that names its records', async () => {
    await patch('_schema/contact', {
      label: 'Person',
      plural: 'People',
      description: 'Whom we know',
      name_field: 'full_name',
    });
    expect((await house.ask('GET', '_schema/contact')).body).toMatchObject({
      ...{ label: 'Person', plural: 'People', description: 'Whom we know', name_field: 'full_name' },
    });
    expect((await patch('_schema/contact', { name_field: 'nothing' })).status).toBe(400);
  });

  it('of a field: description, picklist and what clients keep with it', async () => {
    const said = { description: 'in years', picklist: ['1', '2'], client_info: { width: 3 } };
    await patch('_schema/contact/_field/age', said);
    expect((await house.ask('GET', '_schema/contact/_field/age')).body).toMatchObject(said);
  });

  it('reaches another process, and so does a change of the database', async () => {
    const other = house.beside();
    expect((await other.ask('GET', '_table/contact/1')).body).toHaveProperty('full_name');
    await patch('_schema/contact/_field/full_name', { alias: 'name' });
    await house.ask('POST', '_schema/contact/_field', { name: 'city', type: 'string' });
    await other.overlays.load();
    expect((await other.ask('GET', '_table/contact/1')).body).toEqual({
      id: 1,
      name: 'Ada',
      age: 36,
      city: null,
    });
    await other.close();
  });
});

describe('access', () => {
  const grant = (component: string, verbMask: number) => ({
    ...{
      id: 1,
      serviceId: null,
      service: 'db',
      component,
      verbMask,
      requestorMask: 3,
      filters: [],
      filterOp: 'AND',
      fields: [],
    },
    ...{ createdDate: '', lastModifiedDate: '', createdById: null, lastModifiedById: null },
  });
  const reader = (...grants: ReturnType<typeof grant>[]) =>
    house.as({ isAdmin: false, role: new Role({ id: 1, name: 'reader', isActive: true, grants }) });

  it('is shown as the caller has it, and tables without any are left out', async () => {
    const caller = reader(grant('_schema', 1), grant('_schema/contact', 9), grant('_schema/phone', 1));
    const { body } = await caller.ask('GET', '_schema?include_access=true');
    expect(body.resource).toEqual([
      { name: 'contact', access: ['GET', 'PATCH'] },
      { name: 'phone', access: ['GET'] },
    ]);
    expect((await caller.ask('GET', '_schema/contact')).body.access).toBe(9);
    expect((await house.ask('GET', '_schema/contact')).body.access).toBe(31);
  });

  it('to change the schema is that of the table', async () => {
    const caller = reader(grant('_schema/contact', 1));
    expect((await caller.ask('PATCH', '_schema/contact', { label: 'X' })).status).toBeGreaterThanOrEqual(400);
    expect((await house.ask('GET', '_schema/contact')).body.label).toBe('Contact');
  });
});
