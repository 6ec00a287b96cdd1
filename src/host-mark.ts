// What no two running machines have in common, and all processes of one: by it, the file of a system database
// is kept to one machine.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Reads it: on Linux it also changes with every start of the machine. */
export function readHostMark(file = '/proc/sys/kernel/random/boot_id'): string {
  try {
    // Containers of one machine have it in common, and may share a file as its processes do.
    return readFileSync(file, 'utf8').trim() || hostname();
  } catch {
    return hostname();
  }
}
