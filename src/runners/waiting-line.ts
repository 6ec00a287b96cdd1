// Runs that no process has taken yet, in the order in which they are to start.
// Invariant: a nested run is offered before all others, since its parent holds a process until it is done.
import type { Task } from './task.ts';

/** Whether a run found a process. */
export type Offer = (task: Task) => boolean;

/** The line of one pool. */
export class WaitingLine {
  readonly #nestedQuick: Task[] = [];
  readonly #nested: Task[] = [];
  readonly #quick: Task[] = [];
  readonly #others: Task[] = [];

  get length(): number {
    return this.#nestedQuick.length + this.#nested.length + this.#quick.length + this.#others.length;
  }

  /** How many need a process of their own. */
  get exclusive(): number {
    return this.#nested.length + this.#others.length;
  }

  /** Whether nobody waits before it. */
  isFirst(task: Task): boolean {
    return this.#laneOf(task).length === 0;
  }

  add(task: Task): void {
    this.#laneOf(task).push(task);
  }

  /** Puts runs back, in their order, before those that came after them. */
  putBack(tasks: readonly Task[]): void {
    for (const task of tasks.toReversed()) this.#laneOf(task).unshift(task);
  }

  /** Takes one out; false when it does not wait. */
  remove(task: Task): boolean {
    const lane = this.#laneOf(task);
    const place = lane.indexOf(task);
    if (place < 0) return false;
    lane.splice(place, 1);
    return true;
  }

  /** Offers the first of each lane until one is not taken. */
  offer(take: Offer): void {
    offerLane(this.#nestedQuick, take);
    offerLane(this.#nested, take);
    const [quick, other] = [this.#quick[0], this.#others[0]];
    const isOtherFirst = other !== undefined && (quick === undefined || other.queuedAt < quick.queuedAt);
    if (isOtherFirst) offerLane(this.#others, take);
    offerLane(this.#quick, take);
    if (!isOtherFirst) offerLane(this.#others, take);
  }

  /** Removes and returns those that wait since before `time`. */
  removeOlder(time: number): Task[] {
    const removed: Task[] = [];
    for (const lane of this.#lanes()) {
      while (lane[0] !== undefined && lane[0].queuedAt < time) removed.push(lane.shift() as Task);
    }
    return removed;
  }

  /** Removes and returns all. */
  clear(): Task[] {
    return this.#lanes().flatMap((lane) => lane.splice(0));
  }

  #lanes(): Task[][] {
    return [this.#nestedQuick, this.#nested, this.#quick, this.#others];
  }

  #laneOf(task: Task): Task[] {
    if (task.invocation.depth > 0) return task.isShared ? this.#nestedQuick : this.#nested;
    return task.isShared ? this.#quick : this.#others;
  }
}

function offerLane(lane: Task[], take: Offer): void {
  let first = lane[0];
  while (first !== undefined && (first.isSettled || take(first))) {
    lane.shift();
    first = lane[0];
  }
}
