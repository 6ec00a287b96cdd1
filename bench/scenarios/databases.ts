// The speed questions about database servers: one row, a page and a write on PostgreSQL and MariaDB against a
// hand-written handler on the same driver, and whether a million rows cost more than ten thousand.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { putLoad } from '../load.ts';
import { employeePlaces, type Place } from '../places.ts';
import { cpuMs, type Started, start } from '../process.ts';
import { type Effort, prepare, programOf, type Sample } from '../scenario.ts';

const byHand = fileURLToPath(new URL('../servers/database.mjs', import.meta.url));

/** A question asked of two servers over the same database. */
interface Question {
  readonly name: string;
  readonly tenon: string;
  readonly reference: string;
  readonly body?: unknown;
  readonly goal?: { readonly must: number; readonly stretch: number };
}

const questions: readonly Question[] = [
  {
    name: 'one row',
    tenon: '_table/employees/10777',
    reference: '/employees/10777',
    goal: { must: 0.7, stretch: 0.85 },
  },
  {
    name: '100 rows',
    tenon: '_table/employees?filter=gender%3DM&order=emp_no&limit=100',
    reference: '/employees?gender=M',
    goal: { must: 0.85, stretch: 1 },
  },
  {
    name: 'one write',
    tenon: '_table/notes',
    reference: '/notes',
    body: { resource: [{ title: 'a note to keep', priority: 3 }] },
  },
];

/** One server under load. */
interface Side {
  readonly server: Started;
  readonly headers: Readonly<Record<string, string>>;
}

/** Asks every question of every database server that there is; prints and returns the samples. */
export async function measureDatabases(effort: Effort): Promise<unknown> {
  console.log('\ndatabases: against a hand-written handler on the same driver');
  const reports: unknown[] = [];
  await withPlaces([10_000], async (place, folder) => {
    if (place.kind === 'sqlite') return;
    const [ours, theirs] = [await tenon(place, folder), await reference(place)];
    for (const question of questions) {
      reports.push(await compared(question, { place, ours, theirs, effort }));
    }
    await Promise.all([ours.server.stop(), theirs.server.stop()]);
  });
  return { name: 'databases', reports };
}

/** Whether reading by key costs the same with 10,000 and with a million rows. */
export async function measureGrowth(effort: Effort): Promise<unknown> {
  console.log('\ndatabases-growth: one row by its key, of a million rows against 10,000');
  const found = new Map<string, Map<number, Sample[]>>();
  for (const rows of [10_000, 1_000_000]) {
    await withPlaces([rows], async (place, folder) => {
      const side = await tenon(place, folder);
      const question = questions[0];
      const samples: Sample[] = [];
      for (let round = 0; question !== undefined && round < effort.rounds; round++) {
        samples.push(await load(side, ofTenon(question), { question, effort }));
      }
      const known = found.get(place.kind) ?? new Map<number, Sample[]>();
      found.set(place.kind, known.set(rows, samples));
      await side.server.stop();
    });
  }
  const reports = [...found].map(([kind, samples]) => {
    const [small = [], large = []] = [...samples.values()];
    const ratio = middle(large, rate) / middle(small, rate);
    console.log(`  ${kind.padEnd(9)} × ${ratio.toFixed(2)} (1 is constant)`);
    return { database: kind, ratio, small, large };
  });
  return { name: 'databases-growth', reports };
}

async function withPlaces(
  [rows = 0]: readonly number[],
  work: (place: Place, folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-databases-'));
  try {
    for await (const place of employeePlaces({ folder, rows })) await work(place, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function tenon(place: Place, folder: string): Promise<Side> {
  const variant = { name: 'tenon', server: 'tenon' } as const;
  const server = await start(programOf(variant, join(folder, place.kind), ''));
  const headers = await prepare(server, variant, join(folder, 'employees.sqlite'));
  const { type, config } = place;
  const made = await fetch(`${server.url}/api/v2/system/service`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ resource: [{ name: 'hr', label: 'HR', type, is_active: true, config }] }),
  });
  if (!made.ok) throw new Error(await made.text());
  return { server, headers };
}

async function reference(place: Place): Promise<Side> {
  const server = await start({
    args: [byHand],
    environment: { BENCH_LOGIN: JSON.stringify({ kind: place.kind, ...place.login }) },
    ready: '/',
    portVariable: 'BENCH_PORT',
  });
  return { server, headers: {} };
}

interface Comparison {
  readonly place: Place;
  readonly ours: Side;
  readonly theirs: Side;
  readonly effort: Effort;
}

async function compared(question: Question, { place, ours, theirs, effort }: Comparison): Promise<unknown> {
  const samples = { tenon: [] as Sample[], byHand: [] as Sample[] };
  const ask = { question, effort };
  for (let round = 0; round < effort.rounds; round++) {
    const turns = [
      async () => samples.tenon.push(await load(ours, ofTenon(question), ask)),
      async () => samples.byHand.push(await load(theirs, question.reference, ask)),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
  }
  const ratio = middle(samples.tenon, rate) / middle(samples.byHand, rate);
  const cpu = (side: readonly Sample[]) => middle(side, (sample) => sample.cpuMicrosecondsPerRequest);
  const { must, stretch } = question.goal ?? {};
  console.log(
    `  ${place.kind.padEnd(9)} ${question.name.padEnd(9)} ` +
      `tenon ${middle(samples.tenon, rate).toFixed(0)}/s ` +
      `(${cpu(samples.tenon).toFixed(0)} µs CPU), by hand ${middle(samples.byHand, rate).toFixed(0)}/s ` +
      `(${cpu(samples.byHand).toFixed(0)} µs): × ${ratio.toFixed(2)}` +
      (must === undefined ? '' : ` (must ${must}, stretch ${stretch})`),
  );
  return { database: place.kind, question: question.name, ratio, goal: question.goal ?? null, samples };
}

interface Asking {
  readonly question: Question;
  readonly effort: Effort;
}

async function load({ server, headers }: Side, path: string, asking: Asking): Promise<Sample> {
  const { question, effort } = asking;
  const { body } = question;
  const request = {
    url: server.url + path,
    method: body === undefined ? ('GET' as const) : ('POST' as const),
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    connections: effort.connections,
  };
  await putLoad({ ...request, seconds: 1 });
  const cpuBefore = cpuMs(server.pid);
  const result = await putLoad({ ...request, seconds: effort.seconds });
  const cpu = cpuMs(server.pid) - cpuBefore;
  const { requests: answered, refused, latencyP50Ms, latencyP99Ms } = result;
  if (answered === 0 || refused > 0) throw new Error(`${path}: ${answered} answers, ${refused} refused`);
  return {
    requestsPerSecond: answered / result.seconds,
    cpuMicrosecondsPerRequest: (cpu * 1_000) / answered,
    latencyP50Ms,
    latencyP99Ms,
  };
}

function ofTenon({ tenon: path }: Question): string {
  return `/api/v2/hr/${path}`;
}

function rate({ requestsPerSecond }: Sample): number {
  return requestsPerSecond;
}

function middle(samples: readonly Sample[], of: (sample: Sample) => number): number {
  return samples.map(of).sort((x, y) => x - y)[Math.floor(samples.length / 2)] ?? 0;
}
