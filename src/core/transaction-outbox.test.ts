// What waits in transactions, and the effects of runs: when they begin, what they cover, and that they are
// committed once or not at all.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fc } from '../../test/properties.ts';
import { PlatformError } from './errors.ts';
import type { OutboxEntry, RunEffects } from './outbox.ts';
import {
  appliedBefore,
  type HeldTransaction,
  type TransactionMember,
  TransactionScope,
} from './transaction.ts';

/** A database in memory: what was committed, level by level. */
class Ledger implements TransactionMember {
  readonly name: string;
  readonly mostMs: number;
  readonly lines: string[] = [];
  /** Payloads of entries, and rows, that were committed. */
  readonly kept: string[] = [];
  readonly applied = new Set<string>();
  readonly keepsOutbox: boolean;
  /** What a database says that takes no entry after all. */
  takes = true;
  failure: Error | undefined;
  prepared = 0;

  constructor({ name = 'db', keepsOutbox = true, mostMs = 10_000 }: Partial<TransactionMember> = {}) {
    this.name = name;
    this.keepsOutbox = keepsOutbox;
    this.mostMs = mostMs;
  }

  async prepare(): Promise<void> {
    this.prepared++;
  }

  async begin(): Promise<LedgerLevel> {
    this.lines.push('begin');
    if (this.failure !== undefined) throw this.failure;
    return new LedgerLevel(this, this.kept, 'all');
  }
}

class LedgerLevel implements HeldTransaction {
  readonly isLost = false;
  readonly rows: string[] = [];
  readonly #ledger: Ledger;
  readonly #outside: string[];
  readonly #label: string;
  #runId: string | undefined;

  constructor(ledger: Ledger, outside: string[], label: string) {
    this.#ledger = ledger;
    this.#outside = outside;
    this.#label = label;
  }

