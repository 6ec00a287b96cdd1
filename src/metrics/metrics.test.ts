import { describe, expect, test } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { QueueStats } from '../core/queue.ts';
import { readExposition, sampleOf } from './exposition-fixture.ts';
import { Metrics } from './metrics.ts';

const get = { action: 'GET', origin: 'http' } as const;

function queueRun(kind: 'queue.started' | 'queue.done' | 'queue.failed', queue = 'default'): Observation {
  const run = { id: 'r1', position: 1, script: 'job', queue, connection: 'database' };
  return { kind, ...run, attempt: 1, reason: null };
}

function stats(over: Partial<QueueStats> = {}): QueueStats {
  const counts = { ready: 4, delayed: 3, running: 2, failed: 1, cancelled: 0, quarantined: 0 };
  const limited = { concurrency: null, rate: null };
  return {
    connection: 'database',
    queue: 'default',
    isPaused: false,
    limits: limited,
    counts,
    lagMs: 1_500,
    ...over,
  };
}

function seenAll(metrics: Metrics): void {
  const script = { script: 'hr.get', runner: 'nodejs', ms: 3, log: [], run: null };
  const call = { method: 'GET', origin: 'https://example.com', by: 'hr.get', ms: 40 };
  const schedule = { schedule: 'nightly', slot: 1 };
  const seen: Observation[] = [
    { kind: 'script.finished', ...script },
    { kind: 'script.failed', ...script, outcome: 'timeout', reason: 'too slow' },
    { kind: 'runner.started', language: 'nodejs', pid: 1 },
    { kind: 'runner.started', language: 'nodejs', pid: 2 },
    { kind: 'runner.retired', language: 'nodejs', pid: 1, reason: 'killed' },
    { kind: 'runner.failed', language: 'nodejs', pid: 1, reason: 'killed' },
    queueRun('queue.started'),
    queueRun('queue.done'),
    { kind: 'worker.started', worker: 'w1', queues: ['default'] },
    { kind: 'worker.failed', worker: 'w1', reason: 'no store' },
    { ...schedule, kind: 'schedule.fired', lateMs: 60, run: 'r2' },
    { ...schedule, kind: 'schedule.skipped', reason: 'missed', slots: 5 },
    { kind: 'outbox.released', service: 'hr', count: 7 },
    { kind: 'egress.finished', status: 204, ...call },
    { kind: 'egress.failed', error: new PlatformError('request.timeout', 'too late'), ...call },
    { kind: 'session.opened', email: 'ada@example.com' },
    { kind: 'session.refused', email: 'eve@example.com', reason: 'guessing' },
    { kind: 'sandbox.opened', level: 'L2', launcher: 'bwrap', notes: [] },
    { kind: 'runs.dropped', count: 2, reason: 'too many' },
    { kind: 'limits.counting', isShared: false, reason: 'no Redis' },
  ];
  for (const each of seen) metrics.observe(each);
}

