// A real server for tests: own data folder, own port, an administrator logged in; everything goes over HTTP.
// Invariant: nothing of a test's server outlives it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { readConfig } from '../src/config.ts';
import type { Observation } from '../src/core/observe.ts';
import { startServer } from '../src/main.ts';

const adminEmail = 'admin@example.com';
const adminPassword = 'correct horse battery';

/** What a test asks over HTTP. A body that is text is sent as is, anything else as JSON. */
export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Without: as the administrator. */
  readonly anonymous?: boolean;
}

/** What came back; `body` is parsed where it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** A running server with a client. */
export interface TestServer {
  readonly url: string;
  readonly home: string;
  readonly token: string;
  /** Everything observed since the last `observations.length = 0`. */
  readonly observations: Observation[];
  ask(path: string, ask?: Ask): Promise<Answer>;
  /** Makes a SQLite file from SQL text and a service over it. */
  addDatabase(service: string, sql: string, config?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

/** The SQL of a golden fixture: `script` or `transcripts`. */
export function fixtureSql(name: 'script' | 'transcripts'): string {
  return readFileSync(new URL(`./golden/${name}-fixture.sqlite.sql`, import.meta.url), 'utf8');
}

/** Starts one. `environment` adds to the configuration. */
export async function startTestServer(environment: Record<string, string> = {}): Promise<TestServer> {
  const home = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  const observations: Observation[] = [];
  const config = readConfig({
    TENON_HOME: home,
    TENON_PORT: '0',
    TENON_LOG_LEVEL: 'silent',
    TENON_ADMIN_EMAIL: adminEmail,
    TENON_ADMIN_PASSWORD: adminPassword,
    ...environment,
  });
  const server = await startServer({ config, observe: (observation) => observations.push(observation) });
  const ask = client(server.url);
  const logIn = async () => {
    const body = { email: adminEmail, password: adminPassword };
    const login = await ask('/api/v2/system/admin/session', { method: 'POST', body });
    if (login.status !== 200) throw new Error(`login failed: ${login.text}`);
    return login.body;
  };
  const first = await logIn();
  const named = { name: 'Ada Admin', first_name: 'Ada', last_name: 'Admin' };
  const rename = withToken({ method: 'PATCH', body: named }, first.session_token);
  await ask(`/api/v2/system/admin/${first.id}`, rename);
  // A session knows its user for a second; a new one knows the new name.
  const token: string = (await logIn()).session_token;
  const asAdmin = (path: string, given: Ask = {}) =>
    ask(path, given.anonymous ? given : withToken(given, token));
  return {
    url: server.url,
    home,
    token,
    observations,
    ask: asAdmin,
    addDatabase: async (service, sql, settings = {}) => {
      const file = join(home, `${service}-${Math.random().toString(36).slice(2)}.sqlite`);
      const database = new Database(file);
      database.exec(sql);
      database.close();
      const answer = await asAdmin('/api/v2/system/service', {
        method: 'POST',
        body: {
          resource: [
            {
              name: service,
              label: service,
              type: 'sqlite',
              is_active: true,
              config: { database: file, ...settings },
            },
          ],
        },
      });
      if (answer.status !== 201) throw new Error(`service not created: ${answer.text}`);
      return file;
    },
    close: async () => {
      await server.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function withToken(given: Ask, token: string): Ask {
  return { ...given, headers: { 'X-DreamFactory-Session-Token': token, ...given.headers } };
}

// node:http instead of fetch, which adds headers of its own that scripts would see.
function client(url: string): (path: string, ask?: Ask) => Promise<Answer> {
  return async (path, { method = 'GET', headers = {}, body } = {}) => {
    const text = body === undefined || typeof body === 'string' ? body : pythonJson(body);
    const sent = new Headers({ accept: 'application/json', 'user-agent': 'tests/1.0' });
    if (body !== undefined && typeof body !== 'string') sent.set('content-type', 'application/json');
    for (const [name, value] of Object.entries(headers)) sent.set(name, value);
    if (text !== undefined) sent.set('content-length', String(Buffer.byteLength(text)));
    const { status, headers: received, content } = await exchange({ url: url + path, method, sent, text });
    return { status, headers: received, text: content, body: parsed(content, received) };
  };
}

interface Exchange {
  readonly url: string;
  readonly method: string;
  readonly sent: Headers;
  readonly text: string | undefined;
}

function exchange({ url, method, sent, text }: Exchange) {
  return new Promise<{ status: number; headers: Headers; content: string }>((done, fail) => {
    const outgoing = request(url, { method, headers: Object.fromEntries(sent), agent: false }, (incoming) => {
      const received = new Headers();
      for (const [name, value] of Object.entries(incoming.headers)) received.set(name, String(value));
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', fail);
      incoming.on('end', () =>
        done({
          status: incoming.statusCode ?? 0,
          headers: received,
          content: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on('error', fail);
    outgoing.removeHeader('connection');
    outgoing.end(text);
  });
}

function parsed(text: string, headers: Headers): unknown {
  if (!/json/.test(headers.get('content-type') ?? '')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** JSON as the golden records sent it: `, ` and `: ` as separators, non-ASCII characters as escapes. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([name, member]) => `${pythonJson(name)}: ${pythonJson(member)}`).join(', ')}}`;
  }
  return (JSON.stringify(value) ?? 'null').replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