  async nested(): Promise<LedgerLevel> {
    return new LedgerLevel(this.#ledger, this.rows, 'level');
  }

  async commit(): Promise<void> {
    if (this.#label === 'all') this.#ledger.lines.push('commit');
    if (this.#runId !== undefined) this.#ledger.applied.add(this.#runId);
    this.#outside.push(...this.rows);
  }

  async rollback(): Promise<void> {
    if (this.#label === 'all') this.#ledger.lines.push('rollback');
  }

  async enqueue(entry: OutboxEntry): Promise<boolean> {
    const isTaken = this.#ledger.takes && this.#ledger.keepsOutbox === true;
    if (isTaken) this.rows.push(`entry ${entry.id}`);
    return isTaken;
  }

  async update(entry: OutboxEntry): Promise<void> {
    this.rows.push(`update ${entry.id}`);
  }

  async wasApplied(runId: string): Promise<boolean> {
    return this.#ledger.applied.has(runId);
  }

  async apply({ runId }: Pick<RunEffects, 'runId'>): Promise<void> {
    this.#ledger.lines.push('apply');
    if (this.#ledger.applied.has(runId)) throw appliedBefore();
    this.#runId = runId;
  }
}

const entry = (id: string): OutboxEntry => ({ id, runs: [], pendingMs: 0 });

function effects(more: Partial<RunEffects> = {}): RunEffects {
  return { runId: 'run', fence: 1, isTakeover: false, begin: async () => true, ...more };
}

/** A call of a service as services treat it. */
async function use(scope: TransactionScope, member: Ledger, row: string, isRead = false): Promise<string> {
  await scope.settle(member, { isRead });
  const place = scope.placeOf(member, { isRead });
  if (place === undefined) {
    if (!scope.allowsOthers && !isRead) throw new PlatformError('script.transaction_elsewhere', 'elsewhere');
    if (!isRead) member.kept.push(row);
    return 'outside';
  }
  await place.join(member, async (held) => {
    if (!isRead) (held as LedgerLevel).rows.push(row);
  });
  return 'inside';
}

describe('what is to leave with a transaction', () => {
  it('is kept where the transaction is, and goes with its level', async () => {
    const ledger = new Ledger();
    const scope = new TransactionScope();
    await use(scope, ledger, 'a');
    expect(await scope.enqueue(entry('1'))).toBe(true);
    const level = await scope.open();
    expect(await level.enqueue(entry('2'))).toBe(true);
    await level.rollback();
    const other = await scope.open();
    expect(await other.enqueue(entry('3'))).toBe(true);
    await other.commit();
    expect(ledger.kept).toEqual([]);
    await scope.commit();
    expect(ledger.kept).toEqual(['a', 'entry 1', 'entry 3']);
    expect(scope.leftovers).toEqual([]);
  });

  it('is not kept where nothing was begun, or the service keeps nothing', async () => {
    const scope = new TransactionScope();
    expect(await scope.enqueue(entry('1'))).toBe(false);
    const mssql = new Ledger({ keepsOutbox: false });
    await use(scope, mssql, 'a');
    expect(await scope.enqueue(entry('1'))).toBe(false);
    const refusing = new TransactionScope();
    const ledger = new Ledger();
    ledger.takes = false;
    await use(refusing, ledger, 'b');
    expect(await refusing.enqueue(entry('1'))).toBe(false);
    await refusing.commit();
    expect([ledger.kept, refusing.leftovers]).toEqual([['b'], []]);
  });

  it('waits for its turn, so that it is in no level that others undo', async () => {
    const ledger = new Ledger();
    const scope = new TransactionScope();
    await use(scope, ledger, 'a');
    const level = await scope.open();
    const keeping = scope.enqueue(entry('1'));
    await use(level, ledger, 'b');
    await level.rollback();
    expect(await keeping).toBe(true);
    await scope.commit();
    expect(ledger.kept).toEqual(['a', 'entry 1']);
  });

  it('is refused and can not be changed when the transaction is over', async () => {
    const ledger = new Ledger();
    const scope = new TransactionScope();
    await use(scope, ledger, 'a');
    await scope.update(entry('1'));
    await scope.commit();
    expect(ledger.kept).toEqual(['a', 'update 1']);
    const over = { kind: 'script.transaction_over' };
    await expect(scope.enqueue(entry('2'))).rejects.toMatchObject(over);
    await expect(scope.update(entry('2'))).rejects.toMatchObject(over);
  });
});

describe('the effects of a run', () => {
  it('begin with the first write to a service that keeps them, told of before', async () => {
    const [ledger, other] = [new Ledger(), new Ledger({ name: 'mssql', keepsOutbox: false })];
    const begun: string[] = [];
    const begin = async (service: string) => {
      begun.push(service, ...ledger.lines);
      return true;
    };
    const scope = new TransactionScope({ effects: effects({ begin }) });
    expect(scope.allowsOthers).toBe(true);
    expect(await use(scope, ledger, '', true)).toBe('outside');
    expect(await use(scope, other, 'x')).toBe('outside');
    expect([begun, scope.service, ledger.prepared]).toEqual([[], undefined, 0]);
    expect(await use(scope, ledger, 'a')).toBe('inside');
    expect([begun, scope.service, ledger.prepared]).toEqual([['db'], 'db', 1]);
    expect(await use(scope, ledger, '', true)).toBe('inside');
    expect(await use(scope, new Ledger({ name: 'second' }), 'y')).toBe('outside');
    expect(ledger.kept).toEqual([]);
    await scope.commit();
    expect(ledger.lines).toEqual(['begin', 'apply', 'commit']);
    expect([ledger.kept, other.kept, scope.wasApplied]).toEqual([['a'], ['x'], false]);
  });

  it('leave nothing behind when they never began', async () => {
    const ledger = new Ledger();
    const scope = new TransactionScope({ effects: effects() });
    await use(scope, ledger, '', true);
    expect(await scope.enqueue(entry('1'))).toBe(true);
    await scope.commit();
    expect([ledger.lines, scope.leftovers]).toEqual([[], [entry('1')]]);
  });

  it('take what was to leave before they began, level by level', async () => {
    const ledger = new Ledger();
    const scope = new TransactionScope({ effects: effects() });
    await scope.enqueue(entry('1'));
    const undone = await scope.begin();
    await undone.enqueue(entry('2'));
    await undone.rollback();
    const kept = await scope.begin();
    await kept.enqueue(entry('3'));
    await kept.commit();
    const late = await scope.begin('db');
    await late.enqueue(entry('4'));
    await use(late, ledger, 'a');
    await late.rollback();
    await use(scope, ledger, 'b');
    await scope.commit();
    expect([ledger.kept, scope.leftovers]).toEqual([['entry 1', 'entry 3', 'b'], []]);
  });

  it('keep for the end what the database does not take', async () => {
    const ledger = new Ledger();
    ledger.takes = false;
    const scope = new TransactionScope({ effects: effects() });
    await scope.enqueue(entry('1'));
    await use(scope, ledger, 'a');
    const level = await scope.begin();
    await use(level, ledger, 'b');
    expect(await level.enqueue(entry('2'))).toBe(true);
    await level.commit();
    expect(await scope.enqueue(entry('3'))).toBe(true);
    await scope.commit();
    expect(scope.leftovers.map(({ id }) => id)).toEqual(['1', '2', '3']);
    const undone = new TransactionScope({ effects: effects() });
    await undone.enqueue(entry('4'));
    await undone.rollback();
    expect(undone.leftovers).toEqual([]);
  });

  it('do not begin for whoever holds the run no more, and nothing is written later', async () => {
    const ledger = new Ledger();
    const scope = new TransactionScope({ effects: effects({ begin: async () => false }) });
    const lost = { kind: 'queue.lost' };
    await expect(use(scope, ledger, 'a')).rejects.toMatchObject(lost);
    await expect(use(scope, ledger, 'b')).rejects.toMatchObject(lost);
    await expect(scope.enqueue(entry('1'))).rejects.toMatchObject(lost);
    await expect(scope.commit()).rejects.toMatchObject(lost);
    expect([ledger.lines, ledger.kept, scope.wasApplied]).toEqual([[], [], false]);
  });

  it('may begin later when they could not be noted, or there was no connection', async () => {
    const ledger = new Ledger();
    const away = new PlatformError('service.unavailable', 'away');
    let isAway = true;
    const begin = async () => {
      if (isAway) throw away;
      return true;
    };
    const scope = new TransactionScope({ effects: effects({ begin }) });
    await scope.enqueue(entry('1'));
    await expect(use(scope, ledger, 'a')).rejects.toBe(away);
    expect(ledger.lines).toEqual([]);
    isAway = false;
    ledger.failure = away;
    await expect(use(scope, ledger, 'b')).rejects.toBe(away);
    ledger.failure = undefined;
    await use(scope, ledger, 'c');
    await scope.commit();
    expect(ledger.kept).toEqual(['entry 1', 'c']);
  });

  it('that were committed before are found at the first write of whoever took over', async () => {
    const ledger = new Ledger();
    ledger.applied.add('run');
    const scope = new TransactionScope({ effects: effects({ isTakeover: true, fence: 2 }) });
    await use(scope, ledger, '', true);
    expect(scope.wasApplied).toBe(false);
    const applied = { kind: 'queue.applied' };
    await expect(use(scope, ledger, 'a')).rejects.toMatchObject(applied);
    await expect(use(scope, ledger, 'b')).rejects.toMatchObject(applied);
    await expect(scope.commit()).rejects.toMatchObject(applied);
    expect([scope.wasApplied, ledger.kept]).toEqual([true, []]);
    expect(ledger.lines).toEqual(['begin', 'rollback']);
  });

  it('that somebody else committed meanwhile are undone', async () => {
    const ledger = new Ledger();
    const scopes = [1, 2].map((fence) => new TransactionScope({ effects: effects({ fence }) }));
    for (const scope of scopes) await use(scope, ledger, 'a');
    await scopes[0]?.commit();
    await expect(scopes[1]?.commit()).rejects.toMatchObject({ kind: 'queue.applied' });
    expect(scopes.map(({ wasApplied }) => wasApplied)).toEqual([false, true]);
    expect([ledger.kept, ledger.lines.at(-1)]).toEqual([['a'], 'rollback']);
    await scopes[1]?.rollback();
    expect(ledger.kept).toEqual(['a']);
  });

  it('say how to have more time when they are open for too long', async () => {
    const ledger = new Ledger({ mostMs: 10 });
    const scope = new TransactionScope({ effects: effects() });
    await use(scope, ledger, 'a');
    await pause(40);
    const late = { kind: 'script.transaction_over', message: expect.stringContaining('transaction_seconds') };
    await expect(scope.commit()).rejects.toMatchObject(late);
    expect([ledger.kept, ledger.lines.at(-1)]).toEqual([[], 'rollback']);
  });
});

describe('a transaction of a script inside the effects of its run', () => {
  it('is a level of them on their service, named or not, even when it begins with a read', async () => {
    for (const [service, isFirst] of [
      ['DB', true],
      [undefined, true],
      ['db', false],
      [undefined, false],
    ] as const) {
      const ledger = new Ledger();
      const scope = new TransactionScope({ effects: effects() });
      if (!isFirst) await use(scope, ledger, 'before');
      const own = await scope.begin(service);
      expect(await use(own, ledger, '', true)).toBe('inside');
      expect(await use(own, ledger, 'undone')).toBe('inside');
      await own.rollback();
      const kept = await scope.begin(service);
      expect(await use(kept, ledger, 'kept')).toBe('inside');
      const deeper = await kept.begin();
      await use(deeper, ledger, 'deeper');
      await deeper.rollback();
      await kept.commit();
      expect(ledger.kept).toEqual([]);
      await scope.commit();
      expect(ledger.kept).toEqual(isFirst ? ['kept'] : ['before', 'kept']);
      expect(ledger.lines).toEqual(['begin', 'apply', 'commit']);
    }
  });

  it('stands alone on another service, and is as strict as anywhere', async () => {
    const [ledger, second, third] = ['db', 'second', 'third'].map((name) => new Ledger({ name }));
    if (ledger === undefined || second === undefined || third === undefined) throw new Error('three');
    const scope = new TransactionScope({ effects: effects() });
    await use(scope, ledger, 'a');
    const own = await scope.begin('second');
    expect(await use(own, second, 'x')).toBe('inside');
    // What the effects cover stays a part of them.
    expect(await use(own, ledger, 'b')).toBe('inside');
    await expect(use(own, third, 'y')).rejects.toMatchObject({ kind: 'script.transaction_elsewhere' });
    expect(await own.enqueue(entry('1'))).toBe(true);
    await own.commit();
    expect([second.kept, second.lines]).toEqual([
      ['x', 'entry 1'],
      ['begin', 'commit'],
    ]);
    const level = await scope.begin('db');
    await use(level, ledger, 'c');
    await expect(use(level, third, 'z')).rejects.toMatchObject({ kind: 'script.transaction_elsewhere' });
    await level.commit();
    await scope.commit();
    expect([ledger.kept, third.kept]).toEqual([['a', 'b', 'c'], []]);
  });

  it('leaves what its own service can not keep to the run', async () => {
    const [ledger, mssql] = [new Ledger(), new Ledger({ name: 'mssql', keepsOutbox: false })];
    const scope = new TransactionScope({ effects: effects() });
    const own = await scope.begin('mssql');
    await own.enqueue(entry('1'));
    await use(own, mssql, 'x');
    await own.enqueue(entry('2'));
    await own.commit();
    await use(scope, ledger, 'a');
    await scope.commit();
    expect([mssql.kept, scope.leftovers]).toEqual([['x'], []]);
    expect([...ledger.kept].sort()).toEqual(['a', 'entry 1', 'entry 2']);
  });

  it('finds them however deep it is in the middle of other services', async () => {
    const [ledger, mssql, third] = ['db', 'mssql', 'third'].map(
      (name) => new Ledger({ name, keepsOutbox: name === 'db' }),
    );
    if (ledger === undefined || mssql === undefined || third === undefined) throw new Error('three');
    for (const isFirst of [false, true]) {
      const scope = new TransactionScope({ effects: effects({ runId: String(isFirst) }) });
      if (!isFirst) await use(scope, ledger, 'a');
      // A write that writes elsewhere, whose script does the same.
      const alone = new TransactionScope({ allowsOthers: true, around: scope });
      expect([alone.covers(mssql), alone.covers(ledger)]).toEqual([true, false]);
      const inner = await alone.open();
      const deeper = new TransactionScope({ allowsOthers: true, around: inner });
      expect(deeper.covers(third)).toBe(true);
      expect(await use(deeper, ledger, 'b')).toBe('inside');
      const own = await deeper.begin('db');
      await use(own, ledger, 'undone');
      await own.rollback();
      const kept = await deeper.begin();
      await use(kept, ledger, 'c');
      expect(await kept.enqueue(entry('1'))).toBe(true);
      await kept.commit();
      expect(await deeper.enqueue(entry('2'))).toBe(true);
      await scope.commit();
    }
    expect(ledger.kept).toEqual(['a', 'b', 'c', 'entry 1', 'entry 2', 'b', 'c', 'entry 1', 'entry 2']);
    expect(ledger.lines).toEqual(['begin', 'apply', 'commit', 'begin', 'apply', 'commit']);
  });

  it('waits for its turn, and does not begin when it ended meanwhile', async () => {
    const ledger = new Ledger();
    const scope = new TransactionScope({ effects: effects() });
    const gate = Promise.withResolvers<void>();
    await use(scope, ledger, 'a');
    const long = scope.join(ledger, () => gate.promise);
    const own = await scope.begin();
    const waiting = use(own, ledger, 'b');
    const also = use(own, ledger, 'c');
    const ends = Promise.allSettled([waiting, also]);
    await pause(1);
    await own.rollback();
    gate.resolve();
    await long;
    expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await use(scope, ledger, 'd');
    await scope.commit();
    expect(ledger.kept).toEqual(['a', 'd']);
  });

  it('is undone when the run is', async () => {
    const ledger = new Ledger();
    const scope = new TransactionScope({ effects: effects() });
    const own = await scope.begin();
    await use(own, ledger, 'a');
    await scope.rollback();
    await expect(use(own, ledger, 'b')).rejects.toMatchObject({ kind: 'script.transaction_over' });
    await expect(own.commit()).rejects.toMatchObject({ kind: 'script.transaction_over' });
    expect(ledger.kept).toEqual([]);
  });
});

type Move = 'write' | 'enqueue' | 'open' | 'commit' | 'rollback' | 'read';

describe('whatever a run does in which order', () => {
  it('is kept and undone as a model of lists says', async () => {
    const move = fc.constantFrom<Move>(
      'write',
      'write',
      'enqueue',
      'enqueue',
      'open',
      'commit',
      'rollback',
      'read',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 30 }), fc.boolean(), async (moves, isKept) => {
        const ledger = new Ledger();
        const scope = new TransactionScope({ effects: effects() });
        const levels: { scope: TransactionScope; rows: string[] }[] = [{ scope, rows: [] }];
        let last = 0;
        let hasBegun = false;
        for (const what of moves) {
          const top = levels.at(-1);
          if (top === undefined) throw new Error('no level');
          const label = String(++last);
          if (what === 'write') {
            await use(top.scope, ledger, label);
            top.rows.push(label);
          } else if (what === 'read') {
            await use(top.scope, ledger, label, true);
          } else if (what === 'enqueue') {
            expect(await top.scope.enqueue(entry(label))).toBe(true);
            top.rows.push(`entry ${label}`);
          } else if (what === 'open') {
            levels.push({ scope: await top.scope.begin(), rows: [] });
          } else if (levels.length > 1) {
            levels.pop();
            await (what === 'commit' ? top.scope.commit() : top.scope.rollback());
            if (what === 'commit') levels.at(-1)?.rows.push(...top.rows);
          }
          // A script's transaction begins with whatever is used first.
          hasBegun ||= what === 'write' || (what === 'read' && levels.length > 1);
        }
        while (levels.length > 1) {
          const top = levels.pop();
          await top?.scope.commit();
          levels.at(-1)?.rows.push(...(top?.rows ?? []));
        }
        const expected = isKept ? (levels[0]?.rows ?? []) : [];
        await (isKept ? scope.commit() : scope.rollback());
        const left = scope.leftovers.map(({ id }) => `entry ${id}`);
        expect([...ledger.kept, ...left].sort()).toEqual([...expected].sort());
        expect(left.length > 0 && hasBegun).toBe(false);
        expect(ledger.applied.has('run')).toBe(isKept && hasBegun);
      }),
      { numRuns: 300 },
    );
  });
});
