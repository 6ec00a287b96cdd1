// A server of its own process in which everything that is secret is a canary: a text that must not come out
// anywhere. Invariant: nothing of the process outlives the world, and all it ever wrote is kept.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tenonProgram } from '../program.ts';

/** What came back over HTTP. */
export interface Reply {
  readonly status: number;
  /** Headers and body in one, to be searched. */
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** Who asks: the headers that he sends. */
export type Caller = Readonly<Record<string, string>>;

/** The secrets by what they are. */
export type Canaries = Map<string, string>;

const email = 'admin@example.com';

/** A server in a process of its own, and what it says. */
export class CanaryWorld {
  readonly canaries: Canaries = new Map();
  readonly home = mkdtempSync(join(tmpdir(), 'tenon-canaries-'));
  /** Everything that the server wrote to its output. */
  output = '';
  url = '';
  #child: ChildProcess | undefined;

  /** A new secret. */
  canary(name: string): string {
    const value = `Canary-${name.replace(/\W/g, '')}-${randomBytes(9).toString('hex')}`;
    this.canaries.set(name, value);
    return value;
  }

  /** Starts the server; resolves once it listens. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [tenonProgram(), 'serve', '--port', '0'], {
      env: {
        ...{ PATH: process.env.PATH, TENON_HOME: this.home, TENON_LOG_LEVEL: 'trace' },
        ...{ TENON_ADMIN_EMAIL: email, TENON_ADMIN_PASSWORD: this.canary('password of the administrator') },
        ...{ TENON_SCRIPT_ENV: 'OPEN_VARIABLE', OPEN_VARIABLE: 'visible', TENON_RUN_SAMPLE: '1' },
        HIDDEN_VARIABLE: this.canary('variable of the server'),
      },
    });
    this.#child = child;
    const keep = (chunk: Buffer) => {
      this.output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    await new Promise<void>((done, fail) => {
      child.once('exit', () => fail(new Error(`the server ended: ${this.output}`)));
      child.stdout.on('data', () => {
        const [, url] = /is listening on (http:\/\/\S+)\n/.exec(this.output) ?? [];
        if (url === undefined) return;
        this.url = url;
        done();
      });
    });
    this.canaries.set('master key', readFileSync(join(this.home, 'master.key'), 'utf8').trim());
  }

  /** Ends the server; what it had still to write is written then. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once('close', done));
    child.kill('SIGTERM');
    await ended;
  }

  /** Takes everything away. */
  async close(): Promise<void> {
    await this.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  async ask(path: string, { caller = {}, method = 'GET', body }: Asked = {}): Promise<Reply> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await fetch(`${this.url}/${path}`, {
      method,
      headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...caller },
      ...(text === undefined ? {} : { body: text }),
    });
    const content = await answer.text();
    const headers = [...answer.headers].map((each) => each.join(': ')).join('\n');
    return { status: answer.status, text: `${headers}\n${content}`, body: parsed(content) };
  }

  /** Makes a record as the administrator and returns it. */
  async make(caller: Caller, resource: string, record: Record<string, unknown>) {
    const path = `api/v2/system/${resource}?fields=*&related=*`;
    const { status, text, body } = await this.ask(path, {
      caller,
      method: 'POST',
      body: { resource: [record] },
    });
    if (status !== 201) throw new Error(`POST ${resource}: ${text}`);
    return body.resource[0];
  }

  /** Somebody who has logged in; his token is a secret as well. */
  async logIn(path: string, account: { email: string; password: string }, key: Caller = {}): Promise<Caller> {
    const { body, text } = await this.ask(`api/v2/${path}`, { method: 'POST', body: account, caller: key });
    if (typeof body.session_token !== 'string') throw new Error(`no session: ${text}`);
    this.canaries.set(`token of ${account.email}`, body.session_token);
    return { ...key, 'X-DreamFactory-Session-Token': body.session_token };
  }

  administrator(): Promise<Caller> {
    const password = this.canaries.get('password of the administrator') ?? '';
    return this.logIn('system/admin/session', { email, password });
  }

  /** Command line and environment of the server's children, theirs, and so on. */
  children(): readonly { pid: number; cmdline: string; environ: string }[] {
    const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const parents = new Map(all.map((pid) => [Number(pid), parentOf(pid)]));
    const isBelow = (pid: number): boolean => {
      const parent = parents.get(pid);
      return parent !== undefined && (parent === this.#child?.pid || isBelow(parent));
    };
    return [...parents.keys()].filter(isBelow).map((pid) => ({ pid, ...process_(pid) }));
  }

  /** The command line of the server itself. */
  commandLine(): string {
    return process_(this.#child?.pid ?? 0).cmdline;
  }

  /** Names of the secrets that a text gives away. */
  found(text: string, except: readonly string[] = []): string[] {
    const hits = [...this.canaries].filter(([name, value]) => !except.includes(name) && shows(text, value));
    return hits.map(([name]) => name);
  }
}

interface Asked {
  readonly caller?: Caller;
  readonly method?: string;
  readonly body?: unknown;
}

// Also as they stand in JSON, in a URL, and in base64.
function shows(text: string, secret: string): boolean {
  const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').slice(0, -4)];
  return forms.some((form) => text.includes(form));
}

function parentOf(pid: string): number | undefined {
  const [, parent] = /\) \S (\d+) /.exec(fileOf(`/proc/${pid}/stat`)) ?? [];
  return parent === undefined ? undefined : Number(parent);
}

function process_(pid: number): { cmdline: string; environ: string } {
  return { cmdline: fileOf(`/proc/${pid}/cmdline`), environ: fileOf(`/proc/${pid}/environ`) };
}

// A process may end while it is looked at.
function fileOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
