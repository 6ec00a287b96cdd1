// The filter, run by a small machine of our own, so that both kinds of processors are tested on either.
import { describe, expect, it } from 'vitest';
import { filterOf } from './filter.ts';
import { type Machine, machineOf, numberOf } from './syscalls.ts';

interface Call {
  readonly audit: number;
  readonly number: number;
  readonly given?: readonly number[];
}

/** What the kernel would answer: 'allow', 'kill', or the error number. */
function decide(filter: Buffer, { audit, number, given = [] }: Call): string | number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(audit >>> 0, 4);
  for (const [at, value] of given.entries()) data.writeBigInt64LE(BigInt(value), 16 + at * 8);
  let taken = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const code = filter.readUInt16LE(at);
    const value = filter.readUInt32LE(at + 4);
    if (code === 0x06) return answerOf(value);
    if (code === 0x20) taken = data.readUInt32LE(value);
    else if (code === 0x54) taken = (taken & value) >>> 0;
    else at += 8 * filter.readUInt8(at + (holds({ code, taken, value }) ? 2 : 3));
  }
  throw new Error('the filter has no end');
}

function holds({ code, taken, value }: { code: number; taken: number; value: number }): boolean {
  if (code === 0x15) return taken === value;
  if (code === 0x35) return taken >= value;
  if (code === 0x45) return (taken & value) !== 0;
  throw new Error(`the filter has an unknown instruction ${code}`);
}

function answerOf(value: number): string | number {
  if (value === 0x7fff_0000) return 'allow';
  return value === 0x8000_0000 ? 'kill' : value & 0xffff;
}

const lenient = { deniesSignals: false, deniesAttributes: false, deniesTruncate: false };
const strict = { deniesSignals: true, deniesAttributes: true, deniesTruncate: true };
const known = (arch: string): Machine => machineOf(arch) as Machine;

describe.each(['x64', 'arm64'])('the filter of %s', (arch) => {
  const machine = known(arch);
  const filter = filterOf(machine, lenient);
  const ask = (name: string, given: readonly number[] = [], program = filter) =>
    decide(program, { audit: machine.audit, number: numberOf(machine, name), given });

  it.each([
    ['socket', [2, 1, 0]],
    ['socket', [1, 1, 0]],
    ['socket', [16, 3, 0]],
    ['connect', [4]],
    ['bind', [4]],
    ['ptrace', [16]],
    ['mount', []],
    ['unshare', [0x1000_0000]],
    ['setns', []],
    ['bpf', []],
    ['perf_event_open', []],
    ['keyctl', []],
    ['userfaultfd', []],
    ['io_uring_setup', []],
    ['process_vm_writev', []],
    ['pidfd_getfd', []],
    ['memfd_create', []],
    ['shmget', []],
    ['setsid', []],
    ['setpgid', [0, 0]],
    ['setpriority', [0, 1, 19]],
    // Threads are made with neither; CLONE_NEWUSER and CLONE_NEWNS make another view of the machine.
    ['clone', [0x1000_0000]],
    ['clone', [0x0002_0000 | 17]],
    // CLONE_PARENT gives the server a child.
    ['clone', [0x8000 | 17]],
    // Limits of another process.
    ['prlimit64', [4_711, 7]],
    // A pair of datagram sockets, with and without flags; a pair of another family.
    ['socketpair', [1, 2, 0]],
    ['socketpair', [1, 2 | 0x8_0000, 0]],
    ['socketpair', [16, 1, 0]],
    // MAP_SHARED and MAP_SHARED_VALIDATE of no file.
    ['mmap', [0, 4_096, 3, 0x21, -1]],
    ['mmap', [0, 4_096, 3, 0x23, -1]],
    // MAP_GROWSDOWN.
    ['mmap', [0, 4_096, 3, 0x122, -1]],
  ])('denies %s(%j)', (name, given) => {
    expect(ask(name, given)).toBe(1);
  });

  it.each([
    ['openat', []],
    ['kill', [1]],
    ['tgkill', []],
    ['truncate', []],
    ['fchmodat', []],
    ['prctl', []],
    ['clone', [0x003d_0f00]],
    ['clone', [17]],
    ['prlimit64', [0, 7]],
    ['socketpair', [1, 1, 0]],
    ['socketpair', [1, 1 | 0x8_0800, 0]],
    ['socketpair', [1, 5, 0]],
    // Private memory, and a file that is shared.
    ['mmap', [0, 4_096, 3, 0x22, -1]],
    ['mmap', [0, 4_096, 1, 0x01, 5]],
  ])('allows %s(%j)', (name, given) => {
    expect(ask(name, given)).toBe('allow');
  });

  it('says of clone3 that there is none, so that libraries take clone', () => {
    expect(ask('clone3')).toBe(38);
  });

  it('ends a process that calls as another kind of machine', () => {
    const number = numberOf(machine, 'openat');
    expect(decide(filter, { audit: 0x4000_0003, number })).toBe('kill');
  });

  it('denies what the kernel does not keep apart itself, where it is asked to', () => {
    const all = filterOf(machine, strict);
    const denied = [
      'tgkill',
      'tkill',
      'rt_sigqueueinfo',
      'pidfd_send_signal',
      'truncate',
      'fsetxattr',
      'fchmodat',
      'fchownat',
    ];
    expect(denied.map((name) => ask(name, [1], all))).toEqual(denied.map(() => 1));
    expect(ask('fchmod', [3], all)).toBe(0);
    expect([1, -1, 4_711, 0].map((pid) => ask('kill', [pid, 9], all))).toEqual([1, 1, 1, 'allow']);
    // Duplicating a descriptor, and naming who gets its signals.
    expect([0, 8, 10, 15].map((command) => ask('fcntl', [3, command], all))).toEqual(['allow', 1, 1, 1]);
    expect([0x5401, 0x8901, 0x8902].map((request) => ask('ioctl', [3, request], all))).toEqual([
      'allow',
      1,
      1,
    ]);
  });
});

describe('the filter of x64', () => {
  it('denies the numbers of the other way of calling', () => {
    const machine = known('x64');
    const filter = filterOf(machine, lenient);
    expect(decide(filter, { audit: machine.audit, number: 0x4000_0000 + 257 })).toBe(1);
  });
});

describe('a machine', () => {
  it('is unknown when its numbers are', () => {
    expect(machineOf('riscv64')).toBeUndefined();
  });

  it('has no number for a call that it does not have', () => {
    expect(() => numberOf(known('arm64'), 'chmod')).toThrow('The number of chmod is not known.');
  });
});
