// A balancer before the nodes of a proof: HAProxy, which asks each node whether it wants requests.
// Invariant: it does what people have it do in life; nothing here repeats a request that a node has taken.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './queue-fleet.ts';

const program = 'haproxy';
const patienceMs = 10_000;

/** Whether there is one; in CI there must be. */
export function canBalance(): boolean {
  try {
    execFileSync(program, ['-v'], { stdio: 'ignore', env: withPath() });
    return true;
  } catch {
    if (process.env.CI) return true;
    console.warn('SKIPPED: nodes behind a balancer: haproxy is not installed');
    return false;
  }
}

/** A running balancer. */
export class Balancer {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(parts: {
    readonly port: number;
    readonly child: ChildProcess;
    readonly folder: string;
  }) {
    this.url = `http://127.0.0.1:${parts.port}`;
    this.#child = parts.child;
    this.#folder = parts.folder;
  }

  /** Starts one before nodes, of which one is up. */
  static async open(ports: readonly number[]): Promise<Balancer> {
    const folder = mkdtempSync(join(tmpdir(), 'tenon-balancer-'));
    const port = await freePort();
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, configuration(port, ports));
    const child = spawn(program, ['-db', '-q', '-f', file], { stdio: 'inherit', env: withPath() });
    const balancer = new Balancer({ port, child, folder });
    if (await listens(port)) return balancer;
    await balancer.close();
    throw new Error('the balancer does not listen');
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

// Debian has it where only root looks.
function withPath() {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` };
}

function configuration(port: number, ports: readonly number[]): string {
  const servers = ports.map((each) => `  server node${each} 127.0.0.1:${each} check`);
  return `
global
  maxconn 2000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  # A node that is just gone does not listen: the request was not taken, and another node is asked.
  retries 3
  retry-on conn-failure
  option redispatch 1
frontend all
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /status/ready
  http-check expect status 200
  default-server inter 200ms fall 1 rise 1
${servers.join('\n')}
`;
}

async function listens(port: number): Promise<boolean> {
  for (const began = performance.now(); performance.now() - began < patienceMs; await pause(20)) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((done) => {
      socket.once('connect', () => done(true)).once('error', () => done(false));
    });
    socket.destroy();
    if (isOpen) return true;
  }
  return false;
}
