// What runners cost beside the requests: a call from a script against the same call over loopback HTTP, the
// first event after an endless script, and memory, for every language that is there.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeDatabase } from '../data.ts';
import { cpuMs, pssMb, type Started, start } from '../process.ts';
import { prepare, programOf } from '../scenario.ts';

const client = fileURLToPath(new URL('../clients/keep-alive.mjs', import.meta.url));
const row = '/api/v2/bench/_table/employees/10777';
const limitMs = 300;
// One run makes many, as the client over HTTP does on its one connection.
const innerCalls = 500;
const requests = 40;

interface Language {
  readonly name: string;
  readonly type: string;
  readonly endless: string;
  readonly calls: string;
  /** What the command line of its runners holds. */
  readonly command: RegExp;
  readonly memoryGoal: string;
}

const languages: readonly Language[] = [
  {
    name: 'node',
    type: 'v8js',
    endless: 'while (true);',
    calls: `for (var i = 0; i < ${innerCalls}; i++) platform.api.get('bench/_table/employees/10777');`,
    command: /node\/host\./,
    memoryGoal: 'must 25, stretch 16',
  },
  {
    name: 'python',
    type: 'python3',
    endless: 'while True: pass',
    calls: `for i in range(${innerCalls}): platform.api.get('bench/_table/employees/10777')`,
    command: /python\/host\./,
    memoryGoal: 'must 12, stretch 8',
  },
  {
    name: 'php',
    type: 'php',
    endless: 'while (true);',
    calls:
      `$get = $platform['api']->get; ` +
      `for ($i = 0; $i < ${innerCalls}; $i++) $get('bench/_table/employees/10777');`,
    command: /php\/host\./,
    memoryGoal: 'must 16, stretch 8',
  },
];

/** Measures all of it, prints it and returns it. */
export async function measureRunners(rounds: number): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-runners-'));
  const database = join(folder, 'bench.sqlite');
  makeDatabase(database);
  const variant = { name: 'tenon', server: 'tenon' } as const;
  const server = await start(programOf(variant, folder, database));
  try {
    const headers = await prepare(server, variant, database);
    const desk = new Desk(server, headers);
    const loopback = await loopbackUs(desk);
    console.log('\nrunners: what scripts cost beside the requests that they are bound to');
    console.log(`  the call over loopback HTTP: ${loopback.toFixed(0)} µs CPU of both sides`);
    const measured: Record<string, unknown> = { loopback };
    for (const language of languages)
      measured[language.name] = await told(language, { desk, rounds, loopback });
    return { name: 'runners', measured };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Around {
  readonly desk: Desk;
  readonly rounds: number;
  readonly loopback: number;
}

async function told(language: Language, { desk, rounds, loopback }: Around): Promise<unknown> {
  const late = await afterEndless(desk, language, rounds * 4);
  const memory = desk.runnerMb(language.command);
  const inner = await innerCallUs(desk, language);
  const ratio = `× ${(loopback / inner).toFixed(1)} cheaper (must 3, stretch 4)`;
  console.log(`  ${language.name.padEnd(7)} a call from a script: ${inner.toFixed(0)} µs CPU, ${ratio}`);
  console.log(`          an event when an endless script's time is up: answered after ${late.toFixed(1)} ms`);
  console.log(
    `          (must 20, stretch 5); a warm runner: ${memory.toFixed(1)} MB (${language.memoryGoal})`,
  );
  return { inner, late, memory };
}

/** A server under measurement and the rights to ask it. */
class Desk {
  readonly server: Started;
  readonly token: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(server: Started, headers: Readonly<Record<string, string>>) {
    this.server = server;
    this.#headers = headers;
    this.token = headers['X-DreamFactory-Session-Token'] ?? '';
  }

  async ask(path: string, method = 'GET', body?: unknown): Promise<number> {
    const response = await fetch(this.server.url + path, {
      method,
      headers: { 'content-type': 'application/json', ...this.#headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await response.arrayBuffer();
    return response.status;
  }

  async bind(event: string, type: string, content: string): Promise<void> {
    const config = { timeout_ms: content.includes(String(innerCalls)) ? 20_000 : limitMs };
    const script = { name: event, type, content, config, is_active: true };
    const status = await this.ask(`/api/v2/system/event_script/${encodeURIComponent(event)}`, 'POST', script);
    if (status > 201) throw new Error(`${event} was not stored: ${status}`);
  }

  async unbind(event: string): Promise<void> {
    await this.ask(`/api/v2/system/event_script/${encodeURIComponent(event)}`, 'DELETE');
  }

  /** Proportional memory of the smallest runner of a language that has run something. */
  runnerMb(command: RegExp): number {
    const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && isRunner(entry, command));
    return Math.min(...pids.map((pid) => pssMb(Number(pid))));
  }
}

function isRunner(pid: string, command: RegExp): boolean {
  try {
    return command.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
  } catch {
    return false;
  }
}

async function loopbackUs({ server, token }: Desk): Promise<number> {
  const count = 4_000;
  const before = cpuMs(server.pid);
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [client, server.url + row, token, String(count)]);
  return ((cpuMs(server.pid) - before) * 1_000) / (count + 200) + Number(stdout);
}

// CPU of the server and its runners with the calls, less that of the same script without.
async function innerCallUs(desk: Desk, language: Language): Promise<number> {
  const event = 'bench._table.employees.get.post_process';
  const cost = async (content: string) => {
    await desk.bind(event, language.type, content);
    for (let i = 0; i < 20; i++) await desk.ask('/api/v2/bench/_table/employees?limit=1');
    const before = cpuMs(desk.server.pid);
    for (let i = 0; i < requests; i++) await desk.ask('/api/v2/bench/_table/employees?limit=1');
    const used = cpuMs(desk.server.pid) - before;
    await desk.unbind(event);
    return used;
  };
  const without = await cost(language.calls.replace(String(innerCalls), '0'));
  return (((await cost(language.calls)) - without) * 1_000) / (requests * innerCalls);
}

async function afterEndless(desk: Desk, language: Language, rounds: number): Promise<number> {
  const [endless, quick] = ['bench._table.notes.get.pre_process', 'bench._table.employees.get.pre_process'];
  await desk.bind(endless, language.type, language.endless);
  await desk.bind(quick, language.type, language.calls.replace(String(innerCalls), '0'));
  const late: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await desk.ask('/api/v2/bench/_table/employees?limit=1');
    const looping = desk.ask('/api/v2/bench/_table/notes?limit=1');
    await new Promise((done) => setTimeout(done, limitMs));
    const began = performance.now();
    await desk.ask('/api/v2/bench/_table/employees?limit=1');
    late.push(performance.now() - began);
    await looping;
  }
  await desk.unbind(endless);
  await desk.unbind(quick);
  return late.sort((a, b) => a - b)[Math.floor(late.length / 2)] ?? 0;
}
