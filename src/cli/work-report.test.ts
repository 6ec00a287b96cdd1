import { expect, it } from 'vitest';
import type { Observation } from '../core/observe.ts';
import { reportOf } from './work-report.ts';

const now = () => new Date('2026-03-01T12:34:56Z');

function queued(kind: string, over: object = {}): Observation {
  const about = { id: 'id-1', position: 7, script: 'db._table.todo.post.queued', queue: 'default' };
  return { kind, ...about, connection: 'database', attempt: 1, reason: null, ...over } as Observation;
}

function linesOf(isForPeople: boolean, isLogging: boolean, seen: readonly Observation[]): string[] {
  const lines: string[] = [];
  const observe = reportOf({ write: (line) => void lines.push(line), isForPeople, isLogging, now });
  for (const one of seen) observe(one);
  return lines;
}

const failed = queued('queue.failed', { attempt: 3, reason: 'no such thing' });

it('tells people of each run in a line, with what its script printed', () => {
  const log = [{ level: 'log', text: 'hello' }] as const;
  const finished = { kind: 'script.finished', script: 's', runner: 'nodejs', ms: 1, log, run: null } as const;
  const lines = linesOf(true, false, [queued('queue.started'), finished, queued('queue.done'), failed]);
  expect(lines).toEqual([
    '12:34:56  #7 db._table.todo.post.queued  started',
    '          hello',
    expect.stringMatching(/^12:34:56 {2}#7 db\._table\.todo\.post\.queued {2}done, [\d.]+ ms$/),
    '12:34:56  #7 db._table.todo.post.queued (attempt 3)  FAILED: no such thing',
  ]);
});

it('tells people of troubles with the queue and with services', () => {
  const lines = linesOf(true, false, [
    { kind: 'worker.failed', worker: 'w', reason: 'away' },
    { kind: 'worker.recovered', worker: 'w' },
    { kind: 'service.failed', service: 'db', reason: 'gone' },
    { kind: 'config.changed', record: 'x', by: null },
  ]);
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain('away');
  expect(lines[2]).toContain("'db'");
});

it('tells programs the same as JSON, and nothing else', () => {
  const lines = linesOf(false, false, [
    queued('queue.started'),
    queued('queue.retried', { reason: 'no' }),
    { kind: 'worker.failed', worker: 'w', reason: 'away' },
    failed,
  ]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { time: '2026-03-01T12:34:56.000Z', kind: 'queue.started', id: 'id-1', number: 7, attempt: 1 },
    { kind: 'queue.retried', reason: 'no', ms: expect.any(Number), connection: 'database', queue: 'default' },
    { kind: 'queue.failed', script: 'db._table.todo.post.queued' },
  ]);
  expect(JSON.parse(lines[0] ?? '')).not.toHaveProperty('ms');
});

it('does not repeat what the log warns of', () => {
  expect(linesOf(false, true, [failed, queued('queue.quarantined'), queued('queue.done')])).toHaveLength(1);
});
