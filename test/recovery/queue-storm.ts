// Storms over nodes: they are killed, paused, or ended one after the other while clients write.
// Invariant: a storm is the same whenever its seed is the same, as far as processes are punctual.
import { setTimeout as pause } from 'node:timers/promises';
import type { QueueNode } from './queue-fleet.ts';
import type { Witness } from './queue-witness.ts';

/** How often, and from which seed. */
export interface Storm {
  readonly blows: number;
  readonly seed: number;
  /** Told after each. */
  readonly say?: (blow: number) => void;
}

const seedOfTests = 20_261_121;
const leastMs = 10;
const mostMs = 130;
const patienceMs = 3_000;

/** The seed of storms: that of all tests unless TENON_TEST_SEED names another, or `random`. */
export function stormSeed(): number {
  const given = process.env.TENON_TEST_SEED;
  const seed = given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given ?? seedOfTests);
  console.log(`storm: again with TENON_TEST_SEED=${seed}`);
  return seed;
}

/**
 * Kills nodes at random points, 10 to 130 ms after what is counted from: their start, or every second time
 * the moment when a run of theirs is heard of outside, so that requests and runs are hit alike.
 */
export async function killNodes(nodes: readonly QueueNode[], witness: Witness, storm: Storm): Promise<void> {
  const random = randomOf(storm.seed);
  const starting = new Set<Promise<unknown>>();
  for (let blow = 0; blow < storm.blows; blow++) {
    const node = nodes[Math.floor(random() * nodes.length)];
    if (node === undefined) return;
    if (blow % 2 === 1) await witness.next(patienceMs);
    await pause(leastMs + random() * (mostMs - leastMs));
    await node.kill();
    const start = node.start();
    // One node alone is hit when it works; of several, others work while one starts.
    if (nodes.length === 1) await start;
    starting.add(start);
    storm.say?.(blow + 1);
  }
  await Promise.all(starting);
  for (const node of nodes) if (!node.isRunning) await node.start();
}

/** How nodes are lost one at a time. */
export interface Losses extends Storm {
  /** From one to the next. */
  readonly everyMs: number;
}

/** Kills nodes while others stay, and starts them again at once; tells how many were killed. */
export async function loseNodes(nodes: readonly QueueNode[], storm: Losses): Promise<number> {
  const random = randomOf(storm.seed);
  const starting = new Set<QueueNode>();
  const starts: Promise<unknown>[] = [];
  for (let blow = 0; blow < storm.blows; ) {
    await pause(storm.everyMs * (0.5 + random()));
    const up = nodes.filter((node) => node.isRunning && !starting.has(node));
    const node = up.length > 1 ? up[Math.floor(random() * up.length)] : undefined;
    if (node === undefined) continue;
    await node.kill();
    starting.add(node);
    starts.push(node.start().finally(() => starting.delete(node)));
    blow++;
    storm.say?.(blow);
  }
  await Promise.all(starts);
  return starts.length;
}

/** How nodes are paused. */
export interface Pauses extends Storm {
  /** Longer than a lease. */
  readonly pausedMs: number;
}

/** Pauses nodes in the middle of runs for longer than their leases last, one at a time. */
export async function pauseNodes(
  nodes: readonly QueueNode[],
  witness: Witness,
  storm: Pauses,
): Promise<void> {
  const random = randomOf(storm.seed);
  for (let blow = 0; blow < storm.blows; blow++) {
    const node = nodes[Math.floor(random() * nodes.length)];
    if (node === undefined) return;
    await witness.next(patienceMs);
    await pause(random() * mostMs);
    node.freeze();
    await pause(storm.pausedMs * (1 + random() / 2));
    node.thaw();
    await pause(mostMs);
    storm.say?.(blow + 1);
  }
}

/** How nodes are ended one after the other. */
export interface Rolling {
  readonly rounds: number;
  /** Resolves when a node that was started again has its part of the load. */
  readonly isBack: () => Promise<void>;
}

/** Ends and starts one node after the other, round by round; tells the exit codes and how long ends took. */
export async function rollNodes(nodes: readonly QueueNode[], { rounds, isBack }: Rolling) {
  const codes: (number | null)[] = [];
  let slowestMs = 0;
  for (let round = 0; round < rounds; round++) {
    for (const node of nodes) {
      const began = performance.now();
      codes.push(await node.stop());
      slowestMs = Math.max(slowestMs, performance.now() - began);
      await node.start();
      await isBack();
    }
  }
  return { codes, slowestMs: Math.round(slowestMs) };
}

// Mulberry32: small, and the same on every machine.
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
