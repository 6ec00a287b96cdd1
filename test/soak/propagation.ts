// How soon changes that one server is told are in force on the others: three server processes on one system
// database, each asked fifty times a second.
// Invariant: the time runs from the answer to the change until the other server is first seen to follow it.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type ServerKind, testDatabase } from '../databases.ts';
import { freePort, QueueNode } from '../recovery/queue-fleet.ts';
import { type SharedChange, SharedChanges } from '../shared-changes.ts';
import { optionOf, type SoakResult } from './soak.ts';

const account = {
  TENON_ADMIN_EMAIL: 'admin@example.com',
  TENON_ADMIN_PASSWORD: 'correct horse battery',
};
const everyMs = 20;
const boundMs = 1_000;
const mostMs = 2_000;
const giveUpMs = 30_000;

/** `--rounds=5` of all changes on each kind of database; `--kind=postgres` for one of them. */
export async function soakPropagation(
  options: readonly string[],
  say: (line: string) => void,
): Promise<SoakResult> {
  const rounds = Number(optionOf(options, 'rounds', '5'));
  const wanted = optionOf(options, 'kind', 'postgres,mysql').split(',');
  const figures: unknown[] = [];
  const findings: string[] = [];
  for (const kind of (['postgres', 'mysql'] as const).filter((each) => wanted.includes(each))) {
    const seen = await onServers(kind, (servers) => measure({ ...servers, rounds, say }));
    const all = [...seen.values()].flat();
    const summary = { kind, ...summaryOf(all), changes: Object.fromEntries(slowest(seen)) };
    figures.push(summary);
    say(JSON.stringify(summary));
    if (summary.p99 > boundMs) findings.push(`${kind}: the 99th of 100 changes took ${summary.p99} ms`);
    if (summary.max > mostMs) findings.push(`${kind}: a change took ${summary.max} ms`);
  }
  return { figures, findings };
}

interface Servers {
  readonly urls: readonly string[];
  readonly folder: string;
  /** Forgets how often somebody came with a wrong password. */
  forget(): Promise<void>;
}

interface Measure extends Servers {
  readonly rounds: number;
  readonly say: (line: string) => void;
}

async function measure({ urls, folder, forget, rounds, say }: Measure): Promise<Map<string, number[]>> {
  const [first = '', ...others] = urls;
  const seen = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    // All come from one address.
    await forget();
    const changes = await new SharedChanges(folder, `_${round}`).prepare(first);
    // All servers know what was prepared, so that each has to forget something.
    for (const change of changes) {
      for (const url of others) while (await change.isFollowed(url)) await pause(everyMs);
    }
    for (const change of changes) {
      // What is remembered for a moment is remembered anew.
      await Promise.all(others.map((url) => change.isFollowed(url)));
      await change.make(first);
      const made = performance.now();
      const times = await Promise.all(others.map((url) => followed(change, url, made)));
      seen.set(change.name, [...(seen.get(change.name) ?? []), ...times]);
    }
    say(`round ${round + 1} of ${rounds}: ${changes.length} changes`);
  }
  return seen;
}

async function followed(change: SharedChange, url: string, made: number): Promise<number> {
  for (;;) {
    const asked = performance.now();
    // As of when it was asked: what is answered later was decided then.
    if (await change.isFollowed(url)) return Math.max(0, Math.round(asked - made));
    if (asked - made > giveUpMs) throw new Error(`${change.name}: never followed`);
    await pause(Math.max(0, everyMs - (performance.now() - asked)));
  }
}

async function onServers<T>(kind: ServerKind, work: (servers: Servers) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-propagation-'));
  const database = await testDatabase(kind);
  const { user, password, host, port, database: name } = database;
  const TENON_DATABASE_URL = `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  const shared = { TENON_DATABASE_URL, TENON_MASTER_KEY: randomBytes(32).toString('base64'), ...account };
  const nodes: QueueNode[] = [];
  try {
    for (const own of [0, 1, 2]) {
      const home = { TENON_HOME: join(folder, `home-${own}`), TENON_DRAIN_DELAY: '0' };
      const node = new QueueNode(await freePort(), { ...shared, ...home, TENON_LOG_LEVEL: 'error' });
      nodes.push(node);
      if (!(await node.start())) throw new Error(`a server did not start: ${node.said}`);
    }
    return await work({
      urls: nodes.map(({ url }) => url),
      folder,
      forget: () => database.execute('delete from limit_counter'),
    });
  } finally {
    for (const node of nodes) await node.stop();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function summaryOf(times: readonly number[]) {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { samples: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}

function slowest(seen: ReadonlyMap<string, readonly number[]>): [string, number][] {
  return [...seen].map(([name, times]) => [name, Math.max(...times)]);
}
