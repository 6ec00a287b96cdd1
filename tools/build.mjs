// Bundles what is published into dist/: the command line with the server, and the programs that run scripts.
// Invariant: native packages and the TypeScript compiler stay outside the bundle; the compiler is loaded when
// needed.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Packages that are loaded from node_modules: two with binaries, one of 9 MB that most starts never need. */
const external = ['better-sqlite3', '@node-rs/argon2', 'typescript'];

/** Bundled CommonJS packages ask for Node's modules by `require`, which ES modules do not have. */
const banner = {
  js:
    "import { createRequire as createRequireOfBundle } from 'node:module';" +
    'const require = createRequireOfBundle(import.meta.url);',
};

/** @type {import('esbuild').BuildOptions} */
const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  logLevel: 'warning',
};

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
await Promise.all([
  build({
    ...shared,
    entryPoints: ['src/cli.ts'],
    outdir: 'dist',
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
    banner,
    external,
    minifySyntax: true,
  }),
  build({ ...shared, entryPoints: ['src/runners/node/host.ts'], outfile: 'dist/runners/node/host.js' }),
  build({
    ...shared,
    entryPoints: ['src/scripts/compiler-thread.ts'],
    outfile: 'dist/scripts/compiler-thread.js',
    external,
  }),
]);
