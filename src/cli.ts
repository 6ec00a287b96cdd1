#!/usr/bin/env node
// The `tenon` command: refuses a Node that is too old, turns V8's compile cache on, then loads the verbs.
// Invariant: imports nothing statically but Node itself, because only what is loaded after the cache is on is
// cached.
import { existsSync, mkdirSync } from 'node:fs';
import module from 'node:module';
import { join, resolve } from 'node:path';

// What the SQLite driver is made for. An older Node, 23.0 to 23.5 among them, ends with a segmentation fault.
const nodeApi = 10;
if (Number(process.versions.napi) < nodeApi) {
  console.error(
    `Tenon needs Node.js 22.14 or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'A clone of the project brings its own: npm run tenon -- --help',
  );
  process.exit(1);
}
cacheCompiledCode(process.argv.slice(2));
const { runCommand } = await import('./cli/program.ts');
await runCommand(process.argv);

// The cache is in the data folder, where nobody else may write: code that is loaded from it is not checked
// again.
function cacheCompiledCode(args: readonly string[]): void {
  const given = args[args.indexOf('--home') + 1];
  const home = resolve((args.includes('--home') ? given : process.env.TENON_HOME) || './.tenon');
  try {
    if (args[0] === 'serve') mkdirSync(home, { recursive: true, mode: 0o700 });
    if (existsSync(home)) module.enableCompileCache?.(join(home, 'cache'));
  } catch {
    // A start without the cache is only slower; that the folder cannot be used is told by who needs it.
  }
}
