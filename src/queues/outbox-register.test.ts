// Which outboxes are in use, over real stores.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutboxEntry } from '../core/outbox.ts';
import type { Store } from '../core/store.ts';
import { newRun } from '../store/queue/fixture.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { OutboxRegister } from './outbox-register.ts';
import { Relay } from './relay.ts';

let folder = '';
let store: Store;
let other: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-register-'));
  store = await createSqliteStore({ file: join(folder, 'system.sqlite') });
  other = await createSqliteStore({ file: join(folder, 'system.sqlite') });
});
afterEach(async () => {
  await store.close();
  await other.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the register of outboxes in use', () => {
  it('is known to whoever noted at once, to others when they look, and to those that come later', async () => {
    const [here, there] = [new OutboxRegister({ store }), new OutboxRegister({ store: other })];
    await here.note('shop');
    await here.note('shop');
    expect([here.has('shop'), there.has('shop'), here.has('else')]).toEqual([true, false, false]);
    await there.load();
    expect(there.has('shop')).toBe(true);
    await there.note('shop');
    expect(await store.settings.list({ owner: 'outbox' })).toHaveLength(1);
    const later = new OutboxRegister({ store });
    await later.load();
    expect(later.has('shop')).toBe(true);
  });

  it('is written once, whoever notes at the same moment', async () => {
    const many = [store, other, store, other].map((of) => new OutboxRegister({ store: of }));
    await Promise.all(many.map((register) => register.note('shop')));
    expect(await store.settings.list({ owner: 'outbox' })).toHaveLength(1);
    expect(many.every((register) => register.has('shop'))).toBe(true);
  });

  it('tells whoever notes when it could not be written, and is written the next time', async () => {
    let isAway = true;
    const { settings } = store;
    const broken = new OutboxRegister({
      store: {
        settings: {
          list: (having) => settings.list(having),
          add: (entry, by) => (isAway ? Promise.reject(new Error('away')) : settings.add(entry, by)),
          update: (id, changes, by) => settings.update(id, changes, by),
          delete: (id) => settings.delete(id),
        },
      },
    });
    await expect(broken.note('shop')).rejects.toThrow('away');
    expect(broken.has('shop')).toBe(false);
    isAway = false;
    await broken.note('shop');
    expect(broken.has('shop')).toBe(true);
  });

  it('keeps the relay from databases that nothing was put into', async () => {
    const asked: string[] = [];
    const outboxOf = (name: string, entries: OutboxEntry[]) => ({
      due: async () => {
        asked.push(name);
        return entries;
      },
      remove: async () => void entries.splice(0),
      trim: async () => 0,
    });
    const entry = { id: 'e', runs: [newRun('r1')], pendingMs: 0 };
    const services = [
      { name: 'idle', outbox: outboxOf('idle', []) },
      { name: 'shop', outbox: outboxOf('shop', [entry]) },
    ];
    const register = new OutboxRegister({ store });
    await new OutboxRegister({ store: other }).note('shop');
    const pushPromised = async (runs: Parameters<Store['queue']['push']>[0]) => {
      await store.queue.push(runs);
    };
    const relay = new Relay({
      ...{ outbox: store.outbox, services: { list: () => services }, queue: { pushPromised }, register },
      observe: () => {},
    });
    relay.start();
    await expect.poll(() => store.queue.count(), { timeout: 10_000 }).toBe(1);
    await relay.stop();
    expect(new Set(asked)).toEqual(new Set(['shop']));
  });
});
