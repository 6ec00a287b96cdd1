// Clients that ask for long lists and do not take them, or go away: what others notice of it, and what it
// costs. Invariant: the server is a process of its own, so that its memory is its own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Place, streamPlaces } from '../../bench/places.ts';
import { type Started, start } from '../../bench/process.ts';
import { limits } from '../../src/core/limits.ts';
import { tenonProgram } from '../program.ts';
import { optionOf, type SoakResult } from './soak.ts';

const cli = tenonProgram();
const account = { email: 'soak@example.com', password: 'a password for soaks' };
const list = '/api/v2/long/_table/event?order=id';

/** What is promised. */
const bounds = {
  oneRowMs: 250,
  refusalMs: limits.databaseWaitMs + 1_000,
  dropMs: limits.streamWaitMs + 3_000,
  leftMs: limits.databaseWaitMs,
  mb: 64,
};

interface Report {
  readonly database: string;
  /** Slowest answer of one record while readers stood still. */
  readonly oneRowMs: number;
  /** How long a further long list waited for its refusal. */
  readonly refusalMs: number;
  /** When a connection was free again that readers who stand still had. */
  readonly dropMs: number;
  /** How long the next one waited behind all who went away. */
  readonly leftMs: number;
  readonly growthMb: number;
  readonly findings: readonly string[];
}

/** `--rows=100000` in the table, `--leavers=200` clients that go away. */
export async function soakStreamReaders(
  options: readonly string[],
  say: (line: string) => void,
): Promise<SoakResult> {
  const rows = Number(optionOf(options, 'rows', '100000'));
  const leavers = Number(optionOf(options, 'leavers', '200'));
  const folder = mkdtempSync(join(tmpdir(), 'tenon-soak-'));
  const reports: Report[] = [];
  try {
    for await (const place of streamPlaces({ folder, rows })) {
      const report = await endured({ place, folder, rows, leavers });
      say(JSON.stringify(report));
      reports.push(report);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { figures: reports, findings: reports.flatMap(({ findings }) => findings) };
}

interface Plan {
  readonly place: Place;
  readonly folder: string;
  readonly rows: number;
  readonly leavers: number;
}

async function endured({ place, folder, rows, leavers }: Plan): Promise<Report> {
  const server = await start({
    args: [cli, 'serve'],
    environment: {
      TENON_HOME: join(folder, place.kind),
      TENON_ADMIN_EMAIL: account.email,
      TENON_ADMIN_PASSWORD: account.password,
      TENON_LOG_LEVEL: 'error',
    },
    ready: '/status',
    portVariable: 'TENON_PORT',
  });
  try {
    const client = await clientOf(server, place);
    // What the collector of garbage takes for any traffic is there before anybody stands still.
    for (let i = 0; i < 5; i++) await client.count(list);
    const beforeMb = residentMb(server.pid);
    const began = performance.now();
    const stalled = await Promise.all(Array.from({ length: limits.streams }, () => client.stalled()));
    const refusalMs = await timed(() => client.count(list, 503));
    const oneRowMs = await slowest(50, () => client.count('/api/v2/long/_table/event/5'));
    // It waits in line until a connection of the database is free.
    await client.untilAnswered();
    const dropMs = performance.now() - began;
    for (const stop of stalled) stop();
    for (let i = 0; i < leavers; i++) await client.left();
    // Those who went away while they stood in line still take their turn, and find that nobody is there.
    const leftMs = await timed(() => client.untilAnswered());
    const found = await client.count(list);
    const growthMb = residentMb(server.pid) - beforeMb;
    const report = { database: place.kind, oneRowMs, refusalMs, dropMs, leftMs, growthMb };
    const findings = found === rows ? [] : [`a later list has ${found} records instead of ${rows}`];
    return {
      ...report,
      findings: [...findings, ...faultsOf(report)].map((each) => `${place.kind}: ${each}`),
    };
  } finally {
    await server.stop();
  }
}

function faultsOf({ oneRowMs, refusalMs, dropMs, leftMs, growthMb }: Omit<Report, 'findings'>): string[] {
  return [
    ...(oneRowMs > bounds.oneRowMs ? [`one record took ${oneRowMs} ms`] : []),
    ...(refusalMs > bounds.refusalMs ? [`a refusal took ${refusalMs} ms`] : []),
    ...(dropMs > bounds.dropMs ? [`readers that stand still were dropped after ${dropMs} ms`] : []),
    ...(leftMs > bounds.leftMs ? [`who went away held up others for ${leftMs} ms`] : []),
    ...(growthMb > bounds.mb ? [`the server grew by ${growthMb} MB`] : []),
  ];
}

interface Client {
  /** How many records an answer has, of a list in lines; fails when its status is another. */
  count(path: string, status?: number): Promise<number>;
  /** Asks for a part of the list until it is not refused. */
  untilAnswered(): Promise<void>;
  /** Asks for the list and does not read it until the end is called. */
  stalled(): Promise<() => void>;
  /** Asks for the list and goes away with its first bytes. */
  left(): Promise<void>;
}

async function clientOf({ url }: Started, { type, config }: Place): Promise<Client> {
  const login = await post(`${url}/api/v2/system/admin/session`, account, {});
  const own = { 'X-DreamFactory-Session-Token': String(login.session_token) };
  const service = {
    name: 'long',
    label: 'Long',
    type,
    is_active: true,
    config: { ...config, max_records: 1e9 },
  };
  await post(`${url}/api/v2/system/service`, { resource: [service] }, own);
  const headers = { ...own, Accept: 'application/x-ndjson' };
  const opened = (then: (response: IncomingMessage) => void) =>
    request(url + list, { headers, agent: false }, then)
      .on('error', () => undefined)
      .end();
  return {
    count: async (path, status = 200) => {
      const response = await fetch(url + path, { headers });
      const text = await response.text();
      if (response.status !== status) throw new Error(`${path}: ${response.status} ${text.slice(0, 200)}`);
      return text.split('\n').length - 1;
    },
    untilAnswered: async () => {
      for (let isAnswered = false; !isAnswered; ) {
        const response = await fetch(`${url}${list}&limit=2500`, { headers });
        await response.arrayBuffer();
        isAnswered = response.ok;
      }
    },
    stalled: () =>
      new Promise((resolve) => {
        opened((response) => {
          response.on('error', () => undefined).pause();
          resolve(() => response.destroy());
        });
      }),
    left: () =>
      new Promise((resolve) => {
        opened((response) =>
          response
            .on('error', () => undefined)
            .on('close', resolve)
            .destroy(),
        );
      }),
  };
}

async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  const sent = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } };
  const response = await fetch(url, { ...sent, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function slowest(times: number, work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  for (let i = 0; i < times; i++) most = Math.max(most, await timed(work));
  return most;
}

function residentMb(pid: number): number {
  const match = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1_024;
}
