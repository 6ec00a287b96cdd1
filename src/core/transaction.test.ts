// The levels of a transaction: their order, what is undone when, and that every one ends.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { PlatformError } from './errors.ts';
import { type HeldTransaction, type TransactionMember, TransactionScope } from './transaction.ts';

/** A member that writes down what is asked of it. */
class Journal implements TransactionMember {
  readonly name: string;
  readonly mostMs: number;
  readonly lines: string[] = [];
  /** What `begin` waits for. */
  gate: Promise<void> = Promise.resolve();
  /** What the end refuses with. */
  refusal: Error | undefined;
  isLost = false;
  #count = 0;

  constructor({ name = 'db', mostMs = 10_000 }: { name?: string; mostMs?: number } = {}) {
    this.name = name;
    this.mostMs = mostMs;
  }

  async begin(): Promise<HeldTransaction> {
    await this.gate;
    return this.#opened('begin', 0);
  }

  #opened(how: string, depth: number): HeldTransaction {
    const label = `${'  '.repeat(depth)}${++this.#count}`;
    const write = (what: string) => void this.lines.push(`${label} ${what}`);
    write(how);
    const journal = this;
    return {
      get isLost() {
        return journal.isLost;
      },
      nested: async () => this.#opened('open', depth + 1),
      commit: async () => {
        if (this.refusal !== undefined) throw this.refusal;
        write('keep');
      },
      rollback: async () => write('undo'),
    };
  }
}

const refused = new PlatformError('request.conflict', 'refused');

