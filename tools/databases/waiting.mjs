// Waiting for a condition, and a lock between processes.
// Invariant: the lock of a process that is gone is taken over by exactly one other.
import { linkSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const pollMs = 25;
const lockTimeoutMs = 120_000;
/** A lock without a readable owner is somebody's who is just writing it, or who died while doing so. */
const emptyLockMs = 5_000;

/**
 * Looks again and again until it is so.
 * @param {string} what
 * @param {number} timeoutMs
 * @param {() => boolean | Promise<boolean>} isSo
 */
export async function waitUntil(what, timeoutMs, isSo) {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await pause(pollMs);
  }
}

/**
 * Does the work while no other process does it. The lock of a process that is gone is taken over.
 * @template T
 * @param {string} home
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function locked(home, work) {
  const lock = `${home}.lock`;
  await waitUntil(`lock ${lock}`, lockTimeoutMs, () => takeLock(lock));
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** @param {string} lock */
function takeLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch {
    removeStaleLock(lock);
    return false;
  }
}

/** @param {string} lock */
function removeStaleLock(lock) {
  try {
    const owner = readFileSync(lock, 'utf8');
    const age = Date.now() - lstatSync(lock).mtimeMs;
    if (owner === '' ? age < emptyLockMs : isRunning(Number(owner))) return;
    // Two may find it stale at a time: only one of them can rename it, and who got a newer one gives it back.
    const aside = `${lock}.${process.pid}`;
    renameSync(lock, aside);
    if (readFileSync(aside, 'utf8') !== owner) linkSync(aside, lock);
    rmSync(aside, { force: true });
  } catch {
    // Somebody else was faster.
  }
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
