// Talks to a running server as its administrator. Invariant: every way in which that can fail ends in a
// CommandError that says what to do; passwords and tokens are never printed.
import { limits } from '../core/limits.ts';
import { CommandError } from './failure.ts';

/** How to reach a server and who to be there: a token, or an administrator's email and password. */
export interface ClientOptions {
  readonly server: string;
  readonly token?: string;
  readonly email?: string;
  readonly password?: string;
}

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** What the server wants to be known although it did what was asked. */
  readonly warning: string | undefined;
}

/** No server answers there; one may, later. */
export class UnreachableError extends CommandError {}

/** The server, or the data folder, did not do what it was asked. */
export class RefusedError extends CommandError {
  readonly status: number;
  /** The reason alone. */
  readonly reason: string;

  constructor({ status, reason, remedy }: { status: number; reason: string; remedy?: string | undefined }) {
    super(`The server refused (status ${status}): ${reason}`, remedy);
    this.status = status;
    this.reason = reason;
  }
}

const loginHelp =
  'Log in with --email and --password (TENON_ADMIN_EMAIL, TENON_ADMIN_PASSWORD), ' +
  'or give a session token with --token (TENON_TOKEN).';

/** An administrator's connection to a server. */
export class Client {
  readonly #base: string;
  readonly #token: string;

  private constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  /** Logs in where no token is given. */
  static async connect(options: ClientOptions): Promise<Client> {
    const base = baseOf(options.server);
    if (options.token !== undefined) return new Client(base, options.token);
    if (options.email === undefined || options.password === undefined) {
      throw new CommandError('No one to log in as.', loginHelp);
    }
    const credentials = { email: options.email, password: options.password };
    const answer = await send(base, 'system/admin/session', { method: 'POST', body: credentials });
    const token = (answer.body as { session_token?: unknown } | null)?.session_token;
    if (answer.status === 200 && typeof token === 'string') return new Client(base, token);
    throw refusal(answer);
  }

  /** Asks below `/api/v2/`; anything but a success is thrown as CommandError. */
  async ask(path: string, call: { readonly method?: string; readonly body?: unknown } = {}): Promise<Answer> {
    const answer = await send(this.#base, path, { ...call, token: this.#token });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw refusal(answer);
  }

  /** Posts content of any type; the content of the answer, whatever it is. */
  async exchange(path: string, { content, type, headers }: Content): Promise<Uint8Array> {
    const own = { 'content-type': type, 'x-dreamfactory-session-token': this.#token };
    const url = `${this.#base}/api/v2/${path}`;
    const request = { method: 'POST', headers: { ...headers, ...own }, body: Buffer.from(content) };
    const response = await reached(this.#base, () => fetch(url, { ...request, signal: inTime() }));
    const answer = Buffer.from(await response.arrayBuffer());
    if (response.ok) return answer;
    throw refusal({ status: response.status, body: parsed(answer.toString('utf8')), warning: undefined });
  }
}

/** Content of any type. */
interface Content {
  readonly content: Uint8Array;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
}

function baseOf(server: string): string {
  if (/^https?:\/\//.test(server) && URL.canParse(server)) return server.replace(/\/+$/, '');
  throw new CommandError(`'${server}' is no address of a server.`, 'Write it like http://127.0.0.1:8080.');
}

interface Sending {
  readonly method?: string;
  readonly body?: unknown;
  readonly token?: string;
}

async function send(base: string, path: string, { method = 'GET', body, token }: Sending): Promise<Answer> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (token !== undefined) headers['x-dreamfactory-session-token'] = token;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  return reached(base, async () => {
    const response = await fetch(`${base}/api/v2/${path}`, { method, headers, signal: inTime(), ...text });
    const warning = response.headers.get('x-tenon-warning') ?? undefined;
    return { status: response.status, body: parsed(await response.text()), warning };
  });
}

function inTime(): AbortSignal {
  return AbortSignal.timeout(limits.commandTimeoutMs);
}

async function reached<T>(base: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new UnreachableError(
      `No server answers at ${base}${causeOf(error)}.`,
      'Start one with `tenon serve`, or name another with --server (TENON_SERVER).',
    );
  }
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (error instanceof Error && error.name === 'TimeoutError') return ' in time';
  return cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refusal({ status, body }: Answer): CommandError {
  const error = (body as { error?: { message?: unknown } } | null)?.error;
  const said = typeof error?.message === 'string' ? error.message : undefined;
  if (said === undefined) {
    return new CommandError(
      `The answer (status ${status}) is not one of Tenon's.`,
      'Is --server the right address?',
    );
  }
  return new RefusedError({ status, reason: said, remedy: status === 401 ? loginHelp : undefined });
}
