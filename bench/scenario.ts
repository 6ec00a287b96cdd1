// A speed question: two variants, one request, rounds in alternating order, medians of what was measured.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDatabase } from './data.ts';
import { putLoad } from './load.ts';
import { cpuMs, type Program, type Started, start } from './process.ts';

/** One side of a comparison. */
export interface Variant {
  readonly name: string;
  readonly server: 'reference' | 'tenon';
  readonly environment?: Readonly<Record<string, string>>;
  /** Event scripts; in JavaScript unless they say another type. */
  readonly scripts?: readonly { event: string; content: string; type?: string }[];
  /** Scripted services. */
  readonly services?: readonly { name: string; type: string; content: string; queued?: boolean }[];
  /**
   * Limits in force; then its requests come with the key of an app, because administrators are not limited.
   */
  readonly limits?: readonly Readonly<Record<string, unknown>>[];
  /** Other than the run's, e.g. where each request starts a process. */
  readonly connections?: number;
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

/** Logs in and configures a server for a variant; the headers of its administrator. */
export async function prepare(
  server: Started,
  variant: Variant,
  database: string,
): Promise<Record<string, string>> {
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
  const scripted = (variant.services ?? []).map(({ name, type, content, queued = false }) => {
    return { name, label: name, type, is_active: true, config: { content, queued } };
  });
  await call('/api/v2/system/service', { resource: [service, ...scripted] }, headers);
  for (const { event, content, type = 'nodejs' } of variant.scripts ?? []) {
    const script = { name: event, type, content, is_active: true, allow_event_modification: true };
    await call(`/api/v2/system/event_script/${encodeURIComponent(event)}`, script, headers);
  }
  if (variant.limits === undefined) return headers;
  const make = (resource: string, record: unknown) =>
    call(`/api/v2/system/${resource}?fields=*`, { resource: [record] }, headers).then((answer) => {
      const [made] = answer.resource as { id: number; api_key: string }[];
      if (made === undefined) throw new Error(`no ${resource} was made`);
      return made;
    });
  const access = { service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 };
  const role = await make('role', { name: 'bench', role_service_access_by_role_id: [access] });
  for (const limit of variant.limits) await make('limit', limit);
  const app = await make('app', { name: 'bench', role_id: role.id });
  return { 'X-DreamFactory-API-Key': app.api_key };
}

interface Load {
  readonly scenario: Scenario;
  readonly variant: Variant;
  readonly headers: Readonly<Record<string, string>>;
  readonly effort: Effort;
}

async function load(server: Started, { scenario, variant, headers, effort }: Load): Promise<Sample> {
  const { body, method = 'GET' as const } = scenario.request ?? {};
  const request = {
    url: server.url + scenario.path[variant.server],
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    connections: variant.connections ?? effort.connections,
  };
  await putLoad({ ...request, seconds: 1 });
  const cpuBefore = cpuMs(server.pid);
  const result = await putLoad({ ...request, seconds: effort.seconds });
  const cpu = cpuMs(server.pid) - cpuBefore;
  const { requests: answered, refused, latencyP50Ms, latencyP99Ms } = result;
  if (answered === 0 || refused > 0) {
    throw new Error(`${variant.name}: ${answered} answers, ${refused} refused or failed`);
  }
  return {
    requestsPerSecond: answered / result.seconds,
    cpuMicrosecondsPerRequest: (cpu * 1_000) / answered,
    latencyP50Ms,
    latencyP99Ms,
  };
}
