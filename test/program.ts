// `tenon` as it is published, for tests that start processes: built once for each state of the sources, so
// that no process has to read and strip a thousand files before it does anything.
// Invariant: what is started is never older than the sources.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'node_modules/.cache/tenon-tests');

/** Further programs beside `tenon`, which only proofs start. */
const proofs = ['test/recovery/queue-node.ts'];

/** What builds are made of; tests and their texts are no part of it. */
const sources = ['src/**/*.*', 'test/recovery/*.ts', 'tools/build.mjs', 'package-lock.json'];

const oneDayMs = 86_400_000;

/** The command line: what `node` is started with in place of src/cli.ts. */
export function tenonProgram(): string {
  return join(builtFolder(), 'cli.js');
}

/** The server of the proofs of recovery. */
export function proofProgram(): string {
  return join(builtFolder(), 'queue-node.js');
}

function builtFolder(): string {
  const folder = join(cache, stateOfSources());
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  dropOld();
  const made = `${folder}.${process.pid}`;
  execFileSync(process.execPath, [join(root, 'tools/build.mjs'), made, ...proofs], { stdio: 'inherit' });
  try {
    renameSync(made, folder);
  } catch (thrown) {
    // Another process was quicker, and made the same.
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(folder)) throw thrown;
  }
  return folder;
}

// By size and time of change: quicker than to read them all, each time that a test starts something.
function stateOfSources(): string {
  const hash = createHash('sha256');
  for (const path of globSync(sources, { cwd: root }).sort()) {
    if (path.endsWith('.test.ts')) continue;
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path}\0${size}\0${mtimeMs}\0`);
  }
  return hash.digest('hex').slice(0, 24);
}

function dropOld(): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (Date.now() - statSync(path).mtimeMs > oneDayMs) rmSync(path, { recursive: true, force: true });
  }
}
