// `tenon schedule …` as a person types it: against a running server, and on a data folder that nobody serves.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runSchedule } from '../../src/cli/schedule-run.ts';
import { limits } from '../../src/core/limits.ts';
import { terminal } from '../commands.ts';
import { addScriptedService } from '../scripted-service.ts';
import { startTestServer, type TestServer } from '../server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-schedule-commands-'));
const local = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d`;

/** When no slot comes while the tests run. */
const leapDay = ['--cron', '30 2 29 2 *', '--time-zone', 'Europe/Berlin'];

/** No server that commands are told of. */
const alone = { TENON_SERVER: undefined, TENON_TOKEN: undefined };

let server: TestServer;
const run = terminal({
  folder,
  variables: () => ({ TENON_SERVER: server.url, TENON_TOKEN: server.token }),
});
const tenon = (...args: string[]) => run(['schedule', ...args]);

/** Answers what it was called with, or fails where that asks for it. */
const echo = `
  const { method, parameters, payload } = event.request;
  if (parameters.fail) return { status_code: 418, content: { why: 'told to' } };
  return { method, path: event.resource, payload };`;

beforeAll(async () => {
  server = await startTestServer();
  await addScriptedService(server, echo, { name: 'echo' });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const scheduler = async (path = '') => (await server.ask(`/api/v2/system/scheduler${path}`)).body;

describe('making and looking', () => {
  test('create stores a call; list, show and runs tell of it', async () => {
    expect((await tenon('list')).stdout).toBe('No schedules.\n');
    const made = await tenon('create', 'nightly', 'echo/all?day=today', ...leapDay);
    expect(made.stdout).toMatch(
      /^nightly calls GET echo\/all\?day=today: 30 2 29 2 \* {2}Europe\/Berlin, next at .*-02-29 02:30:00 \S+\n$/,
    );
    const wanted = ['--verb', 'post', '--payload', '{"a":1}', '--every', '10', '--inactive'];
    const policies = ['--overlap', 'queue', '--missed', 'all:3', '--jitter', '7', '--description', 'Often'];
    expect((await tenon('create', 'often', '/api/v2/echo', ...wanted, ...policies)).stdout).toBe(
      'often calls POST echo: every 10 minutes, paused.\n',
    );
    const [list, json, show, runs] = await Promise.all([
      tenon('list'),
      tenon('list', '--json'),
      tenon('show', 'nightly'),
      tenon('runs'),
    ]);
    const [heading, nightly, often] = list.stdout.split('\n');
    expect(heading).toMatch(/^NAME +WHEN +STATE +NEXT RUN +LAST RESULT$/);
    expect(nightly).toMatch(
      new RegExp(String.raw`^nightly +30 2 29 2 \* +Europe/Berlin +active +${local} \(in \d+ \w+\)$`),
    );
    expect(often).toMatch(/^often +every 10 minutes +paused$/);
    expect(list.stderr).toBe('');
    expect(JSON.parse(json.stdout)).toMatchObject([
      {
        name: 'nightly',
        verb: 'GET',
        component: 'all?day=today',
        time_zone: 'Europe/Berlin',
        is_active: true,
      },
      {
        ...{
          name: 'often',
          verb: 'POST',
          component: '',
          frequency: 10,
          is_active: false,
          description: 'Often',
        },
        ...{ overlap: 'queue', missed: 'all', missed_count: 3, jitter: 7, next_run_date: null },
      },
    ]);
    expect(show.stdout).toMatch(/^calls +GET echo\/all\?day=today$/m);
    expect(show.stdout).toMatch(/^next_run_date +\d{4}-/m);
    expect(runs.stdout).toBe('Nothing was started yet.\n');
  });

  test('next tells slots on the clock of the zone and in UTC, of what is not stored, too', async () => {
    const [stored, preview, minutes, json] = await Promise.all([
      tenon('next', 'nightly', '--count', '2'),
      tenon('next', '--cron', '0 9 * * MON', '--time-zone', 'Asia/Tokyo'),
      tenon('next', 'often', '--count', '1'),
      tenon('next', '--every', '60', '--count', '3', '--json'),
    ]);
    const [heading, ...slots] = stored.stdout.trimEnd().split('\n');
    expect(heading).toMatch(/^EUROPE\/BERLIN +UTC$/);
    expect(slots).toHaveLength(2);
    for (const slot of slots) {
      expect(slot).toMatch(/^\S+-02-29 02:30:00 \+01:00 +\S+-02-29 01:30:00 +in \d+ \w+$/);
    }
    const tokyo = preview.stdout.trimEnd().split('\n').slice(1);
    expect(tokyo).toHaveLength(5);
    for (const slot of tokyo) expect(slot).toMatch(/ 09:00:00 \+09:00 +\S+ 00:00:00 +in \d+ \w+$/);
    expect(minutes.stdout).toMatch(/^UTC +UTC\n\S+ \d\d:\d0:00 \+00:00 /);
    expect(minutes.stderr).toBe("'often' is paused; this is when it would come.\n");
    const { resource, time_zone: zone } = JSON.parse(json.stdout);
    expect([resource.length, zone]).toEqual([3, 'UTC']);
    expect(Date.parse(resource[2]) - Date.parse(resource[0])).toBe(2 * 3_600_000);
  });
});

describe('doing', () => {
  test('run --wait prints the answer of the call, paused or not; list and runs tell of it', async () => {
    const waited = await tenon('run', 'often', '--wait');
    expect(waited.code).toBe(0);
    expect(waited.stdout).toMatch(
      /^200 after [\d,]+ ms\n\{"method":"POST","path":"","payload":\{"a":1\}\}\n$/,
    );
    const [list, runs, json] = await Promise.all([
      tenon('list'),
      tenon('runs', 'often', '--limit', '1'),
      tenon('runs', '--json'),
    ]);
    expect(list.stdout).toMatch(/^often .* paused +200, \d+ \w+ ago$/m);
    expect(runs.stdout).toMatch(/^AT \(UTC\) +SCHEDULE +FOR \(UTC\) +RESULT +TOOK +ANSWER\n/);
    expect(runs.stdout).toMatch(/\n\S+ \S+ +often +manual +200 +[\d,]+ ms +\{"method":"POST".*\n$/);
    expect(JSON.parse(json.stdout)).toMatchObject([{ cause: 'manual', state: 'done', status_code: 200 }]);
  });

  test('a call that fails gives exit code 1, with what was answered', async () => {
    await tenon('create', 'broken', 'echo?fail=1', ...leapDay);
    const { code, stdout } = await tenon('run', 'broken', '--wait');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^failed \(418\) .*\n\{"why":"told to"\}\n$/)]);
    expect((await tenon('list')).stdout).toMatch(/^broken .* 418, \d+ \w+ ago$/m);
  });

  test('without --wait it says what was queued', async () => {
    const { code, stdout } = await tenon('run', 'nightly');
    expect(code).toBe(0);
    const [, id] = /^nightly is queued as (\S+)\.\n$/.exec(stdout) ?? [];
    await expect
      .poll(async () => (await scheduler('/runs')).resource, { timeout: 30_000 })
      .toContainEqual(expect.objectContaining({ id, state: 'done', status_code: 200 }));
  });

  test('a run that is not over is in the way, or waited for', async () => {
    await server.ask('/api/v2/system/queue/default/pause', { method: 'POST' });
    expect((await tenon('run', 'nightly')).code).toBe(0);
    const refused = await tenon('run', 'nightly');
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/The schedule 'nightly' is not run now, because its run \S+ is not over/);
    // In this process, so that it is known when it waits.
    const said: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((text) => said.push(text));
    vi.spyOn(console, 'error').mockImplementation((text) => {
      said.push(text);
      void server.ask('/api/v2/system/queue/default/resume', { method: 'POST' });
    });
    const options = { server: server.url, token: server.token, isServerNamed: true, wait: true };
    await runSchedule('nightly', options).finally(() => vi.restoreAllMocks());
    expect(said).toEqual([
      'The run before is not over; waiting for it.',
      expect.stringMatching(/^200 after .*\n\{"method":"GET","path":"all"/),
    ]);
  });

  test('pause, resume and delete go on behind one that is not there', async () => {
    const paused = await tenon('pause', 'nightly', 'nothing', 'broken');
    expect([paused.code, paused.stderr]).toEqual([1, "error: There is no schedule 'nothing'.\n"]);
    expect(paused.stdout).toBe(
      'nightly is paused; runs that run go on.\nbroken is paused; runs that run go on.\n',
    );
    const { resource } = await scheduler('?fields=id,name,is_active');
    expect(resource.map(({ is_active: isActive }: { is_active: boolean }) => isActive)).not.toContain(true);
    const [{ id }] = resource.filter(({ name }: { name: string }) => name === 'nightly');
    const resumed = await tenon('resume', String(id));
    expect([resumed.code, resumed.stdout]).toEqual([
      0,
      expect.stringMatching(/^nightly goes on, next at \d{4}/),
    ]);
    const gone = await tenon('delete', 'nightly', 'nightly');
    expect([gone.code, gone.stdout]).toEqual([1, 'nightly is deleted; runs that run go on.\n']);
    expect(gone.stderr).toBe("error: There is no schedule 'nightly'.\n");
  });
});

describe('spellings that people know', () => {
  test('what a crontab calls every minute does nothing, in peace', async () => {
    const lines = [
      ['schedule:run'],
      ['schedule:run', '--verbose', '--no-interaction'],
      ['df:scheduled-request', '7', '--id=4'],
    ];
    const ended = await Promise.all(lines.map((line) => run(line, alone)));
    for (const { code, stdout, stderr } of ended) {
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toBe('Nothing to do: the server starts what schedules say by its own clock.\n');
    }
    expect((await run(['schedule:list'])).stdout).toMatch(/^NAME +WHEN/);
  });
});

describe('mistakes', () => {
  const mistakes: [string[], string][] = [
    [['show', 'nothing'], "There is no schedule 'nothing'."],
    [['show', '98765'], "'98765' not found"],
    [['next', '--cron', '0 2 * * *', '--time-zone', 'Europe/Berln'], "'time_zone' must be the IANA name"],
    [['create', 'x', 'nowhere/path', '--every', '5'], "There is no service 'nowhere'."],
    [['create', 'often', 'echo', '--every', '5'], "'often'"],
  ];

  test('are told in a sentence, with exit code 1', async () => {
    const ended = await Promise.all(mistakes.map(([args]) => tenon(...args)));
    for (const [index, [args, message]] of mistakes.entries()) {
      const { code, stderr, stdout } = ended[index] ?? {};
      expect([code, stdout], args.join(' ')).toEqual([1, '']);
      expect(stderr).toContain(message);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
  });
});

describe('a data folder that nobody serves', () => {
  test('is opened by the same commands, which say that nothing is started', async () => {
    const home = join(folder, 'home');
    const other = await startTestServer({ TENON_HOME: home, TENON_SCHEDULE: 'off' });
    await other.addDatabase('shop', 'create table todo (id integer primary key)');
    await expectNothingStarted(other);
    await other.close();
    writeFileSync(join(folder, 'payload.json'), '{"b":2}');
    const at = (...args: string[]) => run(['schedule', ...args, '--home', home], alone);
    const made = await at('create', 'hourly', 'shop', '--cron', '@hourly', '--payload', '@payload.json');
    expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^hourly calls GET shop: @hourly/)]);
    const { stdout, stderr } = await at('list');
    expect(stdout).toMatch(/^hourly +@hourly +UTC +active /m);
    expect(stderr).toMatch(/^No server runs here: nothing of this is started/);
    expect((await at('run', 'hourly')).stdout).toMatch(/^hourly is queued as /);
  }, 60_000);
});

// Where the clock runs, no slot stays in the past for longer than a look at it takes.
async function expectNothingStarted(other: TestServer): Promise<void> {
  const [service] = (await other.ask('/api/v2/system/service?filter=name=shop')).body.resource;
  const resource = [{ name: 'seconds', service_id: service.id, cron: '* * * * * *' }];
  await other.ask('/api/v2/system/scheduler', { method: 'POST', body: { resource } });
  const planned = async () => (await other.ask('/api/v2/system/scheduler')).body.resource[0].next_run_date;
  const first = await planned();
  await expect
    .poll(() => Date.now() - Date.parse(first), { timeout: 30_000 })
    .toBeGreaterThan(2 * limits.scheduleLookMs);
  expect(await planned()).toBe(first);
  expect((await other.ask('/api/v2/system/scheduler/runs')).body.resource).toEqual([]);
}
