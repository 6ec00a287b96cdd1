// The life of queued runs as a model: random commands of workers, people and time against a store whose
// clock stands still unless a command moves it. A failure prints its seed, path and replayPath; QUEUE_SEED,
// QUEUE_PATH and QUEUE_REPLAY run it again, QUEUE_RUNS asks for more.

import { expect, it } from 'vitest';
import { fc } from '../../../test/properties.ts';
import { limits } from '../../core/limits.ts';
import type { ClaimedRun, Delivery, QueuedState, RunEnd, RunStore } from '../../core/queue.ts';
import type { Store } from '../../core/store.ts';
import { createSqliteStore } from '../sqlite.ts';
import { idsOf, newRun, place, take } from './fixture.ts';

const leaseMs = 1_000;

/** A run as the model has it. */
interface Known {
  readonly id: string;
  readonly order: number;
  readonly key: string | null;
  readonly delivery: Delivery;
  readonly priority: number;
  state: QueuedState;
  available: number;
  leaseUntil: number;
  token: string | null;
  attempt: number;
  crashes: number;
  isCancelling: boolean;
  timesDone: number;
}

/** What should be in the store, and the claims that workers remember, the lost ones too. */
interface Model {
  /** States that any run was ever seen in. */
  readonly seen: Set<QueuedState>;
  now: number;
  isPaused: boolean;
  readonly runs: Known[];
  readonly claims: ClaimedRun[];
}

interface Real {
  readonly store: Store;
  readonly queue: RunStore;
  readonly clock: { now: number };
}

type Step = fc.AsyncCommand<Model, Real>;

function step(name: string, run: (model: Model, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real);
      await compare(model, real);
    },
    toString: () => name,
  };
}

// Every field that the model has is as it is in the store: none is lost, none is somewhere else.
async function compare(model: Model, { queue }: Real): Promise<void> {
  const kept = await queue.list({ limit: 1_000, order: [{ field: 'position', descending: false }] });
  const found = kept.map(({ id, state, attempt, crashes, isCancelling, leaseUntil }) => {
    return { id, state, attempt, crashes, isCancelling, leaseUntil: leaseUntil ?? 0 };
  });
  expect(found).toEqual(
    model.runs.map(({ id, state, attempt, crashes, isCancelling, leaseUntil }) => {
      return { id, state, attempt, crashes, isCancelling, leaseUntil };
    }),
  );
  const keys = model.runs.filter(({ state, key }) => state === 'running' && key !== null);
  expect(new Set(keys.map(({ key }) => key)).size).toBe(keys.length);
  for (const run of model.runs) {
    model.seen.add(run.state);
    expect(run.timesDone).toBeLessThanOrEqual(1);
  }
}

const delivery = fc.constantFrom<Delivery>('effects-once', 'effects-once', 'at-most-once');

const push = fc
  .record({
    key: fc.constantFrom(null, null, 'a', 'b'),
    delivery,
    priority: fc.integer({ min: -1, max: 1 }),
    delayMs: fc.constantFrom(0, 0, 0, 500),
  })
  .map(({ key, priority, delayMs, delivery: mode }) =>
    step(`push(${key}, ${mode}, ${priority}, ${delayMs})`, async (model, { queue }) => {
      const order = model.runs.length;
      const id = `r${order}`;
      await queue.push([newRun(id, { orderingKey: key, priority, delayMs, delivery: mode })]);
      const fresh = { state: 'ready', leaseUntil: 0, token: null, attempt: 0, crashes: 0 } as const;
      const available = model.now + delayMs;
      const facts = { id, order, key, priority, delivery: mode, available };
      model.runs.push({ ...facts, ...fresh, isCancelling: false, timesDone: 0 });
    }),
  );

// What may start: its time has come, nothing of its key runs, and none of its key stands before it.
function startable(model: Model): Known[] {
  const isHeldUp = (run: Known) =>
    run.key !== null &&
    model.runs.some(
      ({ key, state, order }) =>
        key === run.key && (state === 'running' || (state === 'ready' && order < run.order)),
    );
  return model.runs
    .filter((run) => run.state === 'ready' && run.available <= model.now && !isHeldUp(run))
    .sort(
      (left, right) =>
        right.priority - left.priority || left.available - right.available || left.order - right.order,
    );
}

// Fresh ones up to the first that cost a worker, or that one alone.
function claimable(model: Model, limit: number): Known[] {
  const found = startable(model).slice(0, limit);
  const at = found.findIndex(({ crashes }) => crashes > 0);
  return at < 0 ? found : found.slice(0, Math.max(1, at));
}

