// The processes of a proof: nodes that are killed, paused, ended and started again, each on its own port.
// Invariant: only processes that were started here are ever signalled, and none outlives the fleet.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { proofProgram, tenonProgram } from '../program.ts';

/** One server process, which keeps its port over restarts. */
export class QueueNode {
  readonly port: number;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #program = proofProgram();
  readonly #said: string[] = [];
  /** Told what it writes. */
  told: ((text: string) => void) | undefined;
  #child: ChildProcess | undefined;
  #aheadMs = 0;

  constructor(port: number, environment: Readonly<Record<string, string>>) {
    this.port = port;
    this.#environment = { ...environment, TENON_PORT: String(port) };
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Process id; 0 when it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How far its clock was ahead of ours when it began to listen, in milliseconds. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  /** What it wrote, the latest lines only. */
  get said(): string {
    return this.#said.join('').slice(-4_000);
  }

  /** Resolves when it takes requests; false when it was killed before. */
  async start(): Promise<boolean> {
    const child = spawn(process.execPath, [this.#program], {
      env: { PATH: process.env.PATH ?? '', ...this.#environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => this.#hear(chunk));
    child.stderr.on('data', (chunk: Buffer) => this.#hear(chunk));
    const time = await listening(child);
    if (time !== undefined) this.#aheadMs = time - Date.now();
    return time !== undefined;
  }

  /** As when the machine loses it: no code of the node runs any more. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** In order; tells the exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  /** It stands still and knows nothing of it, until `thaw`. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    this.#child = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, 'exit');
    child.kill(signal);
    const [code] = await ended;
    return code;
  }

  #hear(chunk: Buffer): void {
    this.#said.push(chunk.toString());
    this.told?.(chunk.toString());
    if (this.#said.length > 200) this.#said.shift();
  }
}

/** A process of `tenon work` beside the nodes. */
export interface WorkProcess {
  readonly pid: number;
  /** Kills it; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts one, with what the command takes. */
export function startWorker(
  environment: Readonly<Record<string, string>>,
  args: readonly string[],
): WorkProcess {
  const child = spawn(process.execPath, [tenonProgram(), 'work', ...args], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return {
    pid: child.pid ?? 0,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

// When it says that it listens, by its clock.
function listening(child: ChildProcess): Promise<number | undefined> {
  return new Promise((resolve) => {
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const time = /listening on \S+ at (\d+)\n/.exec(said)?.[1];
      if (time !== undefined) resolve(Number(time));
    });
    child.once('exit', () => resolve(undefined));
  });
}
