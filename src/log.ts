// The server's log: turns observations into lines of JSON. Invariant: it decides alone what is shown and how
// loudly; nothing else in the house writes lines.
import { type Logger, pino } from 'pino';
import type { Config } from './config.ts';
import type { LogLine, Observation, Observe } from './core/observe.ts';

/** The log of a server, as pino knows it, and the observer that writes to it. */
export interface Log {
  readonly logger: Logger;
  readonly observe: Observe;
}

/** Makes the log; lines go to standard output, or to `destination` (tests). */
export function createLog(level: Config['logLevel'], destination?: { write(line: string): void }): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const logger = destination === undefined ? pino(options) : pino(options, destination);
  return { logger, observe: (observation) => write(logger, observation) };
}

function write(logger: Logger, seen: Observation): void {
  if (isOfQueues(seen)) writeQueues(logger, seen);
  else writeOther(logger, seen);
}

function writeOther(logger: Logger, seen: Exclude<Observation, QueueObservation>): void {
  switch (seen.kind) {
    case 'operation.failed':
      writeFailure(logger, seen);
      return;
    case 'http.failed':
      writeRequest(logger, seen);
      return;
    case 'script.finished':
    case 'script.failed':
      writeScript(logger, seen);
      return;
    case 'runs.dropped':
      logger.warn({ count: seen.count, reason: seen.reason }, 'runs are missing in the log of runs');
      return;
    case 'runner.started':
    case 'runner.retired':
      logger.debug({ language: seen.language, pid: seen.pid, reason: seen.reason }, seen.kind);
      return;
    case 'runner.failed':
      logger.warn({ language: seen.language, pid: seen.pid, reason: seen.reason }, seen.kind);
      return;
    case 'sandbox.opened':
      logger.info({ level: seen.level, launcher: seen.launcher }, `scripts are contained at ${seen.level}`);
      for (const note of seen.notes) logger.warn({ level: seen.level }, note);
      return;
    case 'egress.finished':
    case 'egress.failed':
      writeOutgoing(logger, seen);
      return;
    case 'limits.counting':
      if (seen.isShared) logger.info('limits are counted with all servers again');
      else logger.error({ reason: seen.reason }, 'limits are counted by this process alone');
      return;
    case 'config.changed':
      logger.info({ record: seen.record, by: seen.by }, 'configuration changed');
      return;
    case 'elevated':
      logger.info({ by: seen.by, to: seen.to, service: seen.service, path: seen.path }, 'elevated');
      return;
    case 'service.failed':
      logger.error({ service: seen.service, reason: seen.reason }, 'service failed');
      return;
    case 'session.opened':
    case 'session.closed':
    case 'session.refused':
      logger.info({ email: seen.email, reason: seen.reason }, seen.kind);
      return;
    case 'schedule.fired':
    case 'schedule.skipped':
    case 'schedule.failed':
    case 'schedule.recovered':
      writeSchedule(logger, seen);
      return;
    case 'node.started':
    case 'node.lost':
    case 'node.failed':
    case 'node.recovered':
      writeNode(logger, seen);
      return;
    case 'store.doubtful':
      logger.warn(seen.reason);
      return;
    default:
      seen satisfies never;
  }
}

type ScriptObservation = Extract<Observation, { kind: 'script.finished' | 'script.failed' }>;

function writeScript(logger: Logger, seen: ScriptObservation): void {
  const { script, runner, ms, run } = seen;
  writeOutput(logger, script, seen.log);
  if (seen.kind === 'script.finished') {
    logger.debug({ script, runner, ms, ...named(run) }, 'script finished');
  } else {
    const { outcome, reason } = seen;
    logger.warn({ script, runner, ms, outcome, reason, ...named(run) }, 'script failed');
  }
}

function writeSchedule(logger: Logger, seen: Extract<Observation, { kind: `schedule.${string}` }>): void {
  if (seen.kind === 'schedule.failed') {
    logger.error({ reason: seen.reason }, 'the clock of schedules cannot go on');
  } else if (seen.kind === 'schedule.recovered') logger.info('the clock of schedules goes on');
  else if (seen.kind === 'schedule.fired') {
    const { schedule, slot, lateMs, run } = seen;
    logger.debug({ schedule, slot, lateMs, run }, 'scheduled call queued');
  } else {
    const { schedule, slot, reason, slots } = seen;
    logger.warn({ schedule, slot, reason, slots }, 'slots of a schedule were not run');
  }
}