const claim = fc.integer({ min: 1, max: 3 }).map((limit) =>
  step(`claim(${limit})`, async (model, { queue }) => {
    const expected = model.isPaused ? [] : claimable(model, limit);
    const claimed = await take(queue, { limit, leaseMs });
    expect(idsOf(claimed)).toEqual(idsOf(expected));
    for (const run of claimed) {
      const known = knownOf(model, run);
      Object.assign(known, { state: 'running', token: run.token, leaseUntil: model.now + leaseMs });
      expect(model.claims.some(({ token, id }) => token === run.token && id === run.id)).toBe(false);
    }
    model.claims.push(...claimed);
  }),
);

function knownOf(model: Model, { id }: { readonly id: string }): Known {
  const known = model.runs.find((run) => run.id === id);
  if (known === undefined) throw new Error(`nobody pushed ${id}`);
  return known;
}

function end(known: Known, state: QueuedState): void {
  Object.assign(known, { state, token: null, leaseUntil: 0, isCancelling: false });
}

const outcomes = ['done', 'retry', 'postponed', 'failed', 'cancelled'] as const;

// Of any claim that a worker ever had, however long ago: one that is lost must not count.
const finish = fc
  .record({ at: fc.nat(), outcome: fc.constantFrom(...outcomes), delayMs: fc.constantFrom(0, 300) })
  .map(({ at, outcome, delayMs }) =>
    step(`finish(${at}, ${outcome}, ${delayMs})`, async (model, { queue }) => {
      const claimed = model.claims[at % Math.max(1, model.claims.length)];
      if (claimed === undefined) return;
      const known = knownOf(model, claimed);
      const isHeld = known.token === claimed.token;
      const { position, token } = claimed;
      const more = outcome === 'done' ? {} : { reason: 'no', logId: null, delayMs };
      const [counted] = await queue.finish([{ position, token, outcome, ...more } as RunEnd]);
      expect(counted).toBe(isHeld);
      if (isHeld) finishKnown(model, known, { outcome, delayMs });
    }),
  );

interface Finish {
  readonly outcome: (typeof outcomes)[number];
  readonly delayMs: number;
}

function finishKnown({ now }: Model, known: Known, { outcome, delayMs }: Finish): void {
  if (outcome === 'done') known.timesDone += 1;
  const isComingBack = outcome === 'retry' || outcome === 'postponed';
  const became = isComingBack && known.isCancelling ? 'cancelled' : outcome;
  if (became === 'retry' || became === 'failed') known.attempt += 1;
  const isBack = became === 'retry' || became === 'postponed';
  if (isBack) known.available = now + delayMs;
  end(known, isBack ? 'ready' : became);
}

const beat = fc.nat().map((at) =>
  step(`beat(${at})`, async (model, { queue }) => {
    const claimed = model.claims[at % Math.max(1, model.claims.length)];
    if (claimed === undefined) return;
    const known = knownOf(model, claimed);
    const isHeld = known.token === claimed.token;
    const told = known.isCancelling ? 'cancel' : 'held';
    expect(await queue.beat([claimed], leaseMs)).toEqual([isHeld ? told : 'lost']);
    if (isHeld) known.leaseUntil = model.now + leaseMs;
  }),
);

const release = fc.nat().map((at) =>
  step(`release(${at})`, async (model, { queue }) => {
    const claimed = model.claims[at % Math.max(1, model.claims.length)];
    if (claimed === undefined) return;
    const known = knownOf(model, claimed);
    const isHeld = known.token === claimed.token;
    expect(await queue.release([claimed])).toEqual([isHeld]);
    if (isHeld) end(known, known.isCancelling ? 'cancelled' : 'ready');
  }),
);

async function sweepNow(model: Model, { queue }: Real): Promise<void> {
  const lost = model.runs.filter((run) => run.state === 'running' && run.leaseUntil < model.now);
  const swept = await queue.sweep(100);
  expect(idsOf(swept).sort()).toEqual(idsOf(lost).sort());
  for (const known of lost) {
    known.crashes += 1;
    end(known, fateOf(known));
  }
}

const sweep = fc.constant(step('sweep', sweepNow));

// Crashed workers say nothing more: all their leases end.
const crash = fc.constant(
  step('crash', async (model, real) => {
    model.now += leaseMs + 1;
    real.clock.now += leaseMs + 1;
    await sweepNow(model, real);
  }),
);

function fateOf(known: Known): QueuedState {
  if (known.isCancelling) return 'cancelled';
  if (known.delivery === 'at-most-once') return 'failed';
  return known.crashes > limits.queueCrashes ? 'quarantined' : 'ready';
}

