// Whether the file of a system database may be where it is. Invariant: a file that more than one machine
// could open, or has open, is refused before it is opened: SQLite keeps processes apart by memory that only
// those of one machine share.
import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type Sqlite from 'better-sqlite3';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';

/** Who wants to open a file. */
export interface FileOwner {
  /** What no two running machines have in common. */
  readonly hostMark: string;
  /** Whether the operator says that no other machine opens it, although it could. */
  readonly isInsisting: boolean;
  readonly observe: Observe;
}

// Numbers of the kernel's, as statfs tells them.
const networks: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x00c36400, 'Ceph'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
]);

// These may lead to another machine as well as to a folder of this one.
const doubtful: ReadonlyMap<number, string> = new Map([
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0x786f4256, 'vboxsf'],
]);

/** Refuses a file on a file system of a network, unless the operator insists. */
export function checkFileSystem(file: string, owner: FileOwner, type = typeOf(file)): void {
  const network = networks.get(type);
  if (network !== undefined && !owner.isInsisting) throw onNetwork(file, network);
  const doubt = network ?? doubtful.get(type);
  if (doubt === undefined || (owner.isInsisting && network === undefined)) return;
  const reason =
    `${file} is on ${doubt}, which other machines may share. One machine alone may use it: for several, ` +
    'set TENON_DATABASE_URL to a PostgreSQL or MySQL database.';
  owner.observe({ kind: 'store.doubtful', reason });
}

/** Refuses a file that a process of another machine has open, or had until a moment ago. */
export function checkOtherHosts(database: Sqlite.Database, { hostMark }: Pick<FileOwner, 'hostMark'>): void {
  const hasTable = database.prepare("select 1 from sqlite_master where name = 'node'").pluck().get();
  if (hasTable === undefined) return;
  const other = database
    .prepare(
      `select host from node where host_mark <> ?
       and seen_date > cast(round(unixepoch('subsec') * 1000) as integer) - ? limit 1`,
    )
    .pluck()
    .get(hostMark, limits.nodeLeaseMs);
  if (other !== undefined) throw secondHost(String(other));
}

/** The refusal of a machine that is not the one that has the file. */
export function secondHost(host: string): PlatformError {
  const seconds = limits.nodeLeaseMs / 1_000;
  return new PlatformError(
    'config.invalid',
    `Another machine ('${host}') uses the SQLite file of this system database, or did so less than ` +
      `${seconds} s ago. A file serves one machine: for several, set TENON_DATABASE_URL to a PostgreSQL or ` +
      `MySQL database. If that machine is gone for good, start again in ${seconds} s.`,
  );
}

// Of a file that is not there yet, the folder says it. Elsewhere than on Linux the numbers mean other things.
function typeOf(file: string): number {
  if (process.platform !== 'linux') return 0;
  return statfsSync(existsSync(file) ? file : dirname(file)).type;
}

function onNetwork(file: string, network: string): PlatformError {
  return new PlatformError(
    'config.invalid',
    `The file of the system database (${file}) is on ${network}, a file system of a network, where SQLite ` +
      'loses data as soon as a second machine opens it. Set TENON_HOME to a folder of this machine, or ' +
      'TENON_DATABASE_URL to a PostgreSQL or MySQL database. If no other machine ever opens it, set ' +
      'TENON_NETWORK_FOLDER=true.',
  );
}
