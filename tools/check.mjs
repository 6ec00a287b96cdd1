// All checks of the project, one after the other: what `npm test` runs and all that CI runs. Arguments go to
// the tests.
// Invariant: a failed check never hides the ones after it, and any failure makes the whole fail.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @type {readonly { name: string, args: readonly string[] }[]} */
const checks = [
  { name: 'lint and format', args: ['node_modules/@biomejs/biome/bin/biome', 'check', '.'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'tests', args: ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)] },
];

const began = performance.now();
const seconds = (/** @type {number} */ since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const lines = checks.map(({ name, args }) => {
  const start = performance.now();
  console.log(`check: ${name} …`);
  const isGood = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
  return { isGood, text: `${isGood ? 'ok  ' : 'FAIL'}  ${name}  ${seconds(start)}` };
});
console.log(['', ...lines.map((line) => line.text)].join('\n'));
const isGood = lines.every((line) => line.isGood);
console.log(`${isGood ? 'All checks passed' : 'Some checks failed'} in ${seconds(began)}`);
process.exitCode = isGood ? 0 : 1;
