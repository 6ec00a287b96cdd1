// The transactions of one run, as its runner takes their steps; and that none outlives the run.
import { describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Operation, Result } from '../core/operation.ts';
import type { TransactionStep } from '../core/runner.ts';
import { type HeldTransaction, type TransactionMember, TransactionScope } from '../core/transaction.ts';
import { CallBridge } from './bridge.ts';
import { operationOf } from './exchange-fixture.ts';

const ok: Result = { status: 200, headers: {}, body: undefined };

/** A run whose calls use a member that writes down how its transactions end. */
function open(operation: Operation = operationOf()) {
  const ends: string[] = [];
  const held = (name: string): HeldTransaction => ({
    isLost: false,
    nested: async () => held(`${name}.`),
    commit: async () => void ends.push(`${name} kept`),
    rollback: async () => void ends.push(`${name} undone`),
  });
  let begun = 0;
  const member: TransactionMember = { name: 'db', mostMs: 10_000, begin: async () => held(`${++begun}`) };
  const gates: PromiseWithResolvers<void>[] = [];
  const bridge = new CallBridge({
    operation,
    call: async ({ transaction, path }) => {
      if (path[0] === 'slow') {
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        await gate.promise;
      }
      if (transaction === undefined) ends.push('outside');
      else if (transaction.covers(member)) await transaction.join(member, async () => undefined);
      return ok;
    },
  });
  const step = (kind: TransactionStep['step'], transaction: number, outer = 0, service = '') =>
    bridge.transact({ step: kind, transaction, outer, service });
  const call = (transaction: number | undefined, path = 'db/quick') =>
    bridge.call({
      method: 'GET',
      path,
      payload: undefined,
      options: null,
      ...(transaction === undefined ? {} : { transaction }),
    });
  return { bridge, step, call, ends, gates };
}

const messageOf = ({ body }: Result) =>
  (body?.value as { error: { message: string } } | undefined)?.error.message;

describe('transactions of a run', () => {
  it('are joined by the calls that name them, and end as they are told', async () => {
    const { step, call, ends } = open();
    expect(await step('begin', 1)).toMatchObject({ status: 200 });
    await call(1);
    await call(undefined);
    expect(await step('begin', 2, 1)).toMatchObject({ status: 200 });
    await call(2);
    expect(await step('rollback', 2, 1)).toMatchObject({ status: 200 });
    expect(await step('commit', 1)).toMatchObject({ status: 200 });
    expect(ends).toEqual(['1. kept', 'outside', '1.. kept', '1. undone', '1 kept']);
  });

  it('keep what the script did not wait for', async () => {
    const { step, call, ends, gates } = open();
    await step('begin', 1);
    const slow = call(1, 'db/slow');
    const commit = step('commit', 1);
    await Promise.resolve();
    expect(ends).toEqual([]);
    gates[0]?.resolve();
    expect([(await slow).status, (await commit).status]).toEqual([200, 200]);
    expect(ends).toEqual(['1. kept', '1 kept']);
  });

  it('are refused when they are none, or no more', async () => {
    const { step, call, ends } = open();
    expect(messageOf(await call(1))).toBe('None was begun.');
    await step('begin', 1);
    expect((await step('begin', 1)).status).toBe(409);
    await step('commit', 1);
    for (const late of [await call(1), await step('commit', 1), await step('begin', 2, 1)]) {
      expect([late.status, messageOf(late)]).toEqual([503, expect.stringContaining('wait for all calls')]);
    }
    expect(ends).toEqual([]);
  });

  it('are so many at once, and no more', async () => {
    const { step } = open();
    for (let i = 1; i <= limits.runTransactions; i++) expect((await step('begin', i)).status).toBe(200);
    const more = await step('begin', limits.runTransactions + 1);
    expect(messageOf(more)).toContain(`${limits.runTransactions} transactions open at once`);
    await step('commit', 1);
    expect((await step('begin', limits.runTransactions + 1)).status).toBe(200);
  });

  it('are inside the one that the run is a part of', async () => {
    const transaction = new TransactionScope();
    const { step, call, ends } = open({ ...operationOf(), transaction });
    await step('begin', 1);
    await call(1);
    await step('rollback', 1);
    expect(ends).toEqual(['1.. kept', '1. undone']);
    expect(transaction.reason).toBeUndefined();
    await transaction.commit();
    expect(ends.at(-1)).toBe('1 kept');
  });

  it('end with the run, the inner ones first, and its author is told', async () => {
    const { bridge, step, call, ends, gates } = open();
    await step('begin', 1);
    await step('begin', 2, 1);
    await call(2);
    const slow = call(2, 'db/slow');
    await bridge.end();
    expect(ends).toEqual(['1.. kept', '1. undone', '1 undone']);
    expect(bridge.notes.map(({ level, text }) => `${level}: ${text}`)).toEqual(
      Array(2).fill(
        "warn: The transaction on service 'db' was rolled back. The run ended while it was open.",
      ),
    );
    gates[0]?.resolve();
    expect((await slow).status).toBe(503);
    expect(ends.length).toBe(3);
  });

  it('do not begin after the run', async () => {
    const transaction = new TransactionScope();
    const turn = await transaction.open();
    const { bridge, step, ends } = open({ ...operationOf(), transaction });
    const late = step('begin', 1);
    await bridge.end();
    await turn.commit();
    expect((await late).status).toBe(200);
    // Its place in the one around it is free again.
    await (await transaction.open()).commit();
    expect(ends).toEqual([]);
  });
});

describe('a run without transactions', () => {
  it('has nothing to wait for at its end', () => {
    expect(open().bridge.end()).toBeUndefined();
  });
});
