// What the outbox of every system database must do.
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { OutboxEntry } from '../core/outbox.ts';
import type { Store } from '../core/store.ts';
import { newRun } from './queue/fixture.ts';

/** Defines the tests of the outbox. */
export function outbox(store: () => Store): void {
  keeping(store);
  removing(store);
}

function entry(id: string, over: Partial<OutboxEntry> = {}): OutboxEntry {
  return { id, runs: [newRun(`run-${id}`)], pendingMs: 0, ...over };
}

async function dueIds(store: Store, limit = 100): Promise<string[]> {
  return (await store.outbox.due(limit)).map(({ id }) => id);
}

function keeping(store: () => Store): void {
  it('keeps runs as they are, and makes nothing of an entry that comes twice', async () => {
    const payload = JSON.stringify({ text: `ü🦊"'\\ \u2028`, long: 'x'.repeat(100_000) });
    const special = newRun('r', { payload, uniqueKey: 'u', backoff: '[1]', delayMs: 5_000, priority: -2 });
    await store().outbox.put(entry('a', { runs: [special, newRun('s')] }));
    await store().outbox.put(entry('a', { runs: [] }));
    expect(await store().outbox.due(10)).toEqual([{ id: 'a', runs: [special, newRun('s')], pendingMs: 0 }]);
  });

  it('hands out what is due, the oldest first, and as many as are asked for', async () => {
    await store().outbox.put(entry('later', { pendingMs: 60_000 }));
    await store().outbox.put(entry('b', { pendingMs: 200 }));
    for (const id of ['z', 'y', 'x']) {
      await store().outbox.put(entry(id));
      await setTimeout(5);
    }
    expect(await dueIds(store(), 2)).toEqual(['z', 'y']);
    expect(await dueIds(store())).toEqual(['z', 'y', 'x']);
    await setTimeout(300);
    expect(await dueIds(store())).toEqual(['z', 'y', 'x', 'b']);
  });

  it('keeps many that come at once', async () => {
    const ids = Array.from({ length: 250 }, (_, at) => `id-${String(at).padStart(3, '0')}`);
    await Promise.all(ids.map((id) => store().outbox.put(entry(id))));
    expect((await dueIds(store(), 1_000)).sort()).toEqual(ids);
  });

  it('is part of the transaction it is called in', async () => {
    await store().outbox.put(entry('before'));
    const failing = store().transaction(async (inside) => {
      await inside.outbox.put(entry('a'));
      await inside.outbox.remove(['before']);
      expect(await dueIds(inside)).toEqual(['a']);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await dueIds(store())).toEqual(['before']);
    await store().transaction(async (inside) => {
      await inside.queue.push([newRun('final')]);
      await inside.outbox.remove(['before']);
    });
    expect(await dueIds(store())).toEqual([]);
    expect(await store().queue.count()).toBe(1);
  });

  it('is no configuration', async () => {
    const before = await store().generation();
    await store().outbox.put(entry('a'));
    await store().outbox.remove(['a']);
    expect(await store().generation()).toBe(before);
  });
}

function removing(store: () => Store): void {
  it('drops what is handed on, whether or not it is there', async () => {
    const ids = Array.from({ length: 1_100 }, (_, at) => `id-${at}`);
    await store().transaction(async (inside) => {
      for (const id of [...ids, 'stays']) await inside.outbox.put(entry(id, { runs: [] }));
    });
    await store().outbox.remove([...ids, 'never there']);
    await store().outbox.remove([]);
    expect(await dueIds(store())).toEqual(['stays']);
  });
}
