// Nodes without one of the things that keep runs and slots apart, so that a proof can be seen to fail. Only
// the program of proofs knows of it.
// Invariant: everything else is the product as it is.
import { setTimeout as pause } from 'node:timers/promises';
import { SqlOutbox } from '../../src/services/sql/outbox/outbox.ts';
import { Queue } from '../../src/store/queue/queue.ts';
import { ScheduleSlots } from '../../src/store/schedule-slots.ts';
import { HeldRun } from '../../src/worker/held-run.ts';

const slowMs = 150;

/** What a node is without: the fence of runs, the comparison that slots are won by, or the common clock. */
export type Mutant = keyof typeof mutants;

const mutants = { fence: removeFence, slots: removeComparison, clock: removeCommonClock } as const;

/** Takes something out of this process, for good. */
export function mutate(mutant: string): void {
  if (!Object.hasOwn(mutants, mutant)) throw new Error(`there is no mutant '${mutant}'`);
  mutants[mutant as Mutant]();
}

function removeFence(): void {
  // That effects were committed before is not noted, and not asked for.
  SqlOutbox.prototype.apply = async () => undefined;
  SqlOutbox.prototype.isApplied = async () => false;
  SqlOutbox.prototype.wasApplied = async () => false;
  // Whoever begins is taken for the one who holds the run.
  Queue.prototype.noteEffects = async () => true;
  // A worker that is told that it lost a run goes on.
  const { stop } = HeldRun.prototype;
  HeldRun.prototype.stop = function (reason) {
    if (reason !== 'lost') stop.call(this, reason);
  };
}

// Whoever saw that a slot has come settles it, and takes his time, so that others have seen it as well. That
// its row is unique still tells of a second one, so a proof takes that away, too.
function removeComparison(): void {
  ScheduleSlots.prototype.hold = async (due) => {
    await pause(slowMs);
    return [...due];
  };
}

// Slots come when they have by the clock of each node.
function removeCommonClock(): void {
  const { next } = ScheduleSlots.prototype;
  const dueAt = async (slots: ScheduleSlots, now: number) =>
    [...(await next.call(slots))].flatMap(([id, slot]) => (slot <= now ? [{ id, slot }] : []));
  ScheduleSlots.prototype.due = async function (limit) {
    const now = Date.now();
    return { now, schedules: (await dueAt(this, now)).slice(0, limit) };
  };
  ScheduleSlots.prototype.nextDue = async function () {
    const planned = [...(await next.call(this)).values()];
    return planned.length === 0 ? undefined : Math.max(0, Math.min(...planned) - Date.now());
  };
}
