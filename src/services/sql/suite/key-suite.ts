// The part of the conformance suite about keys: several fields, none at all, keys that callers bring, views.
// Invariant: no scenario knows which engine it runs on.
import { describe, expect, test } from 'vitest';
import { type EngineUnderTest, openSuiteHouse, type SuiteHouse, shared } from './suite-fixture.ts';

const tables = `
  CREATE TABLE pair(a INTEGER NOT NULL, b VARCHAR(10) NOT NULL, v INTEGER, PRIMARY KEY (a, b));
  CREATE TABLE named(code VARCHAR(10) NOT NULL PRIMARY KEY, v INTEGER);
  CREATE TABLE keyless(v INTEGER, w VARCHAR(10));
  CREATE VIEW positive AS SELECT a, b, v FROM pair WHERE v > 0;
`;

/** Defines the tests of keys for an engine. */
export function keySuite(engine: EngineUnderTest): void {
  describe('keys', () => {
    const house = shared(() => openSuiteHouse(engine, tables, { allow_upsert: true }));
    severalFields(house);
    broughtAlong(house);
    noKey(house);
  });
}

type House = () => SuiteHouse;

function severalFields(house: House): void {
  test('of several fields: created, read, changed and deleted', async () => {
    const resource = [
      { a: 1, b: 'x', v: 1 },
      { a: 1, b: 'y', v: -2 },
    ];
    const made = await house().ask('POST', '_table/pair', { body: { resource } });
    expect(made.body.resource).toEqual([
      { a: 1, b: 'x' },
      { a: 1, b: 'y' },
    ]);
    expect((await house().ask('GET', '_table/pair/1,y')).body).toEqual({ a: 1, b: 'y', v: -2 });
    expect((await house().ask('GET', '_table/pair?ids=(1,x),(1,y)')).body.resource).toEqual(resource);
    const changed = await house().ask('PATCH', '_table/pair/1,x', { body: { v: 7 } });
    expect(changed.body).toEqual({ a: 1, b: 'x' });
    const both = await house().ask('PATCH', '_table/pair?ids=(1,x),(1,y)&fields=*', { body: { v: 8 } });
    expect(both.body.resource.map(({ v }: { v: number }) => v)).toEqual([8, 8]);
    const gone = await house().ask('DELETE', '_table/pair/1,y');
    expect(gone.body).toEqual({ a: 1, b: 'y' });
    expect((await house().ask('GET', '_table/pair/1,y')).status).toBe(404);
    expect((await house().ask('PATCH', '_table/pair/1', { body: { v: 1 } })).status).toBe(400);
    const none = await house().ask('DELETE', '_table/pair/9,q');
    expect([none.status, none.body.error.message]).toEqual([404, expect.stringContaining("'9,q'")]);
  });

  test('of a view, which is only read', async () => {
    const read = await house().ask('GET', '_table/positive?filter=v=8');
    expect(read.body.resource).toEqual([{ a: 1, b: 'x', v: 8 }]);
    expect((await house().ask('GET', '_table/positive/x?id_field=b')).body).toEqual({ a: 1, b: 'x', v: 8 });
    expect((await house().ask('GET', '_table/positive/x')).status).toBe(400);
    for (const action of ['POST', 'PATCH', 'PUT', 'DELETE'] as const) {
      const { status, body } = await house().ask(action, '_table/positive', {
        body: { resource: [{ a: 1 }] },
      });
      expect([status, body.error.message]).toEqual([400, expect.stringContaining('is a view')]);
    }
  });
}

function broughtAlong(house: House): void {
  test('that records bring themselves, once', async () => {
    const made = await house().ask('POST', '_table/named', { body: { resource: [{ code: 'k', v: 1 }] } });
    expect(made.body.resource).toEqual([{ code: 'k' }]);
    const again = await house().ask('POST', '_table/named', { body: { resource: [{ code: 'k' }] } });
    expect(again.body.error.context.resource[0].code).toBe(409);
  });

  test('PUT makes what is missing, however many ask for it at once', async () => {
    // Alone in one statement each, and inside transactions.
    for (const [code, query] of [
      ['many', ''],
      ['more', '?fields=*'],
    ]) {
      const puts = Array.from({ length: 12 }, (_unused, v) =>
        house().ask('PUT', `_table/named/${code}${query}`, { body: { v } }),
      );
      const statuses = (await Promise.all(puts)).map(({ status, text }) => (status === 200 ? status : text));
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect((await house().ask('GET', `_table/named?filter=code=${code}`)).body.resource).toHaveLength(1);
    }
    const several = await house().ask('PUT', '_table/named?fields=*', {
      body: {
        resource: [
          { code: 'many', v: 100 },
          { code: 'new', v: 101 },
        ],
      },
    });
    expect(several.body.resource).toEqual([
      { code: 'many', v: 100 },
      { code: 'new', v: 101 },
    ]);
  });

  test('all records at once are deleted only by force', async () => {
    expect((await house().ask('DELETE', '_table/named')).status).toBe(400);
    expect((await house().ask('DELETE', '_table/named?force=true')).body).toEqual({ success: true });
    expect((await house().ask('GET', '_table/named?count_only=true')).body).toBe(0);
  });
}

function noKey(house: House): void {
  test('none at all', async () => {
    const resource = [
      { v: 1, w: 'a' },
      { v: 2, w: 'b' },
      { v: 3, w: 'b' },
    ];
    const made = await house().ask('POST', '_table/keyless', { body: { resource } });
    expect(made.status).toBe(200);
    const order = 'order=v';
    expect((await house().ask('GET', `_table/keyless?filter=w=a&${order}`)).body.resource).toEqual([
      resource[0],
    ]);
    const bare = await house().ask('GET', '_table/keyless/1');
    expect([bare.status, bare.body.error.message]).toEqual([400, expect.stringContaining("'id_field'")]);
    expect((await house().ask('GET', '_table/keyless/1?id_field=v')).body).toEqual(resource[0]);
    const refused = await house().ask('PATCH', '_table/keyless?ids=1', { body: { w: 'c' } });
    expect([refused.status, refused.body.error.message]).toEqual([
      400,
      expect.stringContaining("'id_field'"),
    ]);
    const changed = await house().ask('PATCH', '_table/keyless/1?id_field=v', { body: { w: 'c' } });
    expect(changed.body).toEqual({ v: 1 });
  });

  test('a filter changes and deletes what it finds, whatever else has the same value', async () => {
    const by = 'id_field=w&filter=';
    const changed = await house().ask('PATCH', `_table/keyless?${by}v=3`, { body: { v: 30 } });
    expect(changed.body.resource).toEqual([{ w: 'b' }]);
    const values = async () => (await house().ask('GET', '_table/keyless?fields=v&order=v')).body.resource;
    expect(await values()).toEqual([{ v: 1 }, { v: 2 }, { v: 30 }]);
    const gone = await house().ask('DELETE', `_table/keyless?${by}v>2`);
    expect(gone.body.resource).toEqual([{ w: 'b' }]);
    expect(await values()).toEqual([{ v: 1 }, { v: 2 }]);
  });
}
