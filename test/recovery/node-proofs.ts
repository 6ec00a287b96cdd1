// Nodes behind a balancer, with clients, a busy queue and schedules: what becomes of all of it when nodes are
// ended one after the other, and when one is lost.
// Invariant: clients end before schedules, and schedules before anything is judged, so that all is quiet
// then.
import { setTimeout as pause } from 'node:timers/promises';
import { Balancer } from './node-balancer.ts';
import type { Clients, Manner, Notes } from './queue-client.ts';
import type { QueueNode } from './queue-fleet.ts';
import { rollNodes } from './queue-storm.ts';
import type { Verdict } from './queue-verdict.ts';
import { QueueWorld, type WorldOptions } from './queue-world.ts';
import { ScheduleLoad } from './schedule-load.ts';
import type { ScheduleVerdict } from './schedule-verdict.ts';

/** How much is asked of nodes. */
export interface Traffic {
  readonly perSecond: number;
  readonly schedules: number;
  /** What the marks of its clients begin with. */
  readonly name?: string;
}

/** What came of it. */
export interface Outcome {
  readonly seconds: number;
  readonly perSecond: number;
  readonly verdict: Verdict;
  readonly schedules: ScheduleVerdict;
}

// Most requests read; what is written sets runs off.
const manners: readonly Manner[] = [
  ...Array.from({ length: 16 }, () => 'read' as const),
  ...(['plain', 'plain', 'batch', 'keyed', 'job'] as const),
];

/** How many requests are under way at most. */
export const clientCount = manners.length;

/** Nodes on one server behind a balancer. */
export async function openBalanced(options: WorldOptions): Promise<QueueWorld> {
  const world = await QueueWorld.open({
    ...options,
    // That a machine is busy is not what is proven.
    limits: { poolConnectMs: 20_000, ...options.limits },
    environment: { TENON_DRAIN_DELAY: '1', ...options.environment },
  });
  try {
    world.balancer = await Balancer.open(world.nodes.map(({ port }) => port));
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}

/** Ends and starts one node after the other, so many times. */
export async function rollUnder(world: QueueWorld, { rounds, ...traffic }: Traffic & { rounds: number }) {
  const strict = { mustAnswer: true, accepted: [] };
  let rolled = { codes: [] as (number | null)[], slowestMs: 0 };
  const isBack = async () => world.balancer?.knows(world.nodes.length);
  const outcome = await underTraffic(world, { ...traffic, ...strict }, async () => {
    rolled = await rollNodes(world.nodes, { rounds, isBack });
  });
  return { ...outcome, codes: rolled.codes, slowestEndMs: rolled.slowestMs };
}

/** Kills the node that has most runs, and starts it again only when they are done. */
export async function loseUnder(world: QueueWorld, traffic: Traffic) {
  let resumed: readonly number[] = [];
  let notes: Notes | undefined;
  // What was under way there has no answer, or one of the balancer.
  const lenient = { mustAnswer: false, accepted: [502, 504] };
  const outcome = await underTraffic(world, { ...traffic, ...lenient }, async (clients) => {
    const { node, held } = await busiest(world);
    const killed = Date.now();
    await node.kill();
    resumed = await endsOf(world, held, killed);
    notes = await clients.end();
    await node.start();
  });
  // A key whose write was under way on the lost node is in progress until its lease is over: an answer, too.
  const isAnswer = /^(?:2\d\d|409)$/;
  const refused = Object.entries(notes?.statuses ?? {}).filter(([status]) => !isAnswer.test(status));
  return { ...outcome, resumed, unanswered: refused.reduce((sum, [, count]) => sum + count, 0) };
}

type Strictness = Traffic & { readonly mustAnswer: boolean; readonly accepted: readonly number[] };

async function underTraffic(
  world: QueueWorld,
  { schedules: count, ...traffic }: Strictness,
  deed: (clients: Clients) => Promise<void>,
): Promise<Outcome> {
  const load = await ScheduleLoad.make(world, { count, prefix: traffic.name ?? 'tick' });
  const began = performance.now();
  const clients = world.clients(manners, { ...traffic, keepsAlive: true });
  await load.came(1);
  await deed(clients);
  const notes = await clients.end();
  const seconds = Math.round(performance.now() - began) / 1_000;
  const schedules = await load.verdict();
  const verdict = await world.verdict(clients);
  if (verdict.findings.length > 0) console.log(world.balancer?.said);
  return { seconds, perSecond: Math.round(notes.requests / seconds), verdict, schedules };
}

const patienceMs = 60_000;

// Runs are named by who has them, a node by its process.
async function busiest(world: QueueWorld): Promise<{ node: QueueNode; held: readonly string[] }> {
  for (const began = performance.now(); performance.now() - began < patienceMs; await pause(20)) {
    const rows = await world.databases.system("select id, worker from queued_run where state = 'running'");
    const held = world.nodes.map((node) => {
      return rows.flatMap(({ id, worker }) => (String(worker).includes(`:${node.pid}:`) ? [String(id)] : []));
    });
    const most = Math.max(...held.map(({ length }) => length));
    const at = held.findIndex(({ length }) => length === most);
    const node = world.nodes[at];
    if (most > 0 && node !== undefined) return { node, held: held[at] ?? [] };
  }
  throw new Error('no node is busy');
}

/** How long after a moment runs were done, by the clock of the database, which is on this machine. */
async function endsOf({ databases }: QueueWorld, ids: readonly string[], since: number) {
  const list = ids.map((id) => `'${id}'`).join();
  const ended = `select finished_date from queued_run where id in (${list}) and finished_date is not null`;
  for (const began = performance.now(); performance.now() - began < patienceMs; await pause(100)) {
    const rows = await databases.system(ended);
    if (rows.length === ids.length) return rows.map((row) => Number(row.finished_date) - since);
  }
  throw new Error('runs of a lost node are not taken over');
}
