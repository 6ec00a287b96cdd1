// A speed question: two variants, one request, rounds in alternating order, medians of what was measured.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { makeDatabase } from './data.ts';
import { cpuMs, type Program, type Started, start } from './process.ts';

/** One side of a comparison. */
export interface Variant {
  readonly name: string;
  readonly server: 'reference' | 'tenon';
  readonly environment?: Readonly<Record<string, string>>;
  readonly scripts?: readonly { event: string; content: string }[];
}

/** A question with its two sides. */
export interface Scenario {
  readonly name: string;
  readonly question: string;
  readonly a: Variant;
  readonly b: Variant;
  readonly path: Readonly<Record<Variant['server'], string>>;
  readonly request?: { readonly method: 'POST'; readonly body: unknown };
  /** Of requests/s of `a` to those of `b`. */
  readonly goal?: { readonly must: number; readonly stretch: number };
}

/** How long and how hard. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

/** One measurement of one side. */
export interface Sample {
  readonly requestsPerSecond: number;
  readonly cpuMicrosecondsPerRequest: number;
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
}

const email = 'bench@example.com';
const password = 'a password for benchmarks';
const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const referenceServer = fileURLToPath(new URL('./servers/reference.mjs', import.meta.url));

/** Measures both sides of a question: every round in fresh processes, the order reversed each time. */
export async function measure(scenario: Scenario, effort: Effort): Promise<{ a: Sample[]; b: Sample[] }> {
  const samples = { a: [] as Sample[], b: [] as Sample[] };
  for (let round = 0; round < effort.rounds; round++) {
    const sides = round % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const);
    for (const side of sides) samples[side].push(await once(scenario, scenario[side], effort));
  }
  return samples;
}

async function once(scenario: Scenario, variant: Variant, effort: Effort): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-bench-'));
  const database = join(folder, 'bench.sqlite');
  makeDatabase(database);
  const server = await start(programOf(variant, folder, database));
  try {
    const headers = variant.server === 'tenon' ? await prepare(server, variant, database) : {};
    return await load(server, { scenario, variant, headers, effort });
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What starts a variant. */
export function programOf(variant: Variant, folder: string, database: string): Program {
  if (variant.server === 'reference') {
    return {
      args: [referenceServer],
      environment: { BENCH_DATABASE: database, ...variant.environment },
      ready: '/employees/10001',
      portVariable: 'BENCH_PORT',
    };
  }
  return {
    args: [cli, 'serve'],
    environment: {
      TENON_HOME: join(folder, 'home'),
      TENON_ADMIN_EMAIL: email,
      TENON_ADMIN_PASSWORD: password,
      TENON_LOG_LEVEL: 'warn',
      ...variant.environment,
    },
    ready: '/status',
    portVariable: 'TENON_PORT',
  };
}

async function prepare(server: Started, variant: Variant, database: string): Promise<Record<string, string>> {
  const call = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const session = await call('/api/v2/system/admin/session', { email, password });
  const headers = { 'X-DreamFactory-Session-Token': String(session.session_token) };
  const service = { name: 'bench', label: 'Bench', type: 'sqlite', is_active: true, config: { database } };
  await call('/api/v2/system/service', { resource: [service] }, headers);
  for (const { event, content } of variant.scripts ?? []) {
    const script = { name: event, type: 'nodejs', content, is_active: true, allow_event_modification: true };
    await call(`/api/v2/system/event_script/${encodeURIComponent(event)}`, script, headers);
  }
  return headers;
}

interface Load {
  readonly scenario: Scenario;
  readonly variant: Variant;
  readonly headers: Readonly<Record<string, string>>;
  readonly effort: Effort;
}

async function load(server: Started, { scenario, variant, headers, effort }: Load): Promise<Sample> {
  const request = {
    url: server.url + scenario.path[variant.server],
    connections: effort.connections,
    method: scenario.request?.method ?? ('GET' as const),
    headers: {
      ...headers,
      ...(scenario.request === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(scenario.request === undefined ? {} : { body: JSON.stringify(scenario.request.body) }),
  };
  await autocannon({ ...request, duration: 1 });
  const cpuBefore = cpuMs(server.pid);
  const result = await autocannon({ ...request, duration: effort.seconds });
  const cpu = cpuMs(server.pid) - cpuBefore;
  const answered = result['2xx'];
  if (answered === 0 || result.non2xx > 0 || result.errors > 0) {
    throw new Error(
      `${variant.name}: ${answered} answers, ${result.non2xx} refused, ${result.errors} errors`,
    );
  }
  return {
    requestsPerSecond: answered / result.duration,
    cpuMicrosecondsPerRequest: (cpu * 1_000) / answered,
    latencyP50Ms: result.latency.p50,
    latencyP99Ms: result.latency.p99,
  };
}
