// What writing `_schema` does on every engine, through the whole path. Each engine's test calls it with a
// live database. Invariant: no scenario knows which engine it runs on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SchemaHouse } from './schema-fixture.ts';
import { everyType, literals, refusals, type The } from './schema-value-suite.ts';

/** Defines the tests of an engine. */
export function schemaSuite(name: string, open: () => Promise<SchemaHouse>): void {
  describe(`writing the schema of ${name}`, () => {
    let house: SchemaHouse;
    beforeAll(async () => {
      house = await open();
    });
    afterAll(() => house.close());
    const the = () => house;
    creation(the);
    existing(the);
    everyType(the);
    literals(the);
    changes(the);
    references(the);
    referenceChanges(the);
    beside(the);
    removal(the);
    refusals(the);
  });
}

const fieldOf = async (house: SchemaHouse, table: string, field: string) =>
  (await house.ask('GET', `_schema/${table}/_field/${field}`)).body;

function creation(the: The): void {
  it('makes a table with fields, defaults and indexes, there at once', async () => {
    const made = await the().ask('POST', '_schema', {
      resource: [
        {
          ...{ name: 'city', label: 'Town' },
          field: [
            { name: 'id', type: 'id' },
            { name: 'name', type: 'string', length: 40, required: true, is_unique: true, label: 'Called' },
            { name: 'size', type: 'integer', is_index: true, default: 7 },
            { name: 'open', type: 'boolean', default: true },
            { name: 'motto', type: 'string', length: 60, default: "it's" },
            { name: 'rate', type: 'decimal', precision: 8, scale: 2, default: 1.5 },
            { name: 'made', type: 'timestamp_on_create' },
            { name: 'changed', type: 'timestamp_on_update' },
          ],
        },
      ],
    });
    expect(made).toEqual({ status: 200, body: { resource: [{ name: 'city' }] } });
    const { body } = await the().ask('GET', '_schema/city');
    expect(body).toMatchObject({ name: 'city', label: 'Town', plural: 'Towns', primary_key: ['id'] });
    const fields = new Map(body.field.map((field: { name: string }) => [field.name, field]));
    expect(fields.get('id')).toMatchObject({ type: 'id', auto_increment: true, is_primary_key: true });
    expect(fields.get('name')).toMatchObject({
      ...{ type: 'string', length: 40, required: true, allow_null: false, is_unique: true, label: 'Called' },
    });
    expect(fields.get('size')).toMatchObject({
      type: 'integer',
      is_index: true,
      default: 7,
      allow_null: true,
    });
    expect(fields.get('open')).toMatchObject({ type: 'boolean', default: true });
    expect(fields.get('made')).toMatchObject({ type: 'timestamp_on_create' });
    const added = await the().ask('POST', '_table/city?fields=*', { resource: [{ name: 'Ulm' }] });
    expect(added.body.resource[0]).toMatchObject({
      id: 1,
      name: 'Ulm',
      size: 7,
      open: true,
      motto: "it's",
      rate: 1.5,
    });
    expect(added.body.resource[0].made).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
    const again = await the().ask('POST', '_table/city', { resource: [{ name: 'Ulm' }] });
    expect(again.status).toBe(400);
  });
}

function existing(the: The): void {
  it('takes a table that is there already as it is, unless told otherwise', async () => {
    const same = { resource: [{ name: 'city', field: [{ name: 'id', type: 'id' }] }] };
    expect(await the().ask('POST', '_schema', same)).toMatchObject({ status: 200 });
    expect((await the().ask('GET', '_schema/city')).body.field).toHaveLength(8);
    const refused = await the().ask('POST', '_schema?check_exist=true', same);
    expect(refused).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/exists already/) } },
    });
  });

  it('makes keys of several fields', async () => {
    const made = await the().ask('POST', '_schema/grid', {
      field: [
        { name: 'x', type: 'integer', is_primary_key: true },
        { name: 'y', type: 'integer', is_primary_key: true },
        { name: 'v', type: 'text' },
      ],
    });
    expect(made).toEqual({ status: 200, body: { name: 'grid' } });
    expect((await the().ask('GET', '_schema/grid')).body.primary_key).toEqual(['x', 'y']);
    await the().ask('DELETE', '_schema/grid');
  });
}

