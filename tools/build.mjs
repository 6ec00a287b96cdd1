// Bundles what is published: the command line with the server, and the programs that run scripts. Into dist/,
// or the folder that is named; programs that are named after it are put beside the command, for tests.
// Invariant: what package.json calls dependencies stays outside the bundle, and only that; the notices of all
// that is inside are beside it.
import { cpSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, parse, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [, , named = join(root, 'dist'), ...programs] = process.argv;
const folder = resolve(named);

/** Packages that are loaded from node_modules: two with binaries, one of 9 MB that most starts never need. */
const external = Object.keys(readPackage(root).dependencies);

/** Bundled CommonJS packages ask for Node's modules by `require`, which ES modules do not have. */
const banner = {
  js:
    "import { createRequire as createRequireOfBundle } from 'node:module';" +
    'const require = createRequireOfBundle(import.meta.url);',
};

/** @type {import('esbuild').BuildOptions & { metafile: true }} */
const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
};

rmSync(folder, { recursive: true, force: true });
const results = await Promise.all([
  build({
    ...shared,
    entryPoints: ['src/cli.ts', ...programs].map((path) => ({ in: path, out: parse(path).name })),
    outdir: folder,
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
    banner,
    external,
    minifySyntax: true,
  }),
  build({ ...shared, entryPoints: ['src/runners/node/host.ts'], outfile: `${folder}/runners/node/host.js` }),
  build({
    ...shared,
    entryPoints: ['src/scripts/compiler-thread.ts'],
    outfile: `${folder}/scripts/compiler-thread.js`,
    external,
  }),
]);
// Programs in other languages are published as they are.
for (const file of globSync('src/runners/**/*.{py,php,pl}', { cwd: root })) {
  cpSync(join(root, file), join(folder, relative('src', file)));
}
// The API reference: our page, and the viewer as its package has it.
cpSync(join(root, 'src/http/docs-page'), join(folder, 'docs-page'), { recursive: true });
const viewer = 'node_modules/rapidoc/dist/rapidoc-min.js';
for (const file of [viewer, `${viewer}.gz`, `${viewer}.LICENSE.txt`]) {
  cpSync(join(root, file), join(folder, 'docs-page', basename(file)));
}
const outputs = results.flatMap(({ metafile }) => Object.values(metafile.outputs));
const asked = new Set(outputs.flatMap(({ imports }) => imports.map(({ path }) => path)));
const unused = external.filter((name) => !asked.has(name));
if (unused.length > 0) throw new Error(`package.json: no dependency of the bundle: ${unused.join(', ')}`);
const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
writeFileSync(join(folder, 'THIRD-PARTY.txt'), noticesOf([...inputs, viewer]));

/** The licences of the packages that the files come from. @param {readonly string[]} files */
function noticesOf(files) {
  const packages = files.map((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? '');
  const notices = [...new Set(packages)].filter(Boolean).sort().map(noticeOf);
  return `The bundle in this folder contains these packages.\n\n${notices.join('\n')}`;
}

/** @param {string} path of a package, relative to the root */
function noticeOf(path) {
  const { name, version, license } = readPackage(join(root, path));
  const file = readdirSync(join(root, path)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? '' : `\n${readFileSync(join(root, path, file), 'utf8').trim()}\n`;
  return `---- ${name} ${version} (${license})\n${text}`;
}

/** @param {string} path of a folder */
function readPackage(path) {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
}
