// Puts load on a server: by wrk where it is installed, which costs a seventh of what autocannon does and so
// leaves the second processor to the runners; else by autocannon. One generator per run of the benchmark.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';

/** Requests to send, over and over. */
export interface Load {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly connections: number;
  readonly seconds: number;
}

/** What came back. `refused` counts answers that were not 2xx, and errors. */
export interface Answered {
  readonly requests: number;
  readonly refused: number;
  readonly seconds: number;
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
}

/** The generator that this machine has. */
export const generator: 'wrk' | 'autocannon' = hasWrk() ? 'wrk' : 'autocannon';

/** Sends requests for as long as asked. */
export function putLoad(load: Load): Promise<Answered> {
  return generator === 'wrk' ? byWrk(load) : byAutocannon(load);
}

function hasWrk(): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v wrk'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const summary = `
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nSUMMARY %d %d %d %f %f\\n', summary.requests,
    e.status + e.connect + e.read + e.write + e.timeout, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
`;

async function byWrk({ url, method, headers, body, connections, seconds }: Load): Promise<Answered> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-wrk-'));
  const script = join(folder, 'load.lua');
  const request = `wrk.method = '${method}'\n${body === undefined ? '' : `wrk.body = [==[${body}]==]\n`}`;
  writeFileSync(script, request + summary);
  const named = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const sizes = ['-t1', '--timeout', '60s', `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`];
  const output = await outputOf('wrk', [...sizes, '-s', script, ...named, url]);
  rmSync(folder, { recursive: true });
  const [requests = 0, refused = 0, us = 1, p50 = 0, p99 = 0] =
    /SUMMARY (.*)/.exec(output)?.[1]?.split(' ').map(Number) ?? [];
  const ms = { latencyP50Ms: p50 / 1_000, latencyP99Ms: p99 / 1_000 };
  return { requests: requests - refused, refused, seconds: us / 1e6, ...ms };
}

function outputOf(command: string, args: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', fail);
    child.on('exit', () => done(text));
  });
}

async function byAutocannon({ seconds, body, ...load }: Load): Promise<Answered> {
  const given = body === undefined ? {} : { body };
  const result = await autocannon({ ...load, ...given, duration: seconds });
  return {
    requests: result['2xx'],
    refused: result.non2xx + result.errors,
    seconds: result.duration,
    latencyP50Ms: result.latency.p50,
    latencyP99Ms: result.latency.p99,
  };
}
