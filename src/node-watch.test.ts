import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { limits } from './core/limits.ts';
import type { Observation } from './core/observe.ts';
import { readHostMark } from './host-mark.ts';
import { openPlatform, startServer } from './main.ts';
import { NodeWatch } from './node-watch.ts';
import { createSqliteStore } from './store/sqlite.ts';
import { version } from './version.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const facts = { kind: 'serve', url: 'http://127.0.0.1:1', queues: ['database:default'] } as const;

async function place() {
  const clock = { now: 1_000_000 };
  const store = await createSqliteStore({ file: ':memory:', clock: () => clock.now });
  closers.push(() => store.close());
  const seen: Observation[] = [];
  const watch = (hostMark: string, isOneHost = true) => {
    const made = new NodeWatch({ store, hostMark, isOneHost, observe: (what) => seen.push(what) });
    closers.push(() => made.stop());
    return made;
  };
  return { clock, store, seen, watch };
}

describe('a process on a system database', () => {
  it('is there while it runs, says that it is about to end, and is gone when it did', async () => {
    const { store, seen, watch } = await place();
    const own = watch('north');
    await own.start(facts);
    expect(await store.nodes.list()).toMatchObject([
      {
        id: own.id,
        pid: process.pid,
        hostMark: 'north',
        version,
        ...facts,
        isAlive: true,
        isDraining: false,
      },
    ]);
    expect(seen).toMatchObject([{ kind: 'node.started', node: own.id }]);
    own.drain();
    await expect.poll(() => store.nodes.list()).toMatchObject([{ isDraining: true }]);
    await own.stop();
    expect(await store.nodes.list()).toEqual([]);
  });

  it('tells of one that is lost, once', async () => {
    const { clock, seen, watch } = await place();
    const [lost, own] = [watch('north'), watch('north')];
    await lost.start(facts);
    clock.now += limits.nodeLeaseMs;
    await own.start(facts);
    // What a beat does, asked for at once.
    own.drain();
    own.drain();
    await own.stop();
    expect(seen.filter(({ kind }) => kind === 'node.lost')).toMatchObject([{ node: lost.id }]);
  });

  it('says nothing before it begins', async () => {
    const { store, watch } = await place();
    const own = watch('north');
    own.drain();
    await own.stop();
    expect(await store.nodes.list()).toEqual([]);
  });
});

describe('a second machine', () => {
  it('is refused while the first is there, and let in when its lease is over', async () => {
    const { clock, store, watch } = await place();
    await watch('north').start(facts);
    await watch('north').start(facts);
    const other = watch('south');
    await expect(other.start(facts)).rejects.toMatchObject({
      kind: 'config.invalid',
      message: expect.stringContaining('TENON_DATABASE_URL'),
    });
    expect(await store.nodes.elsewhere('north')).toEqual([]);
    clock.now += limits.nodeLeaseMs;
    await other.start(facts);
    expect(await store.nodes.elsewhere('north')).toHaveLength(1);
  });

  it('is let in at once when the first ended in order', async () => {
    const { watch } = await place();
    const first = watch('north');
    await first.start(facts);
    await first.stop();
    await watch('south').start(facts);
  });

  it('that took over leaves the first silent and not healthy when that one comes back', async () => {
    const { clock, store, seen, watch } = await place();
    const first = watch('north');
    await first.start(facts);
    clock.now += limits.nodeLeaseMs;
    const second = watch('south');
    await second.start(facts);
    first.drain();
    await expect.poll(() => first.isHealthy).toBe(false);
    expect(seen).toContainEqual({ kind: 'node.failed', reason: expect.stringContaining('Another machine') });
    expect(await store.nodes.elsewhere('south')).toEqual([]);
    await second.stop();
    first.drain();
    await expect.poll(() => first.isHealthy).toBe(true);
    expect(seen).toContainEqual({ kind: 'node.recovered' });
  });

  it('is welcome where the system database is on a server', async () => {
    const { store, watch } = await place();
    await watch('north', false).start(facts);
    await watch('south', false).start(facts);
    expect(await store.nodes.list()).toHaveLength(2);
  });
});

describe('a server on a file', () => {
  const account = { TENON_ADMIN_EMAIL: 'a@example.com', TENON_ADMIN_PASSWORD: 'correct horse battery' };
  const folder = () => {
    const home = mkdtempSync(join(tmpdir(), 'tenon-nodes-'));
    closers.push(() => rmSync(home, { recursive: true, force: true }));
    return readConfig({ ...account, TENON_HOME: home, TENON_PORT: '0', TENON_LOG_LEVEL: 'silent' });
  };

  it('shares it with other processes of its machine, and with no other machine', async () => {
    const config = folder();
    const first = await startServer({ config, hostMark: 'north' });
    closers.push(() => first.close());
    const second = await startServer({ config, hostMark: 'north' });
    await second.close();
    const refused = { kind: 'config.invalid', message: expect.stringContaining('Another machine') };
    await expect(startServer({ config, hostMark: 'south' })).rejects.toMatchObject(refused);
    await expect(openPlatform({ config, hostMark: 'south' })).rejects.toMatchObject(refused);
    const status = await fetch(`${first.url}/status`);
    expect(status.status).toBe(200);
    await first.close();
    const third = await startServer({ config, hostMark: 'south' });
    await third.close();
  });
});

describe('the mark of a machine', () => {
  it('is the same for all of its processes, and is there', () => {
    expect(readHostMark()).toBe(readHostMark());
    expect(readHostMark().length).toBeGreaterThan(0);
  });

  it('is its name where the kernel tells none', () => {
    expect(readHostMark('/there/is/no/such/file').length).toBeGreaterThan(0);
  });
});