describe('the text', () => {
  test('is what the format allows, with names and units as Prometheus wants them', async () => {
    const metrics = new Metrics({ version: '1.2.3' });
    metrics.addQueues({ stats: async () => [stats({ queue: 'a "quoted"\\name\n' })] });
    metrics.addConfiguration(() => ({ generation: 12, seenAt: performance.now() }));
    metrics.addReadiness(() => true);
    metrics.requests.end('GET', 200, metrics.requests.begin());
    seenAll(metrics);
    const families = readExposition(await metrics.text());
    for (const [name, { help, type }] of families) {
      expect(help.length, name).toBeGreaterThan(10);
      if (!name.startsWith('tenon_')) continue;
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(name).not.toMatch(/_(ms|milliseconds|kb|mb)\b/);
    }
    expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect([...families.keys()]).toEqual(
      expect.arrayContaining([
        'nodejs_eventloop_lag_p99_seconds',
        'process_open_fds',
        'nodejs_heap_size_used_bytes',
      ]),
    );
  });

  test('tells what was observed', async () => {
    const metrics = new Metrics({ version: '1.2.3' });
    seenAll(metrics);
    const text = await metrics.text();
    const told = (name: string, labels: Record<string, string> = {}) => sampleOf(text, name, labels);
    const node = { language: 'nodejs' };
    const place = { connection: 'database', queue: 'default' };
    expect({
      finished: told('tenon_script_runs_total', { ...node, outcome: 'finished' }),
      late: told('tenon_script_runs_total', { ...node, outcome: 'timeout' }),
      scripts: told('tenon_script_run_duration_seconds_sum', node),
      runners: told('tenon_runners', node),
      crashed: told('tenon_runners_failed_total', node),
      done: told('tenon_queue_events_total', { ...place, event: 'done' }),
      workers: told('tenon_workers', { state: 'working' }),
      failing: told('tenon_workers_failing'),
      fired: told('tenon_schedule_slots_fired_total', { schedule: 'nightly' }),
      missed: told('tenon_schedule_slots_skipped_total', { schedule: 'nightly', reason: 'missed' }),
      lateness: told('tenon_schedule_lateness_seconds_bucket', { le: '0.1' }),
      outbox: told('tenon_outbox_released_runs_total', { service: 'hr' }),
      egress: told('tenon_egress_requests_total', { outcome: '2xx' }),
      egressFailed: told('tenon_egress_requests_total', { outcome: 'request.timeout' }),
      logins: told('tenon_session_events_total', { event: 'opened' }),
      sandbox: told('tenon_sandbox_info', { level: 'L2' }),
      shared: told('tenon_limits_shared'),
      build: told('tenon_build_info', { version: '1.2.3', node: process.version }),
    }).toEqual({
      ...{ finished: 1, late: 1, scripts: 0.006, runners: 1, crashed: 1, done: 1, workers: 1, failing: 1 },
      ...{ fired: 1, missed: 5, lateness: 1, outbox: 7, egress: 1, egressFailed: 1, logins: 1, sandbox: 1 },
      ...{ shared: 0, build: 1 },
    });
    expect(text).not.toMatch(/example\.com|ada@|eve@/);
  });

  test('of one registry says nothing of another', async () => {
    const [first, second] = [new Metrics({ version: '1' }), new Metrics({ version: '2' })];
    first.observe({ kind: 'session.opened', email: 'ada@example.com' });
    expect(sampleOf(await first.text(), 'tenon_session_events_total', { event: 'opened' })).toBe(1);
    expect(sampleOf(await second.text(), 'tenon_session_events_total', { event: 'opened' })).toBeUndefined();
  });
});