function writeNode(logger: Logger, seen: Extract<Observation, { kind: `node.${string}` }>): void {
  if (seen.kind === 'node.failed') {
    logger.error({ reason: seen.reason }, 'this process cannot say that it is there');
  } else if (seen.kind === 'node.recovered') logger.info('this process is known to the others again');
  else {
    const { node, host, pid, version } = seen;
    const about = { node, host, pid, version };
    if (seen.kind === 'node.started') logger.info(about, 'joined the processes on this system database');
    else logger.warn(about, 'a process was lost');
  }
}

// So that the run can be looked up in system/run.
function named(run: string | null): { run?: string } {
  return run === null ? {} : { run };
}

// Only our own failures carry a cause and a stack; a refusal is the caller's business and told at debug.
type RequestFailure = Extract<Observation, { kind: 'http.failed' }>;

// What a client did wrong (it did not take its answer) is no failure of ours.
function writeRequest(logger: Logger, { method, path, error }: RequestFailure): void {
  if (error.status < 500) logger.warn({ method, path, code: error.kind }, error.message);
  else logger.error({ method, path, err: error.cause ?? error }, error.message);
}

function writeFailure(logger: Logger, seen: Extract<Observation, { kind: 'operation.failed' }>): void {
  const { error, service, path, action, origin } = seen;
  const about = { service, path, action, origin, code: error.kind, status: error.status };
  if (error.kind === 'request.failed') logger.error({ ...about, err: error.cause ?? error }, error.message);
  // Nobody but an administrator can help callers out of this.
  else if (error.kind === 'access.inapplicable_filter') logger.warn(about, error.message);
  else logger.debug(about, error.message);
}

function writeOutgoing(
  logger: Logger,
  seen: Extract<Observation, { kind: 'egress.finished' | 'egress.failed' }>,
): void {
  const { method, origin, by, ms } = seen;
  if (seen.kind === 'egress.failed') {
    logger.warn({ method, origin, by, ms, code: seen.error.kind }, seen.error.message);
  } else logger.debug({ method, origin, by, ms, status: seen.status }, 'outgoing call finished');
}

type QueueObservation = Extract<
  Observation,
  { kind: `${'queue' | 'worker' | 'outbox' | 'broker'}.${string}` }
>;

function isOfQueues(seen: Observation): seen is QueueObservation {
  return /^(queue|worker|outbox|broker)\./.test(seen.kind);
}

function writeQueues(logger: Logger, seen: QueueObservation): void {
  switch (seen.kind) {
    case 'queue.started':
    case 'queue.done':
    case 'queue.retried':
    case 'queue.failed':
    case 'queue.quarantined':
    case 'queue.postponed':
    case 'queue.cancelled':
    case 'queue.released':
    case 'queue.lost':
      writeQueued(logger, seen);
      return;
    case 'worker.started':
    case 'worker.draining':
    case 'worker.stopped':
      logger.info({ worker: seen.worker, queues: seen.queues }, seen.kind);
      return;
    case 'worker.failed':
      logger.error({ worker: seen.worker, reason: seen.reason }, 'worker failed');
      return;
    case 'worker.recovered':
      logger.info({ worker: seen.worker }, 'worker recovered');
      return;
    case 'broker.failed':
    case 'broker.recovered':
    case 'broker.refused':
      writeMessages(logger, seen);
      return;
    case 'outbox.released':
      logger.warn({ service: seen.service, count: seen.count }, 'runs that nobody handed on were queued');
      return;
    default:
      seen satisfies never;
  }
}

function writeMessages(logger: Logger, seen: Extract<Observation, { kind: `broker.${string}` }>): void {
  const { connection } = seen;
  if (seen.kind === 'broker.failed') logger.error({ connection, reason: seen.reason }, 'broker is away');
  else if (seen.kind === 'broker.recovered') logger.info({ connection }, 'broker is back');
  else {
    const { place, count } = seen;
    logger.warn({ connection, place, count }, 'messages of others were dropped from a queue of a broker');
  }
}

type QueuedRunSeen = Extract<Observation, { script: string; queue: string }>;

function writeQueued(logger: Logger, seen: QueuedRunSeen): void {
  const { kind, id, position, script, queue, connection, attempt, reason } = seen;
  const about = { id, position, script, queue, connection, attempt, ...(reason === null ? {} : { reason }) };
  if (kind === 'queue.failed' || kind === 'queue.quarantined') logger.warn(about, kind);
  else logger.debug(about, kind);
}

// As DreamFactory writes it: `Script '<name>' output:` and the text (spec §1.7).
function writeOutput(logger: Logger, script: string, log: readonly LogLine[]): void {
  if (log.length === 0) return;
  logger.info({ script }, `Script '${script}' output:\n${log.map((line) => line.text).join('\n')}`);
}
