// All checks of the project, one after the other: what `npm test` runs and all that CI runs. Arguments go to
// the tests.
// Invariant: a failed check never hides the ones after it, and any failure makes the whole fail.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeServers, startServers, stopServers } from './databases.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const report = join(root, 'node_modules/.tenon-tests.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];

/** @type {readonly { name: string, args: readonly string[] }[]} */
const checks = [
  { name: 'lint and format', args: ['node_modules/@biomejs/biome/bin/biome', 'check', '.'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'tests', args: ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...process.argv.slice(2)] },
];

const began = performance.now();
rmSync(report, { force: true });
const seconds = (/** @type {number} */ since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const databases = await startServers();
console.log(describeServers(databases.servers).join('\n'));
const lines = checks.map(({ name, args }) => {
  const start = performance.now();
  console.log(`check: ${name} …`);
  const isGood = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
  return { isGood, text: `${isGood ? 'ok  ' : 'FAIL'}  ${name}  ${seconds(start)}` };
});
// Servers that ran before are somebody's who works with them.
const running = Object.values(databases.servers).filter((server) => 'pid' in server);
if (databases.started.length === running.length) await stopServers();
console.log(['', ...lines.map((line) => line.text)].join('\n'));
const isGood = lines.every((line) => line.isGood);
console.log(`${isGood ? 'All checks passed' : 'Some checks failed'} in ${seconds(began)}`);
console.log(counted());
process.exitCode = isGood ? 0 : 1;

/** What the tests came to, in one line that other programs can read; what was skipped is told by name. */
function counted() {
  if (!existsSync(report)) return '0 passed, 1 failed';
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  for (const file of testResults) {
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'pending' || status === 'skipped') console.log(`skipped: ${fullName}`);
    }
  }
  return `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`;
}
