// How quickly 100,000 rows leave the server as JSON, NDJSON and CSV, against the driver's own cursor written
// down by hand, and how much memory the server takes for it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Place, streamPlaces } from '../places.ts';
import { cpuMs, type Started, start } from '../process.ts';
import { prepare, programOf } from '../scenario.ts';

const streamServer = fileURLToPath(new URL('../servers/stream.mjs', import.meta.url));
const rows = 100_000;
const forms = { json: 'application/json', ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;
const goal = { must: 0.6, stretch: 0.8, growthMb: 30 };

type Form = keyof typeof forms;

const names = Object.keys(forms) as Form[];

/** One answer of all rows. */
interface Taken {
  readonly ms: number;
  readonly cpuMs: number;
  readonly bytes: number;
  /** Most memory while it was under way, beyond that before it. */
  readonly growthMb: number;
  readonly peakMb: number;
}

/** One server with its requests. */
interface Side {
  readonly server: Started;
  readonly headers: Readonly<Record<string, string>>;
  readonly path: (form: Form) => string;
}

/** Measures every database that there is; prints and returns medians of `rounds` answers of each form. */
export async function measureStreams(rounds: number): Promise<unknown> {
  console.log(`\ndatabases-stream: ${rows} rows over HTTP, against the driver's own cursor`);
  const folder = mkdtempSync(join(tmpdir(), 'tenon-stream-'));
  const reports: unknown[] = [];
  try {
    for await (const place of streamPlaces({ folder, rows })) {
      const [ours, byHand] = [await tenon(place, folder), await reference(place)];
      for (const form of names) {
        reports.push(await compared(place, form, { ours, byHand, rounds }));
      }
      await Promise.all([ours.server.stop(), byHand.server.stop()]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { name: 'databases-stream', goal, reports };
}

async function tenon(place: Place, folder: string): Promise<Side> {
  const variant = { name: 'tenon', server: 'tenon' } as const;
  const server = await start(programOf(variant, join(folder, place.kind), ''));
  const headers = await prepare(server, variant, join(folder, 'stream.sqlite'));
  const { type } = place;
  const config = { ...place.config, max_records: 10 * rows };
  const service = { name: 'long', label: 'Long', type, is_active: true, config };
  const made = await fetch(`${server.url}/api/v2/system/service`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ resource: [service] }),
  });
  if (!made.ok) throw new Error(await made.text());
  const path = (limit: number) => () => `/api/v2/long/_table/event?order=id&limit=${limit}`;
  const side = { server, headers, path: path(rows) };
  for (const form of names) await take({ ...side, path: path(1_000) }, form);
  return side;
}

async function reference(place: Place): Promise<Side> {
  const server = await start({
    args: [streamServer],
    environment: { BENCH_STREAM: JSON.stringify({ kind: place.kind, ...place.login }) },
    ready: '/',
    portVariable: 'BENCH_PORT',
  });
  return { server, headers: {}, path: (form) => `/${form}` };
}

interface Sides {
  readonly ours: Side;
  readonly byHand: Side;
  readonly rounds: number;
}

async function compared(place: Place, form: Form, { ours, byHand, rounds }: Sides): Promise<unknown> {
  const taken = { ours: [] as Taken[], byHand: [] as Taken[] };
  const first = await take(ours, form);
  await take(byHand, form);
  for (let round = 0; round < rounds; round++) {
    taken.ours.push(await take(ours, form));
    taken.byHand.push(await take(byHand, form));
  }
  const [a, b] = [middle(taken.ours.map(({ ms }) => ms)), middle(taken.byHand.map(({ ms }) => ms))];
  const growthMb = Math.max(...[first, ...taken.ours].map((each) => each.growthMb));
  const peakMb = Math.max(...[first, ...taken.ours].map((each) => each.peakMb));
  const ratio = b / a;
  const cpu = (all: readonly Taken[]) => middle(all.map((each) => each.cpuMs));
  const cpuRatio = cpu(taken.ours) / cpu(taken.byHand);
  console.log(
    `  ${place.kind.padEnd(9)} ${form.padEnd(6)} tenon ${a.toFixed(0)} ms, by hand ${b.toFixed(0)} ms: ` +
      `× ${ratio.toFixed(2)} (must ${goal.must}, stretch ${goal.stretch}), CPU × ${cpuRatio.toFixed(2)}; ` +
      `${(first.bytes / 1e6).toFixed(1)} MB, memory + ${growthMb.toFixed(1)} MB (must ${goal.growthMb}), ` +
      `at most ${peakMb.toFixed(0)} MB`,
  );
  return { database: place.kind, form, ratio, cpuRatio, growthMb, peakMb, taken };
}

/** Reads one answer to its end and throws its text away, as a client would that writes it to a file. */
function take(side: Side, form: Form): Promise<Taken> {
  const { server, headers, path } = side;
  const { pid, url } = server;
  const [began, cpuBefore] = [performance.now(), cpuMs(pid)];
  const beforeMb = residentMb(pid);
  let peakMb = beforeMb;
  const timer = setInterval(() => (peakMb = Math.max(peakMb, residentMb(pid))), 5);
  return new Promise((resolve, reject) => {
    const asked = request(url + path(form), { headers: { ...headers, Accept: forms[form] } }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('error', reject);
      response.on('end', () => {
        clearInterval(timer);
        if (response.statusCode !== 200) reject(new Error(`${path(form)}: ${response.statusCode}`));
        const ms = performance.now() - began;
        resolve({ ms, cpuMs: cpuMs(pid) - cpuBefore, bytes, growthMb: peakMb - beforeMb, peakMb });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

function residentMb(pid: number): number {
  const match = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1_024;
}

function middle(values: readonly number[]): number {
  return [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)] ?? 0;
}
