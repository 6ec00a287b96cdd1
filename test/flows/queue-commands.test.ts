// `tenon queue …` as a person types it: against a running server, and on a data folder that nobody serves.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewQueuedRun } from '../../src/core/queue.ts';
import { newRunId } from '../../src/scripts/run-record.ts';
import { createSqliteStore } from '../../src/store/sqlite.ts';
import { terminal } from '../commands.ts';
import { startTestServer, type TestServer } from '../server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-queue-commands-'));
const script = 'shop._table.todo.post.queued';

/** No server that commands are told of. */
const alone = { TENON_SERVER: undefined, TENON_TOKEN: undefined };

let server: TestServer;

beforeAll(async () => {
  // Nobody takes the runs of the tests.
  server = await startTestServer({ TENON_WORKER_QUEUES: 'none' });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = terminal({
  folder,
  variables: () => ({ TENON_SERVER: server.url, TENON_TOKEN: server.token }),
});

/** Works on the store of the server as another process would. */
async function withStore<T>(home: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await createSqliteStore({ file: join(home, 'system.sqlite') });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

type Store = Awaited<ReturnType<typeof createSqliteStore>>;

function newRun(over: Partial<NewQueuedRun> = {}): NewQueuedRun {
  return {
    ...{ id: newRunId(), connection: 'database', queue: 'default', script, version: null, priority: 0 },
    ...{ payload: '{"v":1,"kind":"event","service":"shop"}', delayMs: 0, tries: null, userId: 1 },
    ...{ appId: null, roleId: null, backoff: null, timeoutMs: null, uniqueKey: null, orderingKey: null },
    ...{ delivery: 'effects-once' as const, ...over },
  };
}

/** Numbers of runs that were queued, and failed for good where they are to. */
async function queued(count: number, { queue = 'default', hasFailed = false, home = server.home } = {}) {
  return withStore(home, async (store) => {
    const runs = Array.from({ length: count }, () => newRun({ queue }));
    await store.queue.push(runs);
    const found = await Promise.all(runs.map(({ id }) => store.queue.get(id)));
    if (!hasFailed) return found.map((each) => String(each?.position));
    const claim = { connection: 'database', queues: [queue], limit: count, worker: 'w', leaseMs: 60_000 };
    const held = await store.queue.claim({ ...claim, ids: runs.map(({ id }) => id) });
    await store.queue.finish(
      held.map(({ position, token }) => ({
        ...{
          position,
          token,
          outcome: 'failed' as const,
          reason: `Error: no\n  at ${'x'.repeat(200)}`,
          logId: null,
        },
      })),
    );
    return held.map(({ position }) => String(position));
  });
}

const stateOf = async (number: string | undefined) =>
  (await server.ask(`/api/v2/system/queued_run/${number}`)).body.state;

// Each test begins with empty queues.
beforeEach(() =>
  withStore(server.home, async (store) => {
    await store.queue.cancel({ where: undefined }, 'tidy');
    await store.queue.forget({ where: undefined });
  }),
);

describe('looking', () => {
  test('failed lists what failed for good in a table, the reason in a line', async () => {
    expect(await run(['queue', 'failed'])).toEqual({ code: 0, stdout: 'No run has failed.\n', stderr: '' });
    const [one, two] = await queued(2, { hasFailed: true });
    await queued(1);
    const { code, stdout } = await run(['queue', 'failed']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ *NUMBER +STATE +QUEUE +SCRIPT +FAILURES +SINCE \(UTC\) +REASON$/);
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(
      new RegExp(`^ *${two} +failed +database:default +${script} +1 +\\d{4}-.* Error: no$`),
    );
    expect(lines[2]).toMatch(new RegExp(`^ *${one} `));
  });

  test('list is narrowed by state, queue and connection, and says how many there are', async () => {
    await queued(3, { queue: 'low' });
    await queued(2);
    const { stdout, stderr } = await run(['queue', 'list', '--queue', 'low', '--limit', '2']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(stderr).toBe('The newest 2 of 3; more with --limit.\n');
    const none = [
      ['--state', 'failed'],
      ['--connection', 'other'],
      ['--queue', "x' or '1'='1"],
    ];
    const [json, ...empty] = await Promise.all(
      [['--json', '--state', 'ready,running'], ...none].map((narrowed) =>
        run(['queue', 'list', ...narrowed]),
      ),
    );
    expect(JSON.parse(json?.stdout ?? '')).toHaveLength(5);
    expect(empty).toEqual(none.map(() => ({ code: 0, stdout: 'No runs.\n', stderr: '' })));
  });

  test('stats shows each queue with its settings', async () => {
    await queued(2, { queue: 'low' });
    const body = { concurrency: 2, rate: { count: 5, per: 'minute' }, is_paused: true };
    await server.ask('/api/v2/system/queue/low', { method: 'PATCH', body });
    const { code, stdout } = await run(['queue', 'stats', '--queue', 'low']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/QUEUE +READY .*SETTINGS/);
    expect(stdout).toMatch(/database:low +2 +0 +0 +0 +0 +\d+\.\d s +paused, 2 at once, 5 per minute/);
    const none = { concurrency: null, rate: null, is_paused: false };
    await server.ask('/api/v2/system/queue/low', { method: 'PATCH', body: none });
    expect(JSON.parse((await run(['queue', 'stats', '--json'])).stdout)).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: 'database:low', ready: 2 })]),
    );
  });

  test('show tells everything of a run', async () => {
    const [number = ''] = await queued(1, { hasFailed: true });
    const { code, stdout } = await run(['queue', 'show', number]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^position +${number}$`, 'm'));
    expect(stdout).toMatch(/^state +failed$/m);
    expect(stdout).toContain('"service": "shop"');
    const [, id = ''] = /^id +(\S+)$/m.exec(stdout) ?? [];
    expect(JSON.parse((await run(['queue', 'show', id, '--json'])).stdout).position).toBe(Number(number));
  });
});

describe('doing', () => {
  test('retry starts runs anew by number or id, and says which there are not', async () => {
    const [one = '', two = ''] = await queued(2, { hasFailed: true });
    const [waiting = ''] = await queued(1);
    const ended = await run(['queue', 'retry', one, '987654', two, waiting]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toBe(`${one}  ${script}  started anew\n${two}  ${script}  started anew\n`);
    expect(ended.stderr).toContain('error: There is no queued run 987654.\n');
    expect(ended.stderr).toMatch(new RegExp(`error: Queued run ${waiting} .* is ready: only runs`));
    expect(await stateOf(one)).toBe('ready');
  });

  test('retry all starts anew what failed, of one queue or of all', async () => {
    const [one] = await queued(1, { hasFailed: true, queue: 'low' });
    const [two] = await queued(1, { hasFailed: true });
    expect(await run(['queue', 'retry', 'all', '--queue', 'low'])).toEqual({
      ...{ code: 0, stdout: '1 run was started anew.\n', stderr: '' },
    });
    expect([await stateOf(one), await stateOf(two)]).toEqual(['ready', 'failed']);
    expect((await run(['queue', 'retry', 'ALL'])).stdout).toBe('1 run was started anew.\n');
    expect((await run(['queue', 'retry', 'all'])).stdout).toBe('0 runs were started anew.\n');
  });

  test('cancel stops what waits, forget drops what has ended, flush all that failed', async () => {
    const [waiting = ''] = await queued(1);
    expect((await run(['queue', 'cancel', waiting])).stdout).toBe(`${waiting}  ${script}  cancelled\n`);
    expect(await run(['queue', 'forget', waiting, waiting])).toEqual({
      code: 1,
      stdout: `${waiting}  ${script}  forgotten\n`,
      stderr: `error: There is no queued run ${waiting}.\n`,
    });
    await queued(3, { hasFailed: true });
    await queued(2, { hasFailed: true, queue: 'low' });
    expect((await run(['queue', 'flush', '--queue', 'low'])).stdout).toBe('2 runs were forgotten.\n');
    expect((await run(['queue', 'flush'])).stdout).toBe('3 runs were forgotten.\n');
    await queued(2, { queue: 'low' });
    expect((await run(['queue', 'cancel', 'all', '--queue', 'low'])).stdout).toBe('2 runs were cancelled.\n');
  });

  test('many are done in parts, with progress', async () => {
    await queued(5_001, { hasFailed: true });
    const { code, stdout, stderr } = await run(['queue', 'retry', 'all']);
    expect([code, stdout]).toEqual([0, '5,001 runs were started anew.\n']);
    expect(stderr).toMatch(/^Starting anew …\nStarting anew: 5,001, done in .* s\n$/);
  });

  test('what cannot be retried for its unique key is left, and told', async () => {
    await withStore(server.home, async ({ queue }) => {
      const [key, place] = ['daily', { connection: 'database', queues: ['default'], worker: 'w' }];
      await queue.push([newRun({ uniqueKey: key })]);
      const [held] = await queue.claim({ ...place, limit: 1, leaseMs: 60_000 });
      if (held === undefined) throw new Error('nothing to claim');
      await queue.finish([{ ...held, outcome: 'failed', reason: 'no', logId: null }]);
      await queue.push([newRun({ uniqueKey: key })]);
    });
    expect(await run(['queue', 'retry', 'all'])).toEqual({
      code: 0,
      stdout: '0 runs were started anew.\n',
      stderr: '1 were left: another run has their unique key.\n',
    });
  });

  test('pause and resume are about one queue', async () => {
    expect((await run(['queue', 'pause', 'low'])).stdout).toBe(
      'database:low is paused; runs that run go on.\n',
    );
    expect((await server.ask('/api/v2/system/queue/low')).body.is_paused).toBe(true);
    expect((await run(['queue', 'resume', 'database:low'])).stdout).toBe('database:low goes on.\n');
    expect((await server.ask('/api/v2/system/queue/low')).body.is_paused).toBe(false);
    const odd = await run(['queue', 'pause', 'low', '--connection', 'nowhere']);
    expect([odd.code, odd.stderr]).toEqual([1, expect.stringContaining("queue connection 'nowhere'")]);
  });

  test('limit sets what is said, leaves the rest, and shows what holds', async () => {
    const limit = async (...args: string[]) => (await run(['queue', 'limit', ...args])).stdout;
    expect(await limit('slow', '--concurrency', '3', '--rate', '10/minute')).toBe(
      'database:slow: 3 at once, 10 per minute\n',
    );
    expect(await limit('database:slow', '--rate', '5/90')).toBe('database:slow: 3 at once, 5 per 90 s\n');
    const { concurrency, rate } = (await server.ask('/api/v2/system/queue/slow')).body;
    expect([concurrency, rate]).toEqual([3, { count: 5, per: 90 }]);
    expect(JSON.parse(await limit('slow', '--json'))).toEqual({ id: 'database:slow', concurrency, rate });
    expect(await limit('slow', '--concurrency', 'none', '--rate', 'none')).toBe('database:slow: no limits\n');
  });

  test('restart asks workers to begin anew', async () => {
    expect((await run(['queue', 'restart'])).stdout).toBe(
      'Workers end the runs that they have, and begin anew.\n',
    );
  });
});

describe('spellings that people know', () => {
  test('do the same', async () => {
    const [one = '', two = '', three = ''] = await queued(4, { hasFailed: true });
    expect((await run(['queue:failed'])).stdout.split('\n')).toHaveLength(6);
    expect((await run(['queue:retry', one])).stdout).toContain('started anew');
    expect((await run(['queue:forget', two])).stdout).toContain('forgotten');
    expect((await run(['queue:flush'])).stdout).toBe('2 runs were forgotten.\n');
    expect((await run(['queue:retry', three])).code).toBe(1);
    expect((await run(['queue:retry', 'all'])).stdout).toBe('0 runs were started anew.\n');
    expect((await run(['queue:restart'])).code).toBe(0);
  });

  test('those that make tables say that there is nothing to do', async () => {
    const ended = await Promise.all(['queue:table', 'queue:failed-table'].map((verb) => run([verb], alone)));
    for (const { code, stdout } of ended) {
      expect([code, stdout]).toEqual([0, expect.stringContaining('are there')]);
    }
  });
});

describe('mistakes', () => {
  const mistakes: [string[], string][] = [
    [['queue', 'retry'], 'missing required argument'],
    [['queue', 'list', '--state', 'broken'], "'broken' is no state of a run."],
    [['queue', 'list', '--limit', 'many'], '--limit many'],
    [['queue', 'retry', '5', '--queue', 'low'], "--queue narrows 'all'"],
    [['queue', 'show', 'nothing'], "'nothing' not found"],
    [['queue', 'vanish'], 'unknown command'],
    [['queue', 'pause', ''], 'A queue has a name.'],
    [['queue', 'limit', 'low', '--rate', '10 a day'], '--rate 10 a day is no rate.'],
    [['queue', 'limit', 'low', '--concurrency', '0'], "'concurrency' must be a number of runs from 1"],
  ];

  test('are told in a sentence, with exit code 1', async () => {
    const ended = await Promise.all(mistakes.map(([args]) => run(args)));
    for (const [index, [args, message]] of mistakes.entries()) {
      const { code, stderr, stdout } = ended[index] ?? {};
      expect([code, stdout], args.join(' ')).toEqual([1, '']);
      expect(stderr).toContain(message);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
  });

  test('a server that is not there, and one that lets nobody in', async () => {
    const [away, closed] = await Promise.all([
      run(['queue', 'failed', '--server', 'http://127.0.0.1:1']),
      run(['queue', 'retry', '1'], { TENON_TOKEN: 'x' }),
    ]);
    expect([away.code, away.stderr]).toEqual([1, expect.stringContaining('No server answers')]);
    expect([closed.code, closed.stderr]).toEqual([1, expect.stringContaining('Log in with')]);
  });

  test('help names every verb', async () => {
    const { code, stdout } = await run(['queue', '--help']);
    expect(code).toBe(0);
    for (const verb of ['failed', 'list', 'show', 'stats', 'retry', 'cancel', 'forget', 'flush', 'pause']) {
      expect(stdout).toContain(`  ${verb} `);
    }
  });
});

describe('a data folder that nobody serves', () => {
  test('is opened by the same commands, and nothing in it is run', async () => {
    const home = join(folder, 'home');
    const other = await startTestServer({ TENON_HOME: home });
    await other.close();
    const [number = ''] = await queued(1, { hasFailed: true, home });
    const at = (...args: string[]) => run([...args, '--home', home], alone);
    const changed = await at('queue', 'retry', number, '99', number);
    expect(changed.stdout).toContain('started anew');
    expect(changed.stderr).toContain('error: There is no queued run 99.\n');
    expect(changed.stderr).toContain('is ready: only runs');
    const [list, paused] = await Promise.all([at('queue', 'list'), at('queue', 'pause', 'default')]);
    expect(list.stdout).toMatch(new RegExp(` *${number} +ready `));
    expect(paused.stdout).toContain('database:default is paused');
  }, 60_000);

  test('is refused when there is none', async () => {
    const ended = await run(['queue', 'failed', '--home', join(folder, 'nowhere')], alone);
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('There is no configuration in')]);
  });
});
