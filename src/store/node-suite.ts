// What every system database must do for the processes that share it.
import { expect, it } from 'vitest';
import type { NodePresence } from '../core/node.ts';
import type { Store } from '../core/store.ts';

const server: NodePresence = {
  ...{ id: 'a', host: 'north', hostMark: 'mark of north', pid: 7, kind: 'serve', url: 'http://north:80' },
  ...{ version: '1.2.3', queues: ['database:default', 'other:*'], isDraining: false },
};
const worker: NodePresence = {
  ...{ id: 'b', host: 'south', hostMark: 'mark of south', pid: 8, kind: 'work', url: null },
  ...{ version: '1.2.4', queues: [], isDraining: false },
};

/** Defines the conformance tests of the registry of processes. */
export function nodes(store: () => Store): void {
  it('keeps all that a process says of itself, with the clock of the database', async () => {
    const [{ now: before }] = await Promise.all([store().scheduleSlots.due(1)]);
    await store().nodes.beat(server);
    const [kept] = await store().nodes.list();
    expect(kept).toEqual({
      ...server,
      isAlive: true,
      startedDate: expect.any(Number),
      seenDate: kept?.startedDate,
    });
    expect(kept?.startedDate).toBeGreaterThanOrEqual(before);
    expect(kept?.startedDate).toBeLessThanOrEqual(await store().scheduleSlots.now());
  });

  it('keeps one row of a process, however often it says so, and what it said last', async () => {
    await store().nodes.beat(server);
    const [first] = await store().nodes.list();
    await expect
      .poll(async () => {
        await store().nodes.beat({ ...server, queues: [], isDraining: true });
        return (await store().nodes.list())[0]?.seenDate;
      })
      .toBeGreaterThan(first?.seenDate ?? 0);
    const all = await store().nodes.list();
    expect(all).toMatchObject([{ isDraining: true, queues: [], startedDate: first?.startedDate }]);
  });

  it('lists those that are there in the order in which they began, without those that left', async () => {
    await store().nodes.beat(worker);
    const [{ startedDate = 0 } = {}] = await store().nodes.list();
    await expect.poll(() => store().scheduleSlots.now()).toBeGreaterThan(startedDate);
    await store().nodes.beat(server);
    expect((await store().nodes.list()).map(({ id }) => id)).toEqual(['b', 'a']);
    await store().nodes.leave('b');
    await store().nodes.leave('b');
    expect((await store().nodes.list()).map(({ id }) => id)).toEqual(['a']);
  });

  it('knows those of other machines', async () => {
    await store().nodes.beat(server);
    await store().nodes.beat(worker);
    expect(await store().nodes.elsewhere('mark of north')).toMatchObject([{ id: 'b', isAlive: true }]);
    expect(await store().nodes.elsewhere('mark of neither')).toHaveLength(2);
  });

  it('loses and forgets none that is there', async () => {
    await store().nodes.beat(server);
    expect(await store().nodes.takeLost()).toEqual([]);
    expect(await store().nodes.trim()).toBe(0);
    expect(await store().nodes.list()).toHaveLength(1);
  });

  it('cuts names that are longer than their columns', async () => {
    await store().nodes.beat({ ...server, host: 'h'.repeat(300), url: 'u'.repeat(300) });
    const [kept] = await store().nodes.list();
    expect([kept?.host.length, kept?.url?.length]).toEqual([255, 255]);
  });
}
