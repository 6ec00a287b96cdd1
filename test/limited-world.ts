// A server with a table of 5,000 rows and an app whose role may read and write it, for tests of limits.
import { type ChildProcess, spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { tenonProgram } from './program.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from './server.ts';

const sql = `
  create table todo (id integer primary key, title text);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
    insert into todo select i, printf('%0400d', i) from n;`;

/** The server, and callers of it. */
export interface LimitedWorld {
  readonly server: TestServer;
  readonly roleId: number;
  readonly apiKey: string;
  /** Whoever comes with the key of the app alone. */
  app(path: string, ask?: Ask): Promise<Answer>;
  /** A user of the app who logged in. */
  user(path: string, ask?: Ask): Promise<Answer>;
  make(resource: string, record: object): Promise<{ readonly id: number; readonly api_key: string }>;
  close(): Promise<void>;
}

/** Starts it. */
export async function startLimitedWorld(environment: Record<string, string> = {}): Promise<LimitedWorld> {
  const server = await startTestServer(environment);
  await server.addDatabase('db', sql, { max_records: 10_000 });
  const make = async (resource: string, record: object) => {
    const body = { resource: [record] };
    const answer = await server.ask(`/api/v2/system/${resource}?fields=*`, { method: 'POST', body });
    if (answer.status !== 201) throw new Error(`${resource}: ${answer.text}`);
    return answer.body.resource[0];
  };
  const access = { service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 };
  const role = await make('role', { name: 'few', role_service_access_by_role_id: [access] });
  const app = await make('app', { name: 'web', role_id: role.id });
  const key = { 'X-DreamFactory-API-Key': app.api_key };
  const account = { email: 'ann@example.com', password: 'ann is here now' };
  await make('user', { ...account, name: 'Ann' });
  const login = await server.ask('/api/v2/user/session', { method: 'POST', anonymous: true, body: account });
  const token = { ...key, 'X-DreamFactory-Session-Token': String(login.body.session_token) };
  const as =
    (own: Record<string, string>) =>
    (path: string, ask: Ask = {}) =>
      server.ask(path, { ...ask, anonymous: true, headers: { ...own, ...ask.headers } });
  return {
    ...{ server, roleId: role.id, apiKey: app.api_key, make, close: () => server.close() },
    ...{ app: as(key), user: as(token) },
  };
}

/** The statuses of many requests of one caller at the same time, each to the next of these servers. */
export async function flood(
  urls: readonly string[],
  times: number,
  headers: Readonly<Record<string, string>>,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const one = (url: string) =>
    new Promise<number>((resolve, reject) => {
      const outgoing = request(`${url}/api/v2/db/_table/todo/1`, { agent, headers }, (incoming) => {
        incoming.resume().on('end', () => resolve(incoming.statusCode ?? 0));
      });
      outgoing.on('error', reject).end();
    });
  try {
    return await Promise.all(Array.from({ length: times }, (_, turn) => one(urls[turn % urls.length] ?? '')));
  } finally {
    agent.destroy();
  }
}

/** Another server process. */
export interface ServerProcess {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a server in a process of its own, over a data folder that others may use too. */
export async function startProcess(environment: Record<string, string>): Promise<ServerProcess> {
  const usual = { TENON_PORT: '0', TENON_LOG_LEVEL: 'silent', TENON_DRAIN_DELAY: '0' };
  const env = { PATH: process.env.PATH ?? '', ...usual, ...environment };
  const child = spawn(process.execPath, [tenonProgram(), 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { url: await listening(child), stop: () => ended(child) };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const url = /listening on (\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