describe('a transaction', () => {
  it('begins nothing until a service is used in it', async () => {
    const journal = new Journal();
    const scope = new TransactionScope();
    await scope.commit();
    expect(journal.lines).toEqual([]);
    await expect(scope.join(journal, async () => 1)).rejects.toMatchObject({
      kind: 'script.transaction_over',
    });
    expect(journal.lines).toEqual([]);
  });

  it('does each operation in a level of its own, undone alone when it is refused', async () => {
    const journal = new Journal();
    const scope = new TransactionScope();
    expect(await scope.join(journal, async () => 'one')).toBe('one');
    await expect(scope.join(journal, () => Promise.reject(refused))).rejects.toBe(refused);
    await scope.join(journal, async (_held, inner) => inner.join(journal, async () => 'deeper'));
    await scope.commit();
    expect(journal.lines).toEqual([
      '1 begin',
      '  2 open',
      '  2 keep',
      '  3 open',
      '  3 undo',
      '  4 open',
      '    5 open',
      '    5 keep',
      '  4 keep',
      '1 keep',
    ]);
  });

  it('takes operations one after the other, in the order of asking, and ends after them', async () => {
    const journal = new Journal();
    const scope = new TransactionScope();
    const order: string[] = [];
    const work = (name: string, ms: number) =>
      scope.join(journal, async () => {
        order.push(`${name} begins`);
        await pause(ms);
        order.push(`${name} ends`);
      });
    await Promise.all([work('a', 15), work('b', 5), work('c', 1), scope.commit()]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(journal.lines.at(-1)).toBe('1 keep');
  });

  it('lets a level that was opened inside have its time for itself', async () => {
    const journal = new Journal();
    const scope = new TransactionScope();
    const inner = await scope.open();
    const waiting = scope.join(journal, async () => 'outer');
    await inner.join(journal, async () => 'inner');
    expect(journal.lines).toEqual(['1 begin', '  2 open', '    3 open', '    3 keep']);
    await inner.rollback();
    expect(await waiting).toBe('outer');
    await scope.commit();
    expect(journal.lines.slice(4)).toEqual(['  2 undo', '  4 open', '  4 keep', '1 keep']);
  });
});

describe('the end of a transaction', () => {
  it('comes at once, from the inside out, while operations are under way or wait', async () => {
    const journal = new Journal();
    const scope = new TransactionScope();
    const never = new Promise<never>(() => {});
    const inner = await scope.open();
    const reached = Promise.withResolvers<void>();
    const under = inner.join(journal, () => {
      reached.resolve();
      return never;
    });
    const waiting = scope.join(journal, async () => 'never');
    await reached.promise;
    const why = new PlatformError('script.transaction_over', 'because');
    const ends = Promise.allSettled([under, waiting]);
    await scope.rollback(why);
    expect(journal.lines).toEqual(['1 begin', '  2 open', '    3 open', '    3 undo', '  2 undo', '1 undo']);
    expect(await ends).toMatchObject([{ reason: why }, { reason: why }]);
    expect(scope.reason).toBe(why);
    // What comes later hears of it, too; and it ends once.
    await expect(scope.open()).rejects.toBe(why);
    await expect(scope.commit()).rejects.toBe(why);
    await scope.rollback();
    expect(journal.lines.length).toBe(6);
  });

  it('comes by itself when it is open for too long', async () => {
    const journal = new Journal({ mostMs: 20 });
    const scope = new TransactionScope();
    await scope.join(journal, async () => 'done');
    const under = scope.join(journal, () => new Promise<never>(() => {}));
    await expect(under).rejects.toThrow("service 'db' was open for longer than 0.02 s and was rolled back");
    await scope.rollback();
    expect(journal.lines.at(-1)).toBe('1 undo');
  });

  it('does not wait for whoever waits for a connection, which is given back when it comes', async () => {
    const journal = new Journal();
    const gate = Promise.withResolvers<void>();
    journal.gate = gate.promise;
    const scope = new TransactionScope();
    const waiting = scope.join(journal, async () => 'never');
    const ends = Promise.allSettled([waiting]);
    await pause(1);
    await scope.rollback(refused);
    expect(journal.lines).toEqual([]);
    expect(await Promise.race([ends, pause(1, 'late')])).toBe('late');
    gate.resolve();
    expect(await ends).toMatchObject([{ reason: refused }]);
    await pause(1);
    expect(journal.lines).toEqual(['1 begin', '1 undo']);
  });

  it('tells what is refused at the end, and has undone everything then', async () => {
    const journal = new Journal();
    const scope = new TransactionScope();
    await scope.join(journal, async () => 'done');
    journal.refusal = refused;
    await expect(scope.commit()).rejects.toBe(refused);
    await expect(scope.open()).rejects.toMatchObject({ kind: 'script.transaction_over' });
  });

  it('comes when the source gave it up', async () => {
    const journal = new Journal();
    const scope = new TransactionScope();
    const failing = scope.join(journal, () => {
      journal.isLost = true;
      return Promise.reject(refused);
    });
    await expect(failing).rejects.toBe(refused);
    expect(journal.lines.at(-1)).toBe('1 undo');
    await expect(scope.join(journal, async () => 1)).rejects.toThrow('gave the transaction up');
  });

  it('is not there for what could not begin: it may begin later', async () => {
    const journal = new Journal();
    const scope = new TransactionScope();
    journal.gate = Promise.reject(refused);
    await expect(scope.join(journal, async () => 1)).rejects.toBe(refused);
    journal.gate = Promise.resolve();
    expect(await scope.join(journal, async () => 1)).toBe(1);
    await scope.commit();
    expect(journal.lines).toEqual(['1 begin', '  2 open', '  2 keep', '1 keep']);
  });
});

describe('the service of a transaction', () => {
  it('is the first that is used', () => {
    const [one, other] = [new Journal({ name: 'one' }), new Journal({ name: 'other' })];
    const scope = new TransactionScope();
    expect(scope.service).toBeUndefined();
    expect([one, other, one].map((member) => scope.covers(member))).toEqual([true, false, true]);
    expect(scope.service).toBe('one');
  });

  it('is the named one, whatever is used first', () => {
    const [one, other] = [new Journal({ name: 'one' }), new Journal({ name: 'Other' })];
    const scope = new TransactionScope({ service: 'oTher' });
    expect([one, other].map((member) => scope.covers(member))).toEqual([false, true]);
    expect(scope.service).toBe('Other');
  });

  it('is that of the outermost level', async () => {
    const [one, other] = [new Journal({ name: 'one' }), new Journal({ name: 'other' })];
    const scope = new TransactionScope();
    const inner = await scope.open({ service: 'one' });
    expect([scope.covers(other), inner.covers(one), scope.service]).toEqual([false, true, 'one']);
    await expect(inner.open({ service: 'other' })).rejects.toMatchObject({
      kind: 'script.transaction_elsewhere',
    });
    await inner.rollback();
    await scope.rollback();
  });

  it('is not another one of the same name, as after a change of its configuration', () => {
    const scope = new TransactionScope();
    expect([scope.covers(new Journal()), scope.covers(new Journal())]).toEqual([true, false]);
  });

  it('leaves to the one around it what that covers', async () => {
    const [one, other] = [new Journal({ name: 'one' }), new Journal({ name: 'other' })];
    const around = new TransactionScope({ allowsOthers: true });
    expect([around.covers(one), around.allowsOthers]).toEqual([true, true]);
    const inner = await around.open();
    const scope = new TransactionScope({ around: inner });
    expect([scope.covers(one), scope.covers(other), scope.service]).toEqual([false, true, 'other']);
    expect((await scope.open()).around).toBe(inner);
    expect([inner.allowsOthers, scope.allowsOthers]).toEqual([true, false]);
  });

  it('holds nothing to undo for what only reads', async () => {
    const journal = new Journal();
    const asked: boolean[] = [];
    const begin = journal.begin.bind(journal);
    journal.begin = async () => {
      const held = await begin();
      const nested = (onlyReads: boolean) => {
        asked.push(onlyReads);
        return held.nested(onlyReads);
      };
      return { isLost: false, nested, commit: held.commit, rollback: held.rollback };
    };
    const scope = new TransactionScope();
    await scope.join(journal, async () => 1, { onlyReads: true });
    await scope.join(journal, async () => 2);
    expect(asked).toEqual([true, false]);
    await scope.commit();
  });
});
