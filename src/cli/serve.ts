// `tenon serve`: makes the sample where it is wanted, starts the server, and ends it in order on SIGINT or
// SIGTERM.
// Invariant: a second signal ends the process at once, whatever is still going on.
import { mkdirSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { type Config, drainDelayMs } from '../config.ts';
import { announceOnce, type RunningServer, startServer } from '../main.ts';
import { createSample } from '../sample/sample.ts';
import { version } from '../version.ts';
import { CommandError } from './failure.ts';
import { configOf, type ServerOptions } from './options.ts';
import { Progress } from './progress.ts';

/** Options of `serve`. */
export interface ServeOptions extends ServerOptions {
  readonly sample?: boolean;
}

/** Starts a server; resolves once it listens. */
export async function serve(options: ServeOptions): Promise<void> {
  const config = configOf(options);
  const services = options.sample === true ? [sampleService(config)] : [];
  let login = 'EMAIL';
  // Printed at once and not with the hints below: the start may still fail, and it is never told again.
  const announce = (account: { email: string; password: string }) => {
    announceOnce(account);
    login = `${account.email}:${account.password}`;
  };
  const server = await startServer({ config, services, announce }).catch((error: unknown) => {
    throw explained(error, config);
  });
  endOnSignal(server, config);
  console.log(`Tenon ${version} is listening on ${server.url}`);
  const path = options.sample === true ? 'api/v2/hr/_table/employees?limit=3' : 'api/v2';
  console.log(`  data folder:  ${config.home}`);
  console.log(`  try it:       curl -u ${quoted(login)} ${quoted(`${server.url}/${path}`)}`);
  console.log('  what next:    README.md has a script on an endpoint and your own database; Ctrl-C ends');
  setTimeout(() => module.flushCompileCache?.(), flushAfterMs).unref();
}

// Writing the cache blocks for some milliseconds; the first callers should not wait for it.
const flushAfterMs = 500;

// An end that nobody notices needs no words.
const noticeAfterMs = 500;

function sampleService(config: Config) {
  const file = join(config.home, 'sample.sqlite');
  mkdirSync(config.home, { recursive: true, mode: 0o700 });
  const progress = new Progress({ stream: process.stdout, what: 'Making the sample database: employees' });
  createSample({ file, report: (done, total) => progress.show(done, total) });
  return { name: 'hr', label: 'Sample: employees', type: 'sqlite', config: { database: file } };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function endOnSignal(server: RunningServer, config: Config): void {
  let isEnding = false;
  const end = (signal: NodeJS.Signals) => {
    if (isEnding) process.exit(1);
    isEnding = true;
    // Who presses Ctrl-C waits for nobody's balancer.
    const delayMs = signal === 'SIGINT' ? 0 : drainDelayMs(config);
    announceEnd(delayMs);
    server.close({ delayMs }).then(
      () => {
        console.log('Stopped.');
        process.exit(0);
      },
      () => process.exit(1),
    );
  };
  process.on('SIGINT', end).on('SIGTERM', end);
}

function announceEnd(delayMs: number): void {
  const last = 'a second signal ends at once.';
  if (delayMs > 0) console.log(`Serving for ${delayMs / 1_000} s more, so that balancers notice; ${last}`);
  else setTimeout(() => console.log(`Requests in flight may end first; ${last}`), noticeAfterMs);
}

function explained(error: unknown, { host, port, home }: Config): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new CommandError(
      `Port ${port} of ${host} is in use.`,
      'Take another with --port (TENON_PORT), or 0 for a free one.',
    );
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new CommandError(
      `No right to use port ${port} or the data folder ${home}.`,
      'Run `tenon doctor`.',
    );
  }
  if (code === 'EADDRNOTAVAIL') {
    return new CommandError(`This machine has no address ${host}.`, 'Take another with --host (TENON_HOST).');
  }
  return error;
}
