// A balancer before the nodes of a proof: HAProxy, which asks each node whether it wants requests.
// Invariant: what it does is what people are given in deploy/haproxy.cfg; only addresses are others, and it
// asks more often, as all else is quicker in proofs.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { balancerProgram } from '../balancer.ts';
import { freePort } from './queue-fleet.ts';

const published = fileURLToPath(new URL('../../deploy/haproxy.cfg', import.meta.url));
const patienceMs = 60_000;

/** A running balancer. */
export class Balancer {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #said: string[] = [];

  private constructor(port: number, folder: string) {
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    const args = ['-db', '-f', join(folder, 'haproxy.cfg')];
    this.#child = spawn(balancerProgram(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#said.push(chunk.toString()));
    }
  }

  /** Starts one before nodes that are up; resolves when it knows that they are. */
  static async open(ports: readonly number[]): Promise<Balancer> {
    const folder = mkdtempSync(join(tmpdir(), 'tenon-balancer-'));
    const port = await freePort();
    writeFileSync(join(folder, 'haproxy.cfg'), configuration(folder, port, ports));
    const balancer = new Balancer(port, folder);
    try {
      await balancer.knows(ports.length);
      return balancer;
    } catch (error) {
      await balancer.close();
      throw error;
    }
  }

  /** What it wrote: requests that came to a bad end. */
  get said(): string {
    return this.#said.join('').slice(-4_000);
  }

  /** Resolves when it hands requests to so many nodes. */
  async knows(count: number): Promise<void> {
    for (const began = performance.now(); (await this.#up()) < count; await pause(50)) {
      const isOver = this.#child.exitCode !== null || performance.now() - began > patienceMs;
      if (isOver) throw new Error(`nodes are not up: ${this.said}`);
    }
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #up(): Promise<number> {
    const socket = connect(join(this.#folder, 'socket'));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.end('show stat\n');
    // Until it listens nobody is up.
    await once(socket, 'close').catch(() => undefined);
    const lines = Buffer.concat(chunks).toString().split('\n');
    return lines.filter((line) => /^servers,server-\d+,.*,UP,/.test(line)).length;
  }
}

// The one that people are given, with other addresses.
function configuration(folder: string, port: number, ports: readonly number[]): string {
  const given = readFileSync(published, 'utf8').replace(/^ {2}server .*\n/gm, '');
  const servers = ports.map((each, at) => `  server server-${at + 1} 127.0.0.1:${each}\n`).join('');
  const changes: readonly (readonly [given: string, own: string])[] = [
    ['global\n', `global\n  stats socket ${join(folder, 'socket')}\n`],
    // Twice before a node that is about to stop listens no more.
    ['inter 1s fastinter 250ms', 'inter 100ms fastinter 50ms'],
    ['bind :8080', `bind 127.0.0.1:${port}`],
  ];
  const changed = changes.reduce((text, [one, other]) => {
    if (!text.includes(one)) throw new Error(`deploy/haproxy.cfg has no '${one}' any more`);
    return text.replace(one, other);
  }, given);
  return changed + servers;
}