describe('requests', () => {
  test('are counted by method and status, and timed', async () => {
    const metrics = new Metrics({ version: '1' });
    for (const ms of [11_000, 12_000, 90_000])
      metrics.requests.end('GET', 200, metrics.requests.begin() - ms);
    metrics.requests.begin();
    metrics.requests.end('BREW', 418, metrics.requests.begin());
    const text = await metrics.text();
    const get = { method: 'GET' };
    expect(sampleOf(text, 'tenon_http_requests_total', { ...get, status: '200' })).toBe(3);
    expect(sampleOf(text, 'tenon_http_requests_total', { method: 'other', status: '418' })).toBe(1);
    expect(sampleOf(text, 'tenon_http_requests_in_flight')).toBe(1);
    const bucket = (le: string) =>
      sampleOf(text, 'tenon_http_request_duration_seconds_bucket', { ...get, le });
    expect(['10', '30', '+Inf'].map(bucket)).toEqual([0, 2, 3]);
    expect(sampleOf(text, 'tenon_http_request_duration_seconds_sum', get)).toBeGreaterThanOrEqual(113);
  });

  test('of services that callers made up have no name', async () => {
    const metrics = new Metrics({ version: '1' });
    const error = new PlatformError('service.not_found', 'no');
    const failed = { kind: 'operation.failed', path: 'x', action: 'GET', origin: 'http', error } as const;
    metrics.operations.begin('hr', get);
    metrics.operations.begin('hr', get);
    metrics.observe({ ...failed, service: 'HR' });
    for (let i = 0; i < 50; i++) metrics.observe({ ...failed, service: `made-up-${i}` });
    const text = await metrics.text();
    const code = { action: 'GET', code: 'service.not_found' };
    expect(sampleOf(text, 'tenon_operations_total', { service: 'hr', ...get })).toBe(2);
    expect(sampleOf(text, 'tenon_operation_failures_total', { service: 'hr', ...code })).toBe(1);
    expect(sampleOf(text, 'tenon_operation_failures_total', { service: '', ...code })).toBe(50);
    expect(text).not.toContain('made-up');
  });

  test('make no more series than are allowed; the rest is counted as one', async () => {
    const metrics = new Metrics({ version: '1' });
    for (let i = 0; i < limits.metricsSeries + 25; i++) metrics.operations.begin(`service-${i}`, get);
    const samples = readExposition(await metrics.text()).get('tenon_operations_total')?.samples ?? [];
    expect(samples).toHaveLength(limits.metricsSeries + 1);
    const other = { service: 'other', action: 'other', origin: 'other' };
    expect(samples.find(({ labels }) => labels.service === 'other')).toMatchObject({
      labels: other,
      value: 25,
    });
  });
});

describe('queues', () => {
  test('are told by connection and queue', async () => {
    const metrics = new Metrics({ version: '1' });
    metrics.addQueues({ stats: async () => [stats(), stats({ queue: 'slow', isPaused: true, lagMs: 0 })] });
    const text = await metrics.text();
    const place = { connection: 'database', queue: 'default' };
    expect(sampleOf(text, 'tenon_queue_runs', { ...place, state: 'ready' })).toBe(4);
    expect(sampleOf(text, 'tenon_queue_runs', { ...place, state: 'failed' })).toBe(1);
    expect(sampleOf(text, 'tenon_queue_lag_seconds', place)).toBe(1.5);
    expect(sampleOf(text, 'tenon_queue_paused', { ...place, queue: 'slow' })).toBe(1);
  });

  test('are counted once, however many ask', async () => {
    const metrics = new Metrics({ version: '1' });
    let looks = 0;
    metrics.addQueues({
      stats: async () => {
        looks++;
        return [stats()];
      },
    });
    await Promise.all(Array.from({ length: 20 }, () => metrics.text()));
    await metrics.text();
    expect(looks).toBe(1);
  });

  test('that take long to count hold nobody up, and are not counted twice at a time', async () => {
    const metrics = new Metrics({ version: '1' });
    const counted = Promise.withResolvers<readonly QueueStats[]>();
    let looks = 0;
    metrics.addQueues({
      stats: async () => {
        looks++;
        return [...(await counted.promise)];
      },
    });
    const early = await metrics.text();
    expect(readExposition(early).get('tenon_queue_runs')?.samples).toEqual([]);
    await metrics.text();
    counted.resolve([stats()]);
    await expect
      .poll(async () => readExposition(await metrics.text()).get('tenon_queue_lag_seconds')?.samples)
      .toHaveLength(1);
    expect(looks).toBe(1);
  });

  test('that cannot be counted are not told, and that is', async () => {
    const metrics = new Metrics({ version: '1' });
    metrics.addQueues({ stats: () => Promise.reject(new Error('the secret address of the store')) });
    // The look that failed is told by the next one who asks.
    await metrics.text();
    const text = await metrics.text();
    expect(sampleOf(text, 'tenon_queue_look_failures_total')).toBe(1);
    expect(readExposition(text).get('tenon_queue_runs')?.samples).toEqual([]);
    expect(text).not.toContain('secret');
  });
});