function changes(the: The): void {
  it('adds fields to a table with records', async () => {
    const added = await the().ask('POST', '_schema/city/_field', {
      resource: [
        { name: 'age', type: 'integer' },
        { name: 'code', type: 'string', length: 5, default: 'x', required: true },
      ],
    });
    expect(added).toEqual({ status: 200, body: { resource: [{ name: 'age' }, { name: 'code' }] } });
    expect((await the().ask('GET', '_table/city/1?fields=name,age,code')).body).toEqual({
      name: 'Ulm',
      age: null,
      code: 'x',
    });
    const refused = await the().ask('POST', '_schema/city/_field', {
      name: 'must',
      type: 'integer',
      required: true,
    });
    expect(refused.status).toBe(409);
    expect(refused.body.error.message).toMatch(/'must' needs a 'default' or 'allow_null'/);
  });

  it('changes type, default, need, uniqueness and index of a field, and keeps its values', async () => {
    const patch = (change: object) => the().ask('PATCH', '_schema/city/_field/code', change);
    expect(await patch({ length: 9, default: 'new', is_index: true })).toEqual({
      status: 200,
      body: { name: 'code' },
    });
    expect(await fieldOf(the(), 'city', 'code')).toMatchObject({
      ...{ type: 'string', length: 9, default: 'new', is_index: true, allow_null: false },
    });
    expect((await patch({ allow_null: true, default: null, is_index: false, is_unique: true })).status).toBe(
      200,
    );
    expect(await fieldOf(the(), 'city', 'code')).toMatchObject({
      ...{ length: 9, default: null, is_index: false, is_unique: true, allow_null: true, required: false },
    });
    expect((await patch({ is_unique: false, type: 'text' })).status).toBe(200);
    expect(await fieldOf(the(), 'city', 'code')).toMatchObject({ type: 'text', is_unique: false });
    expect((await the().ask('GET', '_table/city/1?fields=code')).body).toEqual({ code: 'x' });
  });

  it('leaves a table that is written back as it was read alone', async () => {
    const before = await the().ask('GET', '_schema/city');
    for (const action of ['PUT', 'PATCH'] as const) {
      const { status, body } = await the().ask(action, '_schema/city', before.body);
      expect({ status, body }).toEqual({ status: 200, body: { name: 'city' } });
    }
    expect((await the().ask('GET', '_schema/city')).body).toEqual(before.body);
  });

  it('refuses what records that are there contradict, and changes nothing then', async () => {
    const added = { resource: [{ name: 'Bonn', code: 'x' }, { name: 'Kiel' }] };
    const made = await the().ask('POST', '_table/city', added);
    expect(made.body).toEqual({ resource: [{ id: expect.any(Number) }, { id: expect.any(Number) }] });
    const before = await the().ask('GET', '_schema/city');
    const unique = await the().ask('PATCH', '_schema/city/_field/code', { is_unique: true });
    expect(unique).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/same value/) } },
    });
    const needed = await the().ask('PATCH', '_schema/city/_field/code', { allow_null: false });
    expect(needed).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/no value/) } },
    });
    expect((await the().ask('GET', '_schema/city')).body).toEqual(before.body);
  });
}

function references(the: The): void {
  it('makes tables that refer to each other, in whatever order they are given', async () => {
    const made = await the().ask('POST', '_schema', {
      resource: [
        {
          name: 'street',
          field: [
            { name: 'id', type: 'id' },
            {
              name: 'city_id',
              type: 'reference',
              ref_table: 'city',
              ref_field: 'id',
              ref_on_delete: 'CASCADE',
            },
            { name: 'kind_code', type: 'reference', ref_table: 'street_kind' },
            { name: 'next_id', type: 'reference', ref_table: 'street' },
          ],
        },
        { name: 'street_kind', field: [{ name: 'code', type: 'string', length: 5, is_primary_key: true }] },
      ],
    });
    expect(made.body).toEqual({ resource: [{ name: 'street' }, { name: 'street_kind' }] });
    expect(await fieldOf(the(), 'street', 'city_id')).toMatchObject({
      ...{
        type: 'reference',
        is_foreign_key: true,
        ref_table: 'city',
        ref_field: 'id',
        ref_on_delete: 'CASCADE',
      },
    });
    expect(await fieldOf(the(), 'street', 'kind_code')).toMatchObject({
      type: 'string',
      ref_table: 'street_kind',
    });
    const { body } = await the().ask('GET', '_schema/city/_related/street_by_city_id');
    expect(body).toMatchObject({
      type: 'has_many',
      ref_table: 'street',
      ref_field: 'city_id',
      is_virtual: false,
    });
    const orphan = await the().ask('POST', '_table/street', { resource: [{ city_id: 99 }] });
    expect(orphan.status).toBe(400);
    const child = await the().ask('POST', '_table/street', { resource: [{ city_id: 1 }] });
    expect(child.status).toBe(200);
  });
}

function referenceChanges(the: The): void {
  it('adds and drops the reference of a field, and keeps all records', async () => {
    const dropped = await the().ask('DELETE', '_schema/street/_related/city_by_city_id');
    expect(dropped).toEqual({ status: 200, body: { success: true } });
    expect(await fieldOf(the(), 'street', 'city_id')).toMatchObject({
      is_foreign_key: false,
      ref_table: null,
    });
    await the().ask('POST', '_table/street', { resource: [{ city_id: 99 }] });
    const relation = {
      type: 'belongs_to',
      field: 'city_id',
      ref_table: 'city',
      ref_field: 'id',
      is_virtual: false,
    };
    const orphans = await the().ask('POST', '_schema/street/_related', { resource: [relation] });
    expect(orphans).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/no counterpart/) } },
    });
    await the().ask('DELETE', '_table/street?filter=city_id=99');
    const made = await the().ask('POST', '_schema/street/_related', {
      resource: [{ ...relation, label: 'Town' }],
    });
    expect(made.body).toEqual({ resource: [{ name: 'city_by_city_id' }] });
    expect((await the().ask('GET', '_schema/street/_related/city_by_city_id')).body).toMatchObject({
      label: 'Town',
    });
    const changed = await the().ask('PATCH', '_schema/street/_field/city_id', {
      ...{ ref_table: 'city', ref_field: 'id', ref_on_delete: 'SET NULL' },
    });
    expect(changed.status).toBe(200);
    expect(await fieldOf(the(), 'street', 'city_id')).toMatchObject({ ref_on_delete: 'SET NULL' });
    expect((await the().ask('GET', '_table/street?count_only=true')).body).toBe(1);
  });
}