const pause = fc.boolean().map((isPaused) =>
  step(isPaused ? 'pause' : 'resume', async (model, { queue }) => {
    await (isPaused ? queue.pause(place) : queue.resume(place));
    model.isPaused = isPaused;
  }),
);

const cancel = fc.nat().map((at) =>
  step(`cancel(${at})`, async (model, { queue }) => {
    const known = model.runs[at % Math.max(1, model.runs.length)];
    if (known === undefined) return;
    const isLive = known.state === 'ready' || known.state === 'running';
    expect(await queue.cancel({ ids: [known.id] }, 'by hand')).toBe(isLive ? 1 : 0);
    if (known.state === 'running') known.isCancelling = true;
    if (known.state === 'ready') end(known, 'cancelled');
  }),
);

const retry = fc.nat().map((at) =>
  step(`retry(${at})`, async (model, { queue }) => {
    const known = model.runs[at % Math.max(1, model.runs.length)];
    if (known === undefined) return;
    const isOver = ['failed', 'cancelled', 'quarantined'].includes(known.state);
    expect(await queue.retry({ ids: [known.id] })).toBe(isOver ? 1 : 0);
    if (!isOver) return;
    Object.assign(known, { state: 'ready', available: model.now, attempt: 0, crashes: 0 });
  }),
);

const advance = fc.constantFrom(1, 299, 500, 1_001).map((ms) =>
  step(`advance(${ms})`, async (model, { clock }) => {
    model.now += ms;
    clock.now += ms;
  }),
);

const steps = [
  push,
  claim,
  claim,
  finish,
  finish,
  beat,
  release,
  sweep,
  crash,
  crash,
  pause,
  cancel,
  retry,
  advance,
  advance,
];

const replay = process.env.QUEUE_REPLAY === undefined ? {} : { replayPath: process.env.QUEUE_REPLAY };

/** Runs the model; `as` is what stands between it and the store. */
async function runModel(
  as: (real: Real) => RunStore,
  size: Parameters<typeof fc.assert>[1],
): Promise<ReadonlySet<QueuedState>> {
  const seen = new Set<QueuedState>();
  const commands = fc.commands(steps, { maxCommands: 60, size: 'max', ...replay });
  const property = fc.asyncProperty(commands, async (list) => {
    const clock = { now: 1_000_000 };
    const store = await createSqliteStore({ file: ':memory:', clock: () => clock.now });
    const real = { store, queue: store.queue, clock };
    const model: Model = { seen, now: clock.now, isPaused: false, runs: [], claims: [] };
    try {
      await fc.asyncModelRun(() => ({ model, real: { ...real, queue: as(real) } }), list);
    } finally {
      await store.close();
    }
  });
  await fc.assert(property, size);
  return seen;
}

// One seed, as all properties have; others by QUEUE_SEED.
const seed = Number(process.env.QUEUE_SEED ?? fc.readConfigureGlobal().seed);
const path = process.env.QUEUE_PATH;

it('keeps what the model of a run says, whatever happens in whichever order', async () => {
  const numRuns = Number(process.env.QUEUE_RUNS ?? 60);
  const more = path === undefined ? {} : { path };
  let seen = await runModel(({ queue }) => queue, { seed, numRuns, ...more });
  // One sample may be without a state that is seldom reached; a few of them are not.
  for (let turn = 1; path === undefined && seen.size < 5 && turn < 10; turn++) {
    const further = await runModel(({ queue }) => queue, { seed: seed + turn, numRuns });
    seen = new Set([...seen, ...further]);
  }
  if (path === undefined) expect(seen.size).toBeGreaterThanOrEqual(5);
}, 120_000);

it('is broken by a store that does not ask for the token', async () => {
  const broken = runModel(({ queue }) => unfenced(queue), { seed: 42, numRuns: 200 });
  // Two words of the same claim counted, or one of a claim that was lost.
  await expect(broken).rejects.toThrow(/finish\(\d+, \w+, \d+\) \/\*replayPath/);
}, 120_000);

// What `finish` would be without the token in its conditions: any claim of a run that runs can end it.
function unfenced(queue: RunStore): RunStore {
  const latest = new Map<number, string>();
  const claim: RunStore['claim'] = async (request) => {
    const claimed = await queue.claim(request);
    for (const { position, token } of claimed) latest.set(position, token);
    return claimed;
  };
  const finishAny: RunStore['finish'] = (ends) =>
    queue.finish(ends.map((one) => ({ ...one, token: latest.get(one.position) ?? one.token })));
  return new Proxy(queue, {
    get: (target, name: keyof RunStore) => {
      if (name === 'claim') return claim;
      return name === 'finish' ? finishAny : (target[name] as () => unknown).bind(target);
    },
  });
}
