// The filter of system calls: a program for the kernel's packet filter machine, as bytes.
// Invariant: what is not named is allowed, by its number alone (the kernel remembers these and does not run
// the filter for them); what is denied fails as "not permitted", so that programs can go on without.
import { type Machine, numberOf } from './syscalls.ts';

/** What the kernel does not do on this machine, so that the filter has to. */
export interface FilterOptions {
  /** Keep signals from other processes. */
  readonly deniesSignals: boolean;
  /** Keep mode, owner and times from changes, which Landlock leaves to the owner: the server's own user. */
  readonly deniesAttributes: boolean;
  /** Keep path-based cutting of files. */
  readonly deniesTruncate: boolean;
}

/** A program and what it does beyond the sandbox's own purpose has no use for any of these. */
const denied =
  // Other processes and what they hold.
  'ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_getfd ' +
  // Another view of the machine, from which the rules on files could be gone round.
  'mount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick ' +
  'mount_setattr statmount listmount unshare setns name_to_handle_at open_by_handle_at fanotify_init ' +
  'fanotify_mark ' +
  // Large parts of the kernel with a long list of flaws.
  'bpf perf_event_open add_key request_key keyctl userfaultfd io_uring_setup io_uring_enter ' +
  'io_uring_register io_setup io_submit vmsplice remap_file_pages modify_ldt uselib ustat _sysctl ' +
  'lookup_dcookie nfsservctl ' +
  // The machine itself.
  'kexec_load kexec_file_load init_module finit_module delete_module swapon swapoff reboot personality ' +
  'acct quotactl quotactl_fd settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname ' +
  'syslog vhangup iopl ioperm migrate_pages move_pages ' +
  // The network, and the sockets of other programs; pairs of streams are made below.
  'socket connect bind listen accept accept4 ' +
  // Memory and messages that no limit counts, or that outlive the process.
  'memfd_create memfd_secret shmget shmat semget msgget mq_open mq_unlink ' +
  // Scheduling of other processes of the user.
  'setpriority sched_setparam sched_setscheduler sched_setattr sched_setaffinity ioprio_set ' +
  // One group for all that a script starts: a single signal ends it.
  'setsid setpgid';

const attributes =
  'chmod fchmodat fchmodat2 fchown fsetxattr fremovexattr chown lchown fchownat setxattr ' +
  'lsetxattr setxattrat removexattr lremovexattr ' +
  'removexattrat utime utimes futimesat utimensat file_setattr';

const signals = 'kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal';

const notPermitted = 1;
const notImplemented = 38;

/** Jumps count instructions behind the next one. */
interface Instruction {
  readonly code: number;
  readonly value: number;
  readonly ifTrue?: number;
  readonly ifFalse?: number;
}

const load = (offset: number): Instruction => ({ code: 0x20, value: offset });
const number = load(0);
const arch = load(4);
const argument = (index: number): Instruction => load(16 + 8 * index);
const mask = (value: number): Instruction => ({ code: 0x54, value });
const ifEqual = (value: number, skip: number): Instruction => ({ code: 0x15, value, ifFalse: skip });
const unlessEqual = (value: number, skip: number): Instruction => ({ code: 0x15, value, ifTrue: skip });
const ifAtLeast = (value: number, skip: number): Instruction => ({ code: 0x35, value, ifFalse: skip });
const ifAny = (value: number, skip: number): Instruction => ({ code: 0x45, value, ifFalse: skip });
const allow: Instruction = { code: 0x06, value: 0x7fff_0000 };
const kill: Instruction = { code: 0x06, value: 0x8000_0000 };
const fail = (error: number): Instruction => ({ code: 0x06, value: 0x0005_0000 | error });
const refuse = fail(notPermitted);

/** The bytes of the filter. */
export function filterOf(machine: Machine, options: FilterOptions): Buffer {
  const named = (names: string) => names.split(' ').flatMap((name) => machine.numbers.get(name) ?? []);
  const refused = [
    ...named(denied),
    ...(options.deniesAttributes ? named(attributes) : []),
    ...(options.deniesTruncate ? named('truncate') : []),
  ];
  const foreign = machine.foreignFrom;
  return bytesOf([
    arch,
    unlessEqual(machine.audit, 1),
    kill,
    number,
    ...(foreign === undefined ? [] : [ifAtLeast(foreign, 1), refuse]),
    ...conditions(machine, options).flatMap(([name, rule]) => guarded(numberOf(machine, name), rule)),
    ...refused.flatMap((call) => [ifEqual(call, 1), refuse]),
    allow,
  ]);
}

// Its own number is not known before it is started; 0 is the group of whoever asks.
const toOwnGroup = [argument(0), ifEqual(0, 1), allow, refuse];

type Condition = [name: string, rule: readonly Instruction[]];

function conditions(machine: Machine, { deniesSignals, deniesAttributes }: FilterOptions): Condition[] {
  const always: Condition[] = [
    // Copying a file ends in it: what is copied keeps the mode it was made with, and that counts as done.
    ...(deniesAttributes ? [['fchmod', [fail(0)]] satisfies Condition] : []),
    // Memory that no limit of memory counts: stacks that grow, and what is shared with nobody yet.
    ['mmap', [argument(3), ifAny(0x100, 1), refuse, mask(0x21), ifEqual(0x21, 1), refuse, allow]],
    // Threads and children, but no new view of the machine (CLONE_NEW*), and no children for the server
    // (CLONE_PARENT), which does not wait for them.
    ['clone', [argument(0), ifAny(0x7e02_8000, 1), refuse, allow]],
    // Its flags lie in memory, where a filter cannot look; libraries fall back to clone.
    ['clone3', [fail(notImplemented)]],
    // Limits of its own, not those of others.
    ['prlimit64', [argument(0), ifEqual(0, 1), allow, refuse]],
    // Streams only: a datagram socket could be pointed at another program's.
    [
      'socketpair',
      [
        argument(0),
        unlessEqual(1, 1),
        refuse,
        argument(1),
        mask(0xf),
        ifEqual(1, 1),
        allow,
        ifEqual(5, 1),
        allow,
        refuse,
      ],
    ],
  ];
  if (!deniesSignals) return always;
  const known = signals.split(' ').filter((name) => machine.numbers.has(name));
  return [
    ...always,
    ...known.map((name): Condition => [name, name === 'kill' ? toOwnGroup : [refuse]]),
    // F_SETSIG, F_SETOWN and F_SETOWN_EX, FIOSETOWN and SIOCSPGRP: the kernel would send them for the script.
    ['fcntl', [argument(1), ...unlessAny([8, 10, 15])]],
    ['ioctl', [argument(1), ...unlessAny([0x8901, 0x8902])]],
  ];
}

function unlessAny(values: readonly number[]): Instruction[] {
  return [...values.flatMap((value) => [ifEqual(value, 1), refuse]), allow];
}

// Every rule ends in an answer, so what stands behind it still sees the number.
function guarded(call: number, rule: readonly Instruction[]): Instruction[] {
  return [ifEqual(call, rule.length), ...rule];
}

function bytesOf(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [at, { code, value, ifTrue = 0, ifFalse = 0 }] of program.entries()) {
    bytes.writeUInt16LE(code, at * 8);
    bytes.writeUInt8(ifTrue, at * 8 + 2);
    bytes.writeUInt8(ifFalse, at * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, at * 8 + 4);
  }
  return bytes;
}