function beside(the: The): void {
  const computed = (text: string) => [{ use: ['SELECT'], function: text }];

  it('reads, filters, sorts and groups by fields that administrators compute', async () => {
    await the().ask('POST', '_schema/city/_field', {
      resource: [
        { name: 'loud', type: 'string', is_virtual: true, db_function: computed('upper(name)') },
        { name: 'doubled', type: 'integer', is_virtual: true, db_function: computed('id * 2') },
        {
          ...{ name: 'most', type: 'integer', is_virtual: true, is_aggregate: true },
          db_function: computed('max(id)'),
        },
      ],
    });
    const { body } = await the().ask(
      'GET',
      "_table/city?fields=name,loud,doubled&filter=(loud='ULM') or (doubled>2)&order=doubled desc" +
        '&include_count=true',
    );
    expect(body.resource.at(-1)).toEqual({ name: 'Ulm', loud: 'ULM', doubled: 2 });
    expect(body.meta.count).toBe(3);
    const grouped = await the().ask('GET', '_table/city?fields=loud,most&group=loud&order=loud desc');
    expect(grouped.body.resource[0]).toEqual({ loud: 'ULM', most: 1 });
    const written = await the().ask('PATCH', '_table/city/1?fields=loud', { name: 'Ulm', loud: 'no' });
    expect(written.body).toEqual({ loud: 'ULM' });
    await the().ask('DELETE', '_schema/city/_field?ids=loud,doubled,most');
  });

  it('takes aliases, rules and functions of written values', async () => {
    await the().ask('PATCH', '_schema/city/_field/name', {
      ...{ alias: 'title', validation: { match: { regexp: Buffer.from('^[A-Z]').toString('base64') } } },
      db_function: [{ use: ['INSERT', 'UPDATE'], function: "replace({value}, '!', '')" }],
    });
    const made = await the().ask('POST', '_table/city?fields=title', { resource: [{ title: 'Köln!' }] });
    expect(made.body.resource).toEqual([{ title: 'Köln' }]);
    const refused = await the().ask('POST', '_table/city', { resource: [{ title: 'bonn' }] });
    expect(refused.status).toBe(400);
    const changed = await the().ask('PATCH', "_table/city?filter=title='Köln'&fields=title", {
      resource: [{ title: 'Köln am Rhein!!' }],
    });
    expect(changed.body.resource).toEqual([{ title: 'Köln am Rhein' }]);
    await the().ask('DELETE', "_table/city?filter=title like 'Köln%'");
    await the().ask('PUT', '_schema/city/_field/name', { name: 'name' });
  });
}

function removal(the: The): void {
  it('refuses to drop what others refer to, saying who does', async () => {
    const table = await the().ask('DELETE', '_schema/city');
    expect(table).toMatchObject({
      ...{
        status: 409,
        body: { error: { message: expect.stringMatching(/'city_id' of table 'street' refers/) } },
      },
    });
    const field = await the().ask('DELETE', '_schema/city/_field/id');
    expect(field).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/primary key/) } },
    });
  });

  it('drops fields with their indexes and references', async () => {
    expect(await the().ask('DELETE', '_schema/street/_field/next_id')).toEqual({
      status: 200,
      body: { success: true },
    });
    const several = await the().ask('DELETE', '_schema/city/_field?ids=age,size');
    expect(several.body).toEqual({ resource: [{ name: 'age' }, { name: 'size' }] });
    const { body } = await the().ask('GET', '_schema/city');
    expect(body.field.map(({ name }: { name: string }) => name)).not.toContain('size');
    expect((await the().ask('GET', '_table/city?count_only=true')).body).toBe(3);
    expect((await the().ask('GET', '_table/street?count_only=true')).body).toBe(1);
  });

  it('drops several tables at once, those that refer first', async () => {
    const dropped = await the().ask('DELETE', '_schema?ids=city,street,street_kind');
    expect(dropped).toEqual({
      ...{ status: 200, body: { resource: [{ name: 'city' }, { name: 'street' }, { name: 'street_kind' }] } },
    });
    expect((await the().ask('GET', '_schema')).body).toEqual({ resource: [] });
    expect((await the().ask('GET', '_table/city')).status).toBe(404);
    expect((await the().store.schemaOverlays.list()).filter(({ part }) => part !== 'revision')).toEqual([]);
  });
}
