// Runs that write to two databases, one of which holds their effects: over two SQLite files, where whoever does
// not join waits for the one writer in vain.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransactionScope } from '../../../core/transaction.ts';
import { sqlite } from '../dialects/sqlite/index.ts';
import type { ServiceOverlay } from '../schema/overlay.ts';
import type { SqlService } from '../service.ts';
import { effectsOf, entryOf, Leaving, LeavingHouse, nextId } from '../suite/outbox-fixture.ts';
import { dispatcherOf } from '../suite/path-fixture.ts';

const visits = 'far.visit_by_person';
const relation = {
  ...{ is_virtual: true, type: 'has_many' as const, field: 'id' },
  ...{ ref_service_id: 9, ref_table: 'visit', ref_field: 'person' },
};
const person = { table: {}, fields: new Map(), relations: new Map([[visits, relation]]) };
const overlay: ServiceOverlay = {
  revision: '1',
  tables: new Map([['person', person]]),
  serviceName: (id) => (id === 9 ? 'far' : 'near'),
};

let folder: string;
let near: SqlService;
let far: SqlService;
let house: LeavingHouse;

function serve(name: string, id: number, sql: string): SqlService {
  const database = join(folder, `${name}.sqlite`);
  new Database(database).exec(sql).close();
  return sqlite.create({ id, name, label: '', config: { database } }) as SqlService;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-effects-'));
  near = serve('near', 8, 'CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT)');
  far = serve('far', 9, 'CREATE TABLE visit(id INTEGER PRIMARY KEY, person INTEGER, place TEXT)');
  near.useOverlays({ of: () => overlay, save: () => Promise.resolve(), mentions: async () => [] });
  house = new LeavingHouse([near, far], dispatcherOf([near, far], [], undefined));
});

afterEach(async () => {
  await near.close();
  await far.close();
  rmSync(folder, { recursive: true });
});

const count = async (path: string) => (await house.ask('GET', `${path}?count_only=true`)).body;
const counts = async () => [await count('near/_table/person'), await count('far/_table/visit')];
const visitor = (name: string) => ({
  resource: [{ name, [visits]: [{ place: 'Rome' }, { place: 'Oslo' }] }],
});

describe('a run whose effects are in another database than what it writes to', () => {
  it('has what that writes to its own database undone, and kept, with the rest', async () => {
    for (const isKept of [false, true]) {
      const run = new TransactionScope({ effects: effectsOf(nextId()) });
      const first = { resource: [{ place: 'Bern' }] };
      expect((await house.ask('POST', 'far/_table/visit', { body: first, transaction: run })).status).toBe(
        200,
      );
      const leaving = new Leaving();
      const call = { body: visitor('Ann'), transaction: run, leaving };
      expect((await house.ask('POST', 'near/_table/person', call)).status).toBe(200);
      // It was committed there at once, and what it set off with it.
      expect(leaving.keeping).toEqual({ outbox: near.outbox });
      expect([await near.outbox?.due(10), await far.outbox?.due(10)]).toMatchObject([
        { length: isKept ? 2 : 1 },
        [],
      ]);
      await (isKept ? run.commit() : run.rollback());
      expect(await counts()).toEqual(isKept ? [2, 3] : [1, 0]);
    }
  });

  it('keeps what others were asked to write, which is nobody’s to undo', async () => {
    const run = new TransactionScope({ effects: effectsOf(nextId()) });
    const call = { body: visitor('Bob'), transaction: run };
    expect((await house.ask('POST', 'near/_table/person', call)).status).toBe(200);
    expect(run.service).toBe('near');
    await run.rollback();
    expect(await counts()).toEqual([0, 2]);
  });

  it('may keep things together in the other one, which leave with that', async () => {
    const run = new TransactionScope({ effects: effectsOf(nextId()) });
    await house.ask('POST', 'far/_table/visit', {
      body: { resource: [{ place: 'Bern' }] },
      transaction: run,
    });
    const own = await run.begin('near');
    expect(
      (await house.ask('POST', 'near/_table/person', { body: visitor('Cy'), transaction: own })).status,
    ).toBe(200);
    expect(await own.enqueue(entryOf('from near'))).toBe(true);
    const unkept = await run.begin('near');
    expect(await unkept.enqueue(entryOf('undone'))).toBe(true);
    await unkept.rollback();
    await own.commit();
    expect((await near.outbox?.due(10))?.map(({ runs }) => runs[0]?.payload)).toEqual(['from near']);
    await run.commit();
    expect(await counts()).toEqual([1, 3]);
  });
});
