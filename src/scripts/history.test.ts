import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { RunRecord } from '../core/run.ts';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { exchangeOf } from './exchange-fixture.ts';
import { RunHistory, type RunHistoryParts } from './history.ts';
import { newRunId, runRecord } from './run-record.ts';

let store: Store;
let seen: Observation[];
let open: RunHistory[];

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  seen = [];
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((history) => history.close()));
  await store.close();
});

function historyOf(over: Partial<RunHistoryParts> = {}): RunHistory {
  const history = new RunHistory({
    runs: store.runs,
    observe: (observation) => seen.push(observation),
    sample: 0,
    retentionDays: 30,
    retentionCount: 10_000,
    ...over,
  });
  open.push(history);
  return history;
}

function record(over: Partial<RunRecord> = {}): RunRecord {
  const script = { name: 'hr.get.pre_process', language: 'nodejs', version: 'v' };
  const { operation } = exchangeOf();
  const ended = {
    id: newRunId(),
    operation,
    script,
    stage: 'pre_process',
    ms: 1,
    status: undefined,
    log: [],
  };
  return { ...runRecord(ended), ...over };
}

const ids = async () => (await store.runs.find({ limit: 5_000 })).map((run) => run.id).reverse();

describe('the history of runs', () => {
  test('writes what it was given, in order, when it is asked to', async () => {
    const history = historyOf();
    const given = Array.from({ length: 3 * limits.runFlushRows + 1 }, () => record());
    for (const run of given) history.add(run);
    await history.written();
    expect(await ids()).toEqual(given.map((run) => run.id));
    await history.written();
    expect(await store.runs.count()).toBe(given.length);
  });

  test('writes by itself, soon', async () => {
    const history = historyOf();
    history.add(record());
    expect(await store.runs.count()).toBe(0);
    await expect.poll(() => store.runs.count(), { timeout: 10_000 }).toBe(1);
  });

  test('writes everything before it is closed, even what came while it was writing', async () => {
    const history = historyOf();
    history.add(record());
    const writing = history.written();
    history.add(record());
    await history.close();
    await writing;
    expect(await store.runs.count()).toBe(2);
  });

  test('keeps a bounded number and tells how many it had to leave out', async () => {
    const history = historyOf();
    for (let run = 0; run < limits.runBuffer + 7; run++) history.add(record());
    await history.written();
    expect(await store.runs.count()).toBe(limits.runBuffer);
    expect(seen).toMatchObject([{ kind: 'runs.dropped', count: 7 }]);
    history.add(record());
    await history.written();
    expect(await store.runs.count()).toBe(limits.runBuffer + 1);
    expect(seen).toHaveLength(1);
  });

  test('keeps a bounded amount of text', async () => {
    const history = historyOf();
    const text = 'x'.repeat(limits.runBufferChars / 4);
    for (let run = 0; run < 5; run++) history.add(record({ output: [{ level: 'log', text }] }));
    await history.written();
    expect(await store.runs.count()).toBe(4);
    expect(seen).toMatchObject([{ kind: 'runs.dropped', count: 1 }]);
  });

  test('goes on when the store fails, and tells what is lost and why', async () => {
    const history = historyOf();
    const twice = record();
    history.add(twice);
    history.add(twice);
    await history.written();
    expect(seen).toMatchObject([{ kind: 'runs.dropped', count: 2, reason: expect.stringMatching(/UNIQUE/) }]);
    history.add(record());
    await history.written();
    expect(await store.runs.count()).toBe(1);
  });

  test('drops what is beyond the number to keep', async () => {
    const history = historyOf({ retentionCount: 10 });
    const given = Array.from({ length: 25 }, () => record());
    for (const run of given) history.add(run);
    await history.written();
    expect(await ids()).toEqual(given.slice(15).map((run) => run.id));
  });

  test('drops what is too old when it starts', async () => {
    const old = record({ startedDate: new Date(Date.now() - 2 * 86_400_000).toISOString() });
    const recent = record();
    await store.runs.add([old, recent]);
    const history = historyOf({ retentionDays: 1 });
    history.start();
    await history.written();
    expect(await ids()).toEqual([recent.id]);
  });

  test('a closed store does not make it fail', async () => {
    const other = await createSqliteStore({ file: ':memory:' });
    const history = historyOf({ runs: other.runs });
    await other.close();
    history.start();
    history.add(record());
    await history.close();
    expect(seen).toMatchObject([{ kind: 'runs.dropped', count: 1 }]);
  });

  test('with nothing to keep it keeps nothing', async () => {
    const history = historyOf({ retentionCount: 0, sample: 1 });
    expect([history.isKept, history.isSample()]).toEqual([false, false]);
    history.add(record());
    await history.written();
    expect(await store.runs.count()).toBe(0);
  });

  test('samples as often as it was told', () => {
    const share = (sample: number) => {
      const history = historyOf({ sample });
      return Array.from({ length: 10_000 }, () => history.isSample()).filter(Boolean).length / 10_000;
    };
    expect(share(0)).toBe(0);
    expect(share(1)).toBe(1);
    expect(share(0.2)).toBeGreaterThan(0.1);
    expect(share(0.2)).toBeLessThan(0.3);
  });
});
