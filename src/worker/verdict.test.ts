// Every end of a run and why it was stopped, as a table.
import { expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import type { ClaimedRun, Performed } from '../core/queue.ts';
import { done, failure, newRun } from './fixture.ts';
import type { StopReason } from './held-run.ts';
import { shortened, timeoutOf, verdictOn } from './verdict.ts';

const rules = { tries: 3, timeoutMs: 1_000, backoff: { kind: 'list', delaysMs: [7, 8] } } as const;

function claimed(over: Partial<ClaimedRun> = {}): ClaimedRun {
  const { delayMs: _delay, ...run } = newRun('a');
  return {
    ...run,
    ...{ position: 5, token: 't', state: 'running', createdDate: 1, availableDate: 1, startedDate: 1 },
    ...{ finishedDate: null, attempt: 0, crashes: 0, worker: 'w', leaseUntil: 9, fence: 1 },
    ...{ isCancelling: false, reason: null, logId: null, effectsService: null },
    ...over,
  };
}

const postponed: Performed = { outcome: 'postponed', reason: 'later', delayMs: 40 };
const further = [newRun('b')];
const withAlarm = failure('no', { onFailure: newRun('alarm'), logId: 'l' });

interface Case {
  readonly performed: Performed | undefined;
  readonly stopped?: StopReason;
  readonly run?: Partial<ClaimedRun>;
  readonly end: object | undefined;
  readonly further?: readonly string[];
}

const hold = { position: 5, token: 't' };

it.each<readonly [string, Case]>([
  ['done', { performed: { outcome: 'done', further }, end: { outcome: 'done' }, further: ['b'] }],
  ['done though cancelled', { performed: done, stopped: 'cancelled', end: { outcome: 'done' } }],
  ['done though lost', { performed: done, stopped: 'lost', end: { outcome: 'done' } }],
  ['done though too long', { performed: done, stopped: 'timeout', end: { outcome: 'done' } }],
  [
    'failed the first time',
    { performed: withAlarm, end: { outcome: 'retry', delayMs: 7, reason: 'no', logId: 'l' } },
  ],
  [
    'failed, of those that are started once',
    {
      performed: withAlarm,
      run: { delivery: 'at-most-once', tries: 9 },
      end: { outcome: 'failed', reason: 'no' },
      further: ['alarm'],
    },
  ],
  [
    'stopped in the middle, of those that are started once',
    {
      performed: undefined,
      stopped: 'stopping',
      run: { delivery: 'at-most-once' },
      end: { outcome: 'failed', reason: expect.stringContaining('not started again') },
    },
  ],
  [
    'stopped before it began, of those that are started once',
    { performed: postponed, stopped: 'stopping', run: { delivery: 'at-most-once' }, end: undefined },
  ],
  [
    'failed the second time',
    { performed: withAlarm, run: { attempt: 1 }, end: { outcome: 'retry', delayMs: 8 } },
  ],
  [
    'failed for good',
    { performed: withAlarm, run: { attempt: 2 }, end: { outcome: 'failed', logId: 'l' }, further: ['alarm'] },
  ],
  [
    'failed as often as the run may',
    { performed: withAlarm, run: { tries: 1 }, end: { outcome: 'failed' }, further: ['alarm'] },
  ],
  [
    'failed less often than it may',
    { performed: withAlarm, run: { tries: 9, attempt: 7 }, end: { outcome: 'retry' } },
  ],
  [
    'failed, with a back-off of its own',
    {
      performed: withAlarm,
      run: { backoff: '{"kind":"list","delaysMs":[3]}' },
      end: { outcome: 'retry', delayMs: 3 },
    },
  ],
  [
    'failed, the script says when',
    { performed: failure('no', { retry: { afterMs: 99 } }), end: { outcome: 'retry', delayMs: 99 } },
  ],
  [
    'failed, the script says when, but too often',
    { performed: failure('no', { retry: { afterMs: 99 } }), run: { attempt: 2 }, end: { outcome: 'failed' } },
  ],
  [
    'failed, the script says never',
    { performed: failure('no', { retry: 'never' }), end: { outcome: 'failed' } },
  ],
  ['postponed', { performed: postponed, end: { outcome: 'postponed', reason: 'later', delayMs: 50 } }],
  ['postponed in the last try', { performed: postponed, run: { attempt: 2 }, end: { outcome: 'postponed' } }],
  [
    'too long',
    {
      performed: failure('aborted', { logId: 'l' }),
      stopped: 'timeout',
      end: { outcome: 'retry', logId: 'l' },
    },
  ],
  [
    'too long for the last time',
    {
      performed: withAlarm,
      stopped: 'timeout',
      run: { attempt: 2 },
      end: { outcome: 'failed', reason: 'it took longer than 1 s' },
      further: ['alarm'],
    },
  ],
  ['too long, and it did not stop', { performed: undefined, stopped: 'timeout', end: { outcome: 'retry' } }],
  ['cancelled', { performed: withAlarm, stopped: 'cancelled', end: { outcome: 'cancelled', logId: 'l' } }],
  [
    'cancelled, and it did not stop',
    { performed: undefined, stopped: 'cancelled', end: { outcome: 'cancelled' } },
  ],
  ['lost', { performed: withAlarm, stopped: 'lost', run: { attempt: 2 }, end: undefined }],
  ['its worker stops', { performed: withAlarm, stopped: 'stopping', end: undefined }],
  ['its worker stops, and it does not', { performed: undefined, stopped: 'stopping', end: undefined }],
])('%s', (_name, { performed, stopped, run, end, further: queued = [] }) => {
  const verdict = verdictOn({ run: claimed(run), performed, stopped, rules });
  if (end === undefined) expect(verdict.end).toBeUndefined();
  else expect(verdict.end).toMatchObject({ ...hold, ...end });
  expect(verdict.further.map(({ id }) => id)).toEqual(queued);
});

it('gives a run its own time, within the most that there is', () => {
  expect(timeoutOf(claimed(), rules)).toBe(1_000);
  expect(timeoutOf(claimed({ timeoutMs: 5 }), rules)).toBe(5);
  expect(timeoutOf(claimed({ timeoutMs: 1e12 }), rules)).toBe(limits.queueTimeoutMaxMs);
});

it('keeps the beginning of a long reason', () => {
  const long = 'x'.repeat(limits.queueReasonChars);
  expect(shortened(long)).toBe(long);
  expect(shortened(`${long}y`)).toMatch(/^x+…$/);
  expect(shortened(`${long}y`)).toHaveLength(limits.queueReasonChars);
});
