// The self-test of a sandbox: a process inside really tries what an attacker would try, on this machine and
// against this server.
// Invariant: harmless where it succeeds; what it could not find out counts as open.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, type Offer } from './ground.ts';
import { numberOf } from './syscalls.ts';

/** What each attempt came to. */
export type Probes = Readonly<Record<string, 'blocked' | 'open'>>;

/** What is tested, and against what. */
export interface SelfTest {
  readonly offer: Offer;
  /** Files that no script may read, e.g. the key of stored secrets. */
  readonly secrets: readonly string[];
  /** Makes a folder the work folder of a process, and gives the plan of that. */
  prepare(folder: string): string;
  /** Where a work folder can be made. */
  readonly parent: string;
}

/** Runs all probes. Rejects when processes cannot be started or cannot do what they need. */
export async function testSandbox(test: SelfTest): Promise<Probes> {
  const folder = mkdtempSync(join(test.parent, 'tenon-probe-'));
  const readable = join(tmpdir(), `tenon-probe-${randomBytes(8).toString('hex')}`);
  const server = await listen();
  try {
    writeFileSync(readable, 'a file that everyone may read', { mode: 0o644 });
    const steps = stepsOf({ ...test, folder, readable, port: portOf(server) });
    const lines = await launch(test.offer.launcher, `${test.prepare(folder)}\n${steps}`);
    return judged(lines);
  } finally {
    server.close();
    rmSync(readable, { force: true });
    rmSync(`${readable}-written`, { force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Scene extends SelfTest {
  readonly folder: string;
  readonly readable: string;
  readonly port: number;
}

const [readOnly, writeOnly, readWrite, folderOnly, created] = [0, 1, 2, 0x1_0000, 0x40 | 0x80];
const inCurrent = -100;

// A name with a dot prepares the probe that follows and is not judged.
function stepsOf(scene: Scene): string {
  const { machine } = scene.offer;
  const attempt = (name: string, call: string, ...given: (number | string)[]) =>
    ['try', name.replaceAll(' ', '_'), numberOf(machine, call), ...given].join(' ');
  const open = (name: string, path: string, flags: number) =>
    attempt(name, 'openat', inCurrent, text(path), flags, 0o600);
  return [
    open('.works', join(scene.folder, 'probe'), writeOnly | created),
    ...fileSteps(scene, open),
    ...processSteps(attempt),
    ...networkSteps(scene, attempt),
    ...kernelSteps(attempt),
    // What it starts is kept in, too.
    'fork',
    open('a file by a child', scene.readable, readOnly),
  ].join('\n');
}

type Attempt = (name: string, call: string, ...given: (number | string)[]) => string;
type Open = (name: string, path: string, flags: number) => string;

function fileSteps({ readable, secrets }: Scene, open: Open): string[] {
  const server = `/proc/${process.pid}`;
  return [
    open("the server's environment", `${server}/environ`, readOnly),
    open("the server's memory", `${server}/mem`, readWrite),
    open("the server's open files", `${server}/fd`, readOnly | folderOnly),
    open("the server's command line", `${server}/cmdline`, readOnly),
    open('a file for everyone', readable, readOnly),
    ...secrets.map((path, at) => open(`secret ${at + 1}`, path, readOnly)),
    open('the list of users', '/etc/passwd', readOnly),
    open('a new temporary file', `${readable}-written`, writeOnly | created),
  ];
}

function processSteps(attempt: Attempt): string[] {
  const target = process.pid;
  const seize = 0x4206;
  return [
    attempt('tracing the server', 'ptrace', seize, target, 0, 0),
    attempt('reading foreign memory', 'process_vm_readv', target, zeros(16), 0, zeros(16), 0, 0),
    // Signal 0 asks for the permission only.
    attempt('signals to the server', 'kill', target, 0),
    attempt("the server's limits", 'prlimit64', target, 12, 0, zeros(16)),
  ];
}

function networkSteps({ port }: Scene, attempt: Attempt): string[] {
  const local = Buffer.from([2, 0, port >> 8, port & 255, 127, 0, 0, 1, ...Array<number>(8).fill(0)]);
  const abstract = Buffer.from('\x01\0\0tenon-probe', 'latin1');
  const named = Buffer.from('\x01\0/run/tenon-probe\0', 'latin1');
  const [internet, unix, stream, datagram] = [2, 1, 1, 2];
  return [
    attempt('.tcp', 'socket', internet, stream, 0),
    attempt('TCP to this machine', 'connect', '$.tcp', hex(local), local.length),
    attempt('.udp', 'socket', internet, datagram, 0),
    attempt('UDP', 'sendto', '$.udp', zeros(1), 1, 0, hex(local), local.length),
    attempt('.abstract', 'socket', unix, stream, 0),
    attempt('an abstract socket', 'connect', '$.abstract', hex(abstract), abstract.length),
    attempt('.named', 'socket', unix, stream, 0),
    attempt('a socket file', 'connect', '$.named', hex(named), named.length),
    attempt('a pair that turns to others', 'socketpair', unix, datagram, 0, zeros(8)),
  ];
}

function kernelSteps(attempt: Attempt): string[] {
  const newUser = 0x1000_0000;
  return [
    attempt('io_uring', 'io_uring_setup', 1, zeros(120)),
    attempt('a user namespace', 'unshare', newUser),
    attempt('a mount', 'mount', text('none'), text('/tmp'), text('tmpfs'), 0, 0),
    attempt('leaving its group', 'setpgid', 0, 0),
  ];
}

const errors = { notPermitted: 1, noFile: 9, denied: 13, notImplemented: 38 };

function judged(lines: string): Probes {
  const probes: Record<string, 'blocked' | 'open'> = {};
  for (const line of lines.split('\n').filter(Boolean)) {
    const [written = '', got, error] = line.split(' ');
    const name = written.replaceAll('_', ' ');
    if (name === '.works' && Number(got) < 0) throw new Error('processes cannot write to their own folder');
    if (!name.startsWith('.')) probes[name] = isBlocked(Number(got), Number(error)) ? 'blocked' : 'open';
  }
  if (!('a file by a child' in probes)) throw new Error('the self-test ended early');
  return probes;
}

// What is not there was not proven to be closed, except files of a machine without /proc.
function isBlocked(got: number, error: number): boolean {
  const { notPermitted, noFile, denied, notImplemented } = errors;
  return got < 0 && [notPermitted, noFile, denied, notImplemented].includes(error);
}

const hex = (bytes: Buffer): string => `x${bytes.toString('hex')}`;
const text = (value: string): string => hex(Buffer.from(`${value}\0`));
const zeros = (length: number): string => `x${'00'.repeat(length)}`;

function listen(): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
