// Database servers that go away under load: a sample; more of it runs by `npm run soak -- database-outage`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { canTest, type ServerKind } from '../databases.ts';
import { startTestServer } from '../server.ts';
import { addService, type Place, startPlace, sufferOutages } from './outage.ts';

const kinds: readonly ServerKind[] = (['postgres', 'mysql'] as const).filter((kind) => canTest(kind));
const ledger = '/api/v2/live/_table/ledger';

/** Five times what is promised, because machines of tests are busy. */
const boundMs = 10_000;

describe.each(kinds)('%s under load', (kind) => {
  test.each([
    ['is killed', { blow: 'kill', rounds: 2, awayMs: 500 }],
    ['is stopped for seconds', { blow: 'stop', rounds: 1, awayMs: 3_000 }],
    ['drops all connections', { blow: 'cut', rounds: 4, awayMs: 0 }],
  ] as const)('%s', { timeout: 120_000 }, async (_what, plan) => {
    const report = await sufferOutages({ kind, ...plan });
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ lost: 0, doubled: 0, connectionsAtEnd: 0 });
    expect(report.firstSuccessMs).toHaveLength(plan.rounds);
    expect(report.acknowledged).toBeGreaterThan(0);
    if (plan.blow !== 'cut') expect(report.refusals).toBeGreaterThan(0);
    expect(Math.max(report.slowestMs, ...report.firstSuccessMs)).toBeLessThan(boundMs);
  });
});

describe.each(kinds)('%s', (kind) => {
  let place: Place | undefined;

  afterEach(async () => {
    await place?.close();
    place = undefined;
  });

  async function prepared(options: Parameters<typeof startPlace>[1] = {}): Promise<Place> {
    place = await startPlace(kind, options);
    return place;
  }

  test('that is down when its service is made is found when it is up', { timeout: 60_000 }, async () => {
    const { server, databases, ...rest } = await prepared();
    await databases.stop();
    expect((await addService({ server, databases, ...rest }, 'live')).status).toBe(201);
    for (const path of [ledger, `${ledger}/1`, '/api/v2/live/_schema', '/api/v2/live/_schema/ledger']) {
      const { status, body } = await server.ask(path);
      expect([path, status, body.error?.message]).toEqual([
        path,
        503,
        expect.stringMatching(/^The database of service 'live' is/),
      ]);
    }
    expect((await server.ask('/status')).status).toBe(200);
    await databases.start();
    await expect.poll(async () => (await server.ask(ledger)).status, { timeout: boundMs }).toBe(200);
    expect((await server.ask('/api/v2/live/_schema/ledger')).body).toMatchObject({ name: 'ledger' });
  });

  test('that is down when we start is found when it is up, too', { timeout: 60_000 }, async () => {
    const home = mkdtempSync(join(tmpdir(), 'tenon-outage-home-'));
    const environment = { TENON_HOME: home };
    const here = await prepared({ environment });
    await addService(here, 'live');
    expect((await here.server.ask(ledger)).status).toBe(200);
    await here.databases.stop();
    await here.server.close();
    const again = await startTestServer(environment);
    try {
      expect((await again.ask(ledger)).status).toBe(503);
      await here.databases.start();
      await expect.poll(async () => (await again.ask(ledger)).status, { timeout: boundMs }).toBe(200);
    } finally {
      await again.close();
      rmSync(home, { recursive: true, force: true });
    }
  });

  test('that hangs is given up, and used again when it goes on', { timeout: 60_000 }, async () => {
    const here = await prepared();
    await addService(here, 'live', { query_timeout: 1_000, connect_timeout: 1_000 });
    expect((await here.server.ask(ledger)).status).toBe(200);
    here.databases.freeze();
    // A signal takes its time to reach all threads of a server.
    await pause(100);
    try {
      const began = performance.now();
      const answers = Array.from({ length: 8 }, () => here.server.ask(ledger));
      expect((await here.server.ask('/status')).status).toBe(200);
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      expect(statuses).toEqual(statuses.map(() => 503));
      expect(performance.now() - began).toBeLessThan(2 * boundMs);
    } finally {
      here.databases.thaw();
    }
    await expect.poll(async () => (await here.server.ask(ledger)).status, { timeout: boundMs }).toBe(200);
  });
});
