// What every system database must do with the log of runs; part of the suite of the store.
import { expect, it } from 'vitest';
import type { Comparison, Where } from '../core/query.ts';
import type { KeptRun, RunRecord } from '../core/run.ts';
import type { Store } from '../core/store.ts';

/** A run that failed in every respect; `over` says otherwise. */
function runRecord(id: string, over: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    script: 'hr._table.todo.get.pre_process',
    type: 'nodejs',
    version: '0123456789ab',
    stage: 'pre_process',
    service: 'hr',
    resource: '_table/todo',
    action: 'GET',
    door: 'http',
    caller: 'user',
    userId: 1,
    appId: null,
    depth: 0,
    parentId: null,
    queuedRunId: null,
    startedDate: '2026-01-01T00:00:00.000Z',
    durationMs: 1.234,
    outcome: 'threw',
    status: 500,
    output: [{ level: 'log', text: 'ü' }],
    isOutputCut: false,
    errorMessage: 'no',
    errorLine: 3,
    errorColumn: 7,
    errorStack: 'Error: no\n    at script',
    ...over,
  };
}

/** Defines the conformance tests of the log of runs. */
export function runs(store: () => Store): void {
  keeping(store);
  finding(store);
  dropping(store);
}

const idsOf = (found: readonly KeptRun[]) => found.map((run) => run.id);

