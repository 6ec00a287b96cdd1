// Performing queued runs: what becomes of a run, by everything that may have changed since it was queued.
import { describe, expect, it } from 'vitest';
import { byRole } from '../core/access.ts';
import { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { anonymous, type Operation, type Principal, type Result } from '../core/operation.ts';
import type { ClaimedRun, RunControl } from '../core/queue.ts';
import { readQueueOptions } from '../core/queue-options.ts';
import type { ScheduleAnswer } from '../core/schedule.ts';
import type { QueuedEnd, QueuedWork } from '../core/script.ts';
import type { Location, Service } from '../core/service.ts';
import type { HeldTransaction, TransactionMember, TransactionScope } from '../core/transaction.ts';
import { QueuedRuns } from './queued-runs.ts';
import { queuedRun } from './types/queued.ts';

const admin: Principal = { ...anonymous, kind: 'user', isAdmin: true };

const operation: Operation = {
  service: 'math',
  path: ['add'],
  action: 'POST',
  origin: 'http',
  requestor: 'api',
  principal: admin,
  depth: 1,
  request: { parameters: { n: '1' }, headers: {}, body: Body.ofValue({ a: 1 }) },
  uri: '/api/v2/math/add?n=1',
  apiVersion: '2.0',
};

/** A run as a worker claims it. */
function claimed(config: Record<string, unknown> = {}, over: Partial<ClaimedRun> = {}): ClaimedRun {
  const options = readQueueOptions(config);
  const source = { kind: 'service', script: 'service.math', version: 'v1', options } as const;
  const run = queuedRun(source, { id: 'run-1', operation, request: operation.request });
  return {
    ...run,
    connection: 'database',
    queue: 'default',
    position: 7,
    token: 'token',
    state: 'running',
    createdDate: 0,
    availableDate: 0,
    startedDate: 0,
    finishedDate: null,
    attempt: 0,
    crashes: 0,
    worker: 'w',
    leaseUntil: 0,
    fence: 1,
    isCancelling: false,
    reason: null,
    logId: null,
    effectsService: null,
    ...over,
  };
}

interface House {
  readonly end?: QueuedEnd | (() => Promise<QueuedEnd>);
  readonly actor?: () => Promise<Principal>;
  /** Absent: there is the service `math`. */
  readonly service?: Partial<Service>;
  readonly dispatch?: (asked: Operation) => Promise<Result>;
}

function house({ end = { outcome: 'finished' }, actor, service = {}, dispatch }: House = {}) {
  const works: QueuedWork[] = [];
  const answers: [string, ScheduleAnswer][] = [];
  const location: Location = { component: 'add', events: [] };
  const math: Service = {
    name: 'math',
    type: 'nodejs',
    locate: () => location,
    handle: () => ({ status: 200, headers: {}, body: undefined }),
    describe: () => [],
    perform: async (work) => {
      works.push(work);
      return typeof end === 'function' ? end() : end;
    },
    ...service,
  };
  const find = (name: string): Service => {
    if (name === 'math') return math;
    throw new PlatformError('service.not_found', `Could not find a service with the name '${name}'.`);
  };
  const performer = new QueuedRuns({
    scripts: { perform: () => undefined },
    services: { find, list: () => [math] },
    access: byRole,
    actors: { of: actor ?? (async () => admin) },
    answered: async (id, answer) => {
      answers.push([id, answer]);
      if (answer.content === 'no room') throw new PlatformError('service.unavailable', 'It is away.');
    },
    dispatcher: {
      dispatch: dispatch ?? (async () => ({ status: 200, headers: {}, body: undefined })),
      callsOf: () => async () => ({ status: 200, headers: {}, body: undefined }),
    },
  });
  return { works, answers, performer, perform: (run: ClaimedRun) => performer.perform(run, control) };
}

const control: RunControl = {
  signal: new AbortController().signal,
  noteEffects: async () => true,
  recall: async () => undefined,
  remember: async () => true,
};

/** A database that keeps notes; `applied` are the runs that it knows. */
function database(applied: Set<string>, fails?: PlatformError): TransactionMember {
  const held = (): HeldTransaction => ({
    isLost: false,
    nested: async () => held(),
    commit: async () => {
      if (fails !== undefined) throw fails;
    },
    rollback: async () => {},
    enqueue: async () => true,
    wasApplied: async (id) => applied.has(id),
    apply: async ({ runId }) => {
      if (applied.has(runId)) throw new PlatformError('queue.applied', 'It was applied before.');
      applied.add(runId);
    },
  });
  return { name: 'db', mostMs: 10_000, keepsOutbox: true, begin: async () => held() };
}

async function write(scope: TransactionScope | undefined, member: TransactionMember): Promise<void> {
  if (scope?.covers(member) !== true) throw new Error('the run has no transaction');
  await scope.join(member, async () => undefined);
}

describe('a run that goes well', () => {
  it('is done, by the door of the queue, as its actor', async () => {
    const { works, perform } = house();
    expect(await perform(claimed())).toEqual({ outcome: 'done', further: [] });
    const [work] = works;
    expect(work?.operation).toMatchObject({
      ...{
        service: 'math',
        path: ['add'],
        origin: 'queue',
        principal: admin,
        depth: 1,
        run: { id: 'run-1' },
      },
    });
    expect(work?.operation.request.body?.value).toEqual({ a: 1 });
    expect(work?.queued).toEqual({ id: 'run-1', attempt: 1, isUncertain: false });
    expect(work?.version).toBe('v1');
  });

  it('hands on what it set off, where it wrote nothing', async () => {
    const further = { ...claimed({}, { id: 'run-2' }), delayMs: 0 };
    const { works, perform } = house({
      end: async () => {
        const { transaction } = works[0]?.operation ?? {};
        await transaction?.enqueue({ id: 'e', runs: [further], pendingMs: 0 });
        return { outcome: 'finished' };
      },
    });
    expect(await perform(claimed())).toEqual({ outcome: 'done', further: [further] });
  });

  it('has no transaction where it is to be started at least once', async () => {
    const { works, perform } = house();
    await perform(claimed({ delivery: 'at-least-once' }));
    expect(works[0]?.operation.transaction).toBeUndefined();
    await perform(claimed({ delivery: 'at-most-once' }));
    expect(works).toHaveLength(2);
  });

  it('commits what it wrote with a note of it', async () => {
    const applied = new Set<string>();
    const { works, perform } = house({
      end: async () => {
        await write(works[0]?.operation.transaction, database(applied));
        return { outcome: 'finished' };
      },
    });
    expect(await perform(claimed())).toEqual({ outcome: 'done', further: [] });
    expect([...applied]).toEqual(['run-1']);
  });
});

describe('a run that was applied before', () => {
  it('is done without being run, where it is known in which database', async () => {
    const outbox = {
      due: async () => [],
      remove: async () => {},
      trim: async () => 0,
      wasApplied: async () => true,
    };
    const { works, perform } = house({ service: { outbox } });
    expect(await perform(claimed({}, { fence: 2, effectsService: 'math' }))).toEqual({
      outcome: 'done',
      further: [],
    });
    expect(works).toEqual([]);
    await perform(claimed({}, { fence: 1, effectsService: 'math' }));
    expect(works).toHaveLength(1);
  });

  it.each([1, 2])(
    'is done and writes nothing, found at its first write or its commit (claim %i)',
    async (fence) => {
      const applied = new Set(['run-1']);
      const { works, perform } = house({
        end: async () => {
          try {
            await write(works[0]?.operation.transaction, database(applied));
          } catch {
            return { outcome: 'threw', reason: 'refused', logId: null, retry: undefined };
          }
          return { outcome: 'finished' };
        },
      });
      expect(await perform(claimed({}, { fence }))).toEqual({ outcome: 'done', further: [] });
    },
  );
});

describe('a run that fails', () => {
  const failure = { reason: 'Error: no', logId: 'log-1' };

  it.each([
    [undefined, undefined],
    [30, { afterMs: 30_000 }],
    [0, { afterMs: 0 }],
    [false, 'never'],
  ] as const)('tells what its script said of another try: %j', async (retry, told) => {
    const { perform } = house({ end: { outcome: 'threw', ...failure, retry } });
    expect(await perform(claimed())).toEqual({
      outcome: 'failed',
      ...failure,
      retry: told,
      onFailure: undefined,
    });
  });

  it.each(['saturated', 'unavailable'] as const)('was not begun when it was %s', async (outcome) => {
    const { perform } = house({ end: { outcome, ...failure, retry: undefined } });
    expect(await perform(claimed())).toMatchObject({ outcome: 'postponed', reason: 'Error: no' });
  });

  it('has a call to be made when it has failed for good', async () => {
    const { perform } = house({ end: { outcome: 'threw', ...failure, retry: undefined } });
    const performed = await perform(
      claimed({ on_failure: '/alerts/failed?level=high' }, { userId: 3, appId: 4 }),
    );
    if (performed.outcome !== 'failed') throw new Error(performed.outcome);
    const { onFailure } = performed;
    expect(onFailure).toMatchObject({
      script: 'service.math',
      version: null,
      userId: 3,
      appId: 4,
      queue: 'default',
    });
    const payload = JSON.parse(onFailure?.payload ?? '');
    expect(payload).toMatchObject({
      ...{ kind: 'call', service: 'alerts', path: ['failed'], action: 'POST', depth: 2 },
      request: { parameters: { level: 'high' } },
    });
    expect(JSON.parse(payload.request.body.text)).toMatchObject({
      ...{ id: 'run-1', number: 7, script: 'service.math', reason: 'Error: no', log_id: 'log-1', attempt: 1 },
      event: { method: 'POST', request: { payload: { a: 1 } } },
    });
  });

  it('has a call to be made also when its workers were lost', () => {
    const { performer } = house();
    const lost = claimed(
      { on_failure: 'alerts/failed' },
      { state: 'quarantined', reason: 'its worker was lost' },
    );
    const call = performer.onLost(lost);
    const { text } = JSON.parse(call?.payload ?? '').request.body;
    expect(JSON.parse(text)).toMatchObject({ id: 'run-1', reason: 'its worker was lost' });
    expect(performer.onLost(claimed())).toBeUndefined();
    expect(performer.onLost(claimed({}, { payload: '{' }))).toBeUndefined();
  });

  it('writes nothing', async () => {
    const applied = new Set<string>();
    const { works, perform } = house({
      end: async () => {
        await write(works[0]?.operation.transaction, database(applied));
        return { outcome: 'threw', ...failure, retry: undefined };
      },
    });
    expect((await perform(claimed())).outcome).toBe('failed');
    expect(applied.size).toBe(0);
    expect(works[0]?.operation.transaction?.reason).toBeDefined();
  });
});

describe('a run whose end the database decides', () => {
  const ending = (fails: PlatformError) => {
    const { works, perform } = house({
      end: async () => {
        await write(works[0]?.operation.transaction, database(new Set(), fails));
        return { outcome: 'finished' };
      },
    });
    return perform(claimed());
  };

  it('is looked at again when the database is away', async () => {
    const away = new PlatformError('service.unavailable', 'The database is away.');
    expect(await ending(away)).toMatchObject({ outcome: 'postponed' });
  });

  it('uses up a try when the database refuses it, or gave it up for its length', async () => {
    const refused = new PlatformError('request.conflict', 'It breaks a rule.');
    expect(await ending(refused)).toMatchObject({
      outcome: 'failed',
      retry: undefined,
      reason: 'It breaks a rule.',
    });
    const over = new PlatformError('script.transaction_over', 'It was open for too long.');
    expect(await ending(over)).toMatchObject({ outcome: 'failed', retry: undefined });
  });
});

describe('a run whose world has changed', () => {
  it('fails for good when its actor is gone', async () => {
    const gone = new PlatformError('access.forbidden', 'Nobody is there.');
    const { works, perform } = house({ actor: () => Promise.reject(gone) });
    expect(await perform(claimed())).toMatchObject({
      outcome: 'failed',
      retry: 'never',
      reason: 'Nobody is there.',
    });
    expect(works).toEqual([]);
  });

  it('fails for good when its actor may not call the service any more', async () => {
    const { works, perform } = house({ actor: async () => ({ ...anonymous, apiKey: 'x' }) });
    expect(await perform(claimed())).toMatchObject({ outcome: 'failed', retry: 'never' });
    expect(works).toEqual([]);
  });

  it('fails for good when the service is gone, or has no script any more', async () => {
    const other = JSON.stringify({ ...JSON.parse(claimed().payload), service: 'gone' });
    expect(await house().perform(claimed({}, { payload: other }))).toMatchObject({
      outcome: 'failed',
      retry: 'never',
    });
    const plain = house({ service: { perform: undefined } });
    expect(await plain.perform(claimed())).toMatchObject({
      ...{ outcome: 'failed', retry: 'never', reason: "the service 'math' has no script any more" },
    });
  });

  it('fails for good when its event script is gone', async () => {
    const event = {
      ...JSON.parse(claimed().payload),
      kind: 'event',
      event: { name: 'math.add.post', drop: 1 },
    };
    const performed = await house().perform(
      claimed({}, { payload: JSON.stringify(event), script: 'math.add.post.queued' }),
    );
    expect(performed).toMatchObject({
      ...{
        outcome: 'failed',
        retry: 'never',
        reason: "the script 'math.add.post.queued' is gone or not active",
      },
    });
  });

  it('waits for a newer server where a newer server queued it', async () => {
    const newer = JSON.stringify({ ...JSON.parse(claimed().payload), v: 2 });
    expect(await house().perform(claimed({}, { payload: newer }))).toMatchObject({ outcome: 'postponed' });
  });

  it('uses up a try when something unforeseen happens, told by its cause', async () => {
    const { perform } = house({ end: () => Promise.reject(new Error('a bug')) });
    expect(await perform(claimed())).toMatchObject({ outcome: 'failed', retry: undefined, reason: 'a bug' });
    expect(await perform(claimed({}, { payload: '{' }))).toMatchObject({ outcome: 'failed' });
  });
});

describe('a call from the queue', () => {
  const call = (status: number, value?: unknown) => {
    const asked: Operation[] = [];
    const dispatch = async (of: Operation) => {
      asked.push(of);
      return { status, headers: {}, body: value === undefined ? undefined : Body.ofValue(value) };
    };
    const payload = JSON.stringify({ ...JSON.parse(claimed().payload), kind: 'call' });
    return { asked, end: house({ dispatch }).perform(claimed({}, { payload })) };
  };

  it('takes the path of all operations', async () => {
    const { asked, end } = call(201);
    expect(await end).toEqual({ outcome: 'done', further: [] });
    expect(asked).toMatchObject([{ service: 'math', path: ['add'], origin: 'queue', principal: admin }]);
  });

  it('fails with the message of a refusal', async () => {
    const refusal = { error: { message: 'No such thing.' } };
    expect(await call(404, refusal).end).toMatchObject({
      outcome: 'failed',
      reason: 'POST /api/v2/math/add?n=1 was answered with 404: No such thing.',
    });
    expect(await call(500).end).toMatchObject({ reason: expect.stringContaining('500: no message') });
  });
});

describe('a scheduled call', () => {
  const scheduled = (isPrivileged = true) => {
    const run = claimed();
    const payload = { ...JSON.parse(run.payload), kind: 'call', schedule: { id: 4, isPrivileged } };
    return { ...run, payload: JSON.stringify(payload) };
  };
  const answer = (status: number, value: unknown) => async () => {
    return { status, headers: {}, body: Body.ofValue(value) };
  };

  it('is made by the door of the clock, and its answer is noted', async () => {
    const asked: Operation[] = [];
    const { perform, answers } = house({
      dispatch: async (operation) => {
        asked.push(operation);
        return answer(200, { sum: 3 })();
      },
    });
    const run = scheduled();
    expect(await perform(run)).toEqual({ outcome: 'done', further: [] });
    expect(asked).toEqual([expect.objectContaining({ origin: 'schedule', isPrivileged: true })]);
    expect(answers).toEqual([[run.id, { status: 200, content: '{"sum":3}' }]]);
  });

  it('that is refused has failed, and is noted as well', async () => {
    const { perform, answers } = house({ dispatch: answer(404, { error: { message: 'not there' } }) });
    expect(await perform(scheduled(false))).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('was answered with 404: not there'),
    });
    expect(answers.map(([, { status }]) => status)).toEqual([404]);
  });

  it('is over although nobody could note its answer', async () => {
    const { perform, answers } = house({
      dispatch: async () => ({ status: 200, headers: {}, body: Body.ofText('no room') }),
    });
    expect(await perform(scheduled())).toMatchObject({ outcome: 'done' });
    expect(answers.length).toBe(1);
  });

  it('with a long answer is noted with the beginning of it', async () => {
    const { perform, answers } = house({ dispatch: answer(200, 'x'.repeat(100_000)) });
    await perform(scheduled());
    expect(answers[0]?.[1].content?.length).toBe(limits.scheduleAnswerChars);
  });

  it('is noted by no other call', async () => {
    const run = claimed();
    const call = { ...run, payload: JSON.stringify({ ...JSON.parse(run.payload), kind: 'call' }) };
    const { perform, answers } = house();
    await perform(call);
    expect(answers).toEqual([]);
  });
});
