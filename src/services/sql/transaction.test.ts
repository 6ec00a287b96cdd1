// Transactions that stay open between operations, over a real SQLite file: against a model of what is kept, and
// at their ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fc } from '../../../test/properties.ts';
import type { Dispatcher } from '../../core/dispatch.ts';
import { limits } from '../../core/limits.ts';
import type { Action } from '../../core/operation.ts';
import type { Exchange } from '../../core/script.ts';
import { TransactionScope } from '../../core/transaction.ts';
import type { Row } from '../../database/connection.ts';
import { openSqlite } from '../../database/sqlite.ts';
import { sqlite } from './dialects/sqlite/index.ts';
import type { SqlService } from './service.ts';
import { dispatcherOf, operationOf } from './suite/path-fixture.ts';
import { GuardedSession } from './transaction-session.ts';

let folder: string;
let other: Database.Database;
let service: SqlService;
let dispatcher: Dispatcher;
let before: ((exchange: Exchange) => void) | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-transaction-'));
  const database = join(folder, 'data.sqlite');
  other = new Database(database);
  other.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t (id))');
  const config = { database, synchronous: 'NORMAL', max_records: 100_000 };
  service = sqlite.create({ id: 1, name: 'db', label: '', config }) as SqlService;
  before = undefined;
  dispatcher = dispatcherOf([service], [], (exchange) => before?.(exchange));
});

afterEach(async () => {
  await service.close();
  other.close();
  rmSync(folder, { recursive: true });
});

async function ask(transaction: TransactionScope | undefined, action: Action, path: string, body?: unknown) {
  const operation = operationOf(action, `/api/v2/db/${path}`, body === undefined ? {} : { body });
  const result = await dispatcher.dispatch({ ...operation, transaction });
  return { status: result.status, body: JSON.parse(result.body?.text ?? 'null') };
}

const post = (transaction: TransactionScope | undefined, ...ids: readonly number[]) =>
  ask(transaction, 'POST', '_table/t?rollback=true', { resource: ids.map((id) => ({ id })) });
const seenIn = async (transaction: TransactionScope | undefined) =>
  (await ask(transaction, 'GET', '_table/t?order=id')).body.resource.map(({ id }: { id: number }) => id);
const seenOutside = () =>
  (other.prepare('SELECT id FROM t ORDER BY id').all() as Row[]).map(({ id }) => id as number);

type Move =
  | { readonly kind: 'post'; readonly ids: readonly number[] }
  | { readonly kind: 'delete'; readonly id: number }
  | { readonly kind: 'open' | 'commit' | 'rollback' };

const id = fc.integer({ min: 1, max: 6 });
const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('post' as const),
        ids: fc.array(id, { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), id }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('open' as const, 'commit' as const, 'rollback' as const),
      }),
    },
  ),
  { maxLength: 25 },
);

describe('whatever is done in which order', () => {
  it('is kept and undone as a model of sets says, and seen by others only then', async () => {
    await fc.assert(
      fc.asyncProperty(moves, async (sequence) => {
        other.exec('DELETE FROM t');
        // The innermost last; what each level began with.
        const levels: { readonly scope: TransactionScope; readonly start: ReadonlySet<number> }[] = [];
        let now = new Set<number>();
        let kept: readonly number[] = [];
        for (const move of sequence) {
          const scope = levels.at(-1)?.scope;
          if (move.kind === 'post') {
            const isNew = new Set(move.ids).size === move.ids.length && !move.ids.some((one) => now.has(one));
            expect((await post(scope, ...move.ids)).status).toBe(isNew ? 200 : 400);
            if (isNew) now = new Set([...now, ...move.ids]);
          } else if (move.kind === 'delete') {
            const { status } = await ask(scope, 'DELETE', `_table/t/${move.id}`);
            expect(status).toBe(now.has(move.id) ? 200 : 404);
            now = new Set([...now].filter((one) => one !== move.id));
          } else if (move.kind === 'open') {
            levels.push({
              scope: scope === undefined ? new TransactionScope() : await scope.open(),
              start: now,
            });
          } else {
            const last = levels.pop();
            if (last === undefined) continue;
            if (move.kind === 'rollback') now = new Set(last.start);
            await (move.kind === 'commit' ? last.scope.commit() : last.scope.rollback());
          }
          const sorted = [...now].sort();
          if (levels.length === 0) kept = sorted;
          expect(await seenIn(levels.at(-1)?.scope)).toEqual(sorted);
          expect(seenOutside()).toEqual(kept);
        }
        await levels[0]?.scope.rollback();
        expect(seenOutside()).toEqual(kept);
      }),
      { numRuns: 60 },
    );
  });
});

describe('an operation inside', () => {
  it('that is still under way when the transaction ends writes nothing any more', async () => {
    const scope = new TransactionScope();
    expect((await post(scope, 1)).status).toBe(200);
    // The related records of what it wrote are asked for while it ends.
    const reached = Promise.withResolvers<void>();
    before = ({ operation }) => {
      if (operation.action !== 'GET') return;
      void scope.rollback();
      reached.resolve();
    };
    const body = { resource: [{ id: 2, parent: 1 }] };
    const late = await ask(scope, 'POST', '_table/t?fields=*&related=t_by_parent', body);
    await reached.promise;
    before = undefined;
    expect([late.status, late.body.error.message]).toEqual([503, expect.stringContaining('is over')]);
    expect(await seenIn(undefined)).toEqual([]);
    // Somebody else's transaction has the one connection now.
    expect((await post(undefined, 3)).status).toBe(200);
    expect(seenOutside()).toEqual([3]);
  });

  it('reads long lists whole, because nothing else can be done on its connection meanwhile', async () => {
    const ids = Array.from({ length: limits.streamFrom * 2 }, (_, index) => index + 1);
    const scope = new TransactionScope();
    expect((await post(scope, ...ids)).status).toBe(200);
    const [all, one] = await Promise.all([seenIn(scope), ask(scope, 'GET', '_table/t/7')]);
    expect([all, one.status]).toEqual([ids, 200]);
    await scope.rollback();
    expect(await seenIn(undefined)).toEqual([]);
  });

  it('leaves the schema alone', async () => {
    const scope = new TransactionScope();
    await post(scope, 1);
    expect((await ask(scope, 'GET', '_table/later')).status).toBe(404);
    expect((await ask(scope, 'POST', '_schema', { resource: [{ name: 'x' }] })).status).toBe(400);
    await scope.commit();
    expect(seenOutside()).toEqual([1]);
  });
});

describe('a session that is closed', () => {
  it('refuses further statements, and waits for those under way', async () => {
    const database = openSqlite({ path: join(folder, 'data.sqlite') });
    const insert = { sql: 'INSERT INTO t (id) VALUES (?)' };
    const work = database.transaction(async (transaction) => {
      const session = new GuardedSession(transaction);
      await session.run(insert, [1]);
      const gate = Promise.withResolvers<void>();
      const waiting = session.savepoint(async () => {
        await session.run(insert, [2]);
        await gate.promise;
        return session.run(insert, [3]);
      });
      const refused = expect(waiting).rejects.toMatchObject({ kind: 'script.transaction_over' });
      await session.close();
      await refused;
      gate.resolve();
      for (const use of [() => session.rows(insert, [4]), () => session.savepoint(() => 1)]) {
        expect(use).toThrow('is over');
      }
      expect(session.isLost).toBe(false);
    });
    await work;
    // The savepoint was undone; what was done before it belongs to whoever closed the session.
    expect(seenOutside()).toEqual([1]);
    await database.close();
  });
});
