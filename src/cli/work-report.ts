// What a worker at the command line tells: a line for each run for people at a terminal, JSON for programs.
// Invariant: what the log of the server says anyway is not said twice.
import type { Observation, Observe } from '../core/observe.ts';

/** Where it is told, and how. */
export interface ReportParts {
  readonly write: (line: string) => void;
  readonly isForPeople: boolean;
  /** Whether the log shows warnings itself. */
  readonly isLogging: boolean;
  readonly now?: () => Date;
}

type Queued = Extract<Observation, { queue: string }>;

const words: Readonly<Record<Queued['kind'], string>> = {
  'queue.started': 'started',
  'queue.done': 'done',
  'queue.retried': 'failed, is tried again',
  'queue.failed': 'FAILED',
  'queue.quarantined': 'PUT ASIDE',
  'queue.postponed': 'postponed',
  'queue.cancelled': 'cancelled',
  'queue.released': 'given back',
  'queue.lost': 'lost',
};

/** Makes an observer that tells what becomes of runs. */
export function reportOf(parts: ReportParts): Observe {
  const { write, isForPeople, now = () => new Date() } = parts;
  const began = new Map<string, number>();
  return (seen) => {
    if ('queue' in seen && 'position' in seen) {
      const ms = tookOf(seen, began);
      const about = { seen, ms, date: now() };
      if (isForPeople) write(lineOf(about));
      else if (!parts.isLogging || !isWarned(seen)) write(JSON.stringify(entryOf(about)));
    } else if (isForPeople) for (const line of remarksOn(seen)) write(line);
  };
}

interface About {
  readonly seen: Queued;
  readonly ms: number | undefined;
  readonly date: Date;
}

function tookOf({ id, kind }: Queued, began: Map<string, number>): number | undefined {
  if (kind === 'queue.started') {
    began.set(id, performance.now());
    return undefined;
  }
  const start = began.get(id);
  began.delete(id);
  return start === undefined ? undefined : Math.round((performance.now() - start) * 10) / 10;
}

function isWarned({ kind }: Queued): boolean {
  return kind === 'queue.failed' || kind === 'queue.quarantined';
}

function lineOf({ seen, ms, date }: About): string {
  const { kind, position, script, attempt, reason } = seen;
  const time = date.toISOString().slice(11, 19);
  const again = attempt > 1 ? ` (attempt ${attempt})` : '';
  const took = ms === undefined ? '' : `, ${ms} ms`;
  const why = reason === null ? '' : `: ${reason}`;
  return `${time}  #${position} ${script}${again}  ${words[kind]}${took}${why}`;
}

function entryOf({ seen, ms, date }: About) {
  const { kind, id, position, script, queue, connection, attempt, reason } = seen;
  return {
    ...{ time: date.toISOString(), kind, id, number: position, script, connection, queue, attempt },
    ...(ms === undefined ? {} : { ms }),
    ...(reason === null ? {} : { reason }),
  };
}

// What else somebody who watches wants to know.
function remarksOn(seen: Observation): string[] {
  switch (seen.kind) {
    case 'script.finished':
    case 'script.failed':
      return seen.log.map(({ text }) => `          ${text}`);
    case 'worker.failed':
      return [`The queue cannot be reached, which is tried again: ${seen.reason}`];
    case 'worker.recovered':
      return ['The queue can be reached again.'];
    case 'service.failed':
      return [`The service '${seen.service}' failed: ${seen.reason}`];
    default:
      return [];
  }
}