function keeping(store: () => Store): void {
  it('keeps every field of a run, in order, with a position that grows', async () => {
    const plain = {
      userId: null,
      status: null,
      parentId: 'a',
      queuedRunId: 'q',
      output: [],
      isOutputCut: true,
    };
    const error = { errorMessage: null, errorLine: null, errorColumn: null, errorStack: null };
    const other = runRecord('b', { ...plain, ...error, outcome: 'finished', durationMs: 0.001 });
    await store().runs.add([runRecord('a'), other]);
    const [second, first] = await store().runs.find({ limit: 10 });
    expect(first).toEqual({ ...runRecord('a'), position: first?.position });
    expect(second).toEqual({ ...other, position: second?.position });
    expect(second?.position).toBeGreaterThan(first?.position ?? Infinity);
    expect(await store().runs.get('a')).toEqual(first);
    expect(await store().runs.get('c')).toBeUndefined();
  });

  it('adds all or none', async () => {
    await expect(store().runs.add([runRecord('a'), runRecord('a')])).rejects.toThrow();
    expect(await store().runs.count()).toBe(0);
    await store().runs.add([]);
    expect(await store().runs.count()).toBe(0);
  });

  it('takes more runs at once than fit into one statement', async () => {
    const many = Array.from({ length: 1_501 }, (_, index) => runRecord(String(index)));
    await store().runs.add(many);
    expect(await store().runs.count()).toBe(1_501);
    expect(idsOf(await store().runs.find({ limit: 2 }))).toEqual(['1500', '1499']);
  });

  it('is undone with the transaction that it is part of, and goes on after one that failed', async () => {
    await store().runs.add([runRecord('a'), runRecord('b')]);
    const failing = store().transaction(async (inside) => {
      await inside.runs.add([runRecord('c')]);
      expect(await inside.runs.delete(['a'])).toBe(1);
      expect(idsOf(await inside.runs.find({ limit: 10 }))).toEqual(['c', 'b']);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(idsOf(await store().runs.find({ limit: 10 }))).toEqual(['b', 'a']);
    await expect(store().runs.add([runRecord('a')])).rejects.toThrow();
    await Promise.all([store().runs.add([runRecord('d')]), store().runs.add([runRecord('e')])]);
    expect(await store().runs.count()).toBe(4);
  });

  it('is no configuration', async () => {
    const before = await store().generation();
    await store().runs.add([runRecord('a')]);
    await store().runs.delete(['a']);
    expect(await store().generation()).toBe(before);
  });

  it('leaves out what is long where it is not wanted', async () => {
    await store().runs.add([runRecord('a')]);
    const [brief] = await store().runs.find({ limit: 1, isBrief: true });
    expect(brief).toMatchObject({ ...runRecord('a'), output: [], errorStack: null });
  });
}

function finding(store: () => Store): void {
  const found = async (where: Where) => idsOf(await store().runs.find({ where, limit: 100 })).sort();

  it('orders and pages', async () => {
    await store().runs.add([
      runRecord('a', { durationMs: 2, script: 'y' }),
      runRecord('b', { durationMs: 1, script: 'y' }),
      runRecord('c', { durationMs: 3, script: 'x' }),
    ]);
    const order = [
      { field: 'script', descending: true },
      { field: 'durationMs', descending: false },
    ];
    expect(idsOf(await store().runs.find({ order, limit: 10 }))).toEqual(['b', 'a', 'c']);
    expect(idsOf(await store().runs.find({ order, limit: 1, skip: 1 }))).toEqual(['a']);
    expect(idsOf(await store().runs.find({ limit: 10, skip: 2 }))).toEqual(['a']);
    expect(await store().runs.find({ limit: 0 })).toEqual([]);
  });

  it('finds by conditions of every kind', async () => {
    await store().runs.add([
      runRecord('a', { errorMessage: '100% wrong', status: 404, isOutputCut: true }),
      runRecord('b', { errorMessage: 'a_b', status: 500 }),
      runRecord('c', { errorMessage: null, status: null }),
    ]);
    const is = (field: string, op: Comparison, value: string | number | boolean | bigint): Where => ({
      kind: 'compare',
      field,
      op,
      value,
    });
    expect(await found(is('status', '>=', 404))).toEqual(['a', 'b']);
    expect(await found(is('status', '!=', 404n))).toEqual(['b']);
    expect(await found(is('isOutputCut', '=', true))).toEqual(['a']);
    expect(await found(is('errorMessage', 'contains', '%'))).toEqual(['a']);
    expect(await found(is('errorMessage', 'contains', '_'))).toEqual(['b']);
    expect(await found(is('errorMessage', 'starts with', '100%'))).toEqual(['a']);
    expect(await found(is('errorMessage', 'ends with', '_b'))).toEqual(['b']);
    expect(await found(is('errorMessage', 'like', '%wrong'))).toEqual(['a']);
    expect(await found({ kind: 'in', field: 'id', values: ['a', 'c', "'"] })).toEqual(['a', 'c']);
    expect(await found({ kind: 'in', field: 'id', values: [] })).toEqual([]);
    expect(await found({ kind: 'between', field: 'status', low: 405, high: 600 })).toEqual(['b']);
    expect(await found({ kind: 'null', field: 'errorMessage' })).toEqual(['c']);
    expect(await found({ kind: 'not', term: { kind: 'null', field: 'status' } })).toEqual(['a', 'b']);
    const terms = [is('status', '=', 404), is('isOutputCut', '=', false)];
    expect(await found({ kind: 'and', terms })).toEqual([]);
    expect(await found({ kind: 'or', terms })).toEqual(['a', 'b', 'c']);
    expect(await found({ kind: 'xor', terms })).toEqual(['a', 'b']);
    expect(await store().runs.count(is('status', '=', 500))).toBe(1);
  });
}

function dropping(store: () => Store): void {
  it('drops by id', async () => {
    await store().runs.add([runRecord('a'), runRecord('b'), runRecord('c')]);
    expect(await store().runs.delete(['a', 'c', 'z'])).toBe(2);
    expect(await store().runs.delete([])).toBe(0);
    expect(idsOf(await store().runs.find({ limit: 10 }))).toEqual(['b']);
  });

  it('drops what is too old, a part at a time', async () => {
    const old = { startedDate: '2025-12-31T23:59:59.999Z' };
    await store().runs.add(['a', 'b', 'c'].map((id) => runRecord(id, old)));
    await store().runs.add([runRecord('d')]);
    const bounds = { before: '2026-01-01T00:00:00.000Z', keep: 100, atOnce: 2 };
    expect(await store().runs.trim(bounds)).toBe(2);
    expect(await store().runs.trim(bounds)).toBe(1);
    expect(await store().runs.trim(bounds)).toBe(0);
    expect(idsOf(await store().runs.find({ limit: 10 }))).toEqual(['d']);
  });

  it('drops the oldest beyond a number, whatever gaps there are; no position is given twice', async () => {
    await store().runs.add(['a', 'b', 'c', 'd', 'e'].map((id) => runRecord(id)));
    const last = (await store().runs.get('e'))?.position ?? Infinity;
    await store().runs.delete(['c']);
    expect(await store().runs.trim({ before: '', keep: 3, atOnce: 10 })).toBe(1);
    expect(idsOf(await store().runs.find({ limit: 10 }))).toEqual(['e', 'd', 'b']);
    expect(await store().runs.trim({ before: '', keep: 0, atOnce: 10 })).toBe(3);
    await store().runs.add([runRecord('f')]);
    expect((await store().runs.get('f'))?.position).toBeGreaterThan(last);
  });
}
