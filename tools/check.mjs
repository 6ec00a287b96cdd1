// All checks of the project, one after the other: what `npm test` runs and all that CI runs. Arguments go to
// the tests.
// Invariant: a failed check never hides the ones after it, and any failure makes the whole fail.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesToRunAgain, settle, summary } from './checks/second-look.mjs';
import { describeServers, startServers, stopServers } from './databases.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const chosen = process.argv.slice(2);

/** @type {readonly { name: string, check: () => { isGood: boolean, told?: readonly string[] } }[]} */
const checks = [
  {
    name: 'lint and format',
    check: () => ({ isGood: run(['node_modules/@biomejs/biome/bin/biome', 'check', '.']) }),
  },
  { name: 'types', check: () => ({ isGood: run(['node_modules/typescript/bin/tsc', '--noEmit']) }) },
  { name: 'tests', check: checkTests },
];

const began = performance.now();
const seconds = (/** @type {number} */ since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const databases = await startServers();
console.log(describeServers(databases.servers).join('\n'));
const lines = checks.map(({ name, check }) => {
  const start = performance.now();
  console.log(`check: ${name} …`);
  const { isGood, told = [] } = check();
  return { isGood, told, text: `${isGood ? 'ok  ' : 'FAIL'}  ${name}  ${seconds(start)}` };
});
// Servers that ran before are somebody's who works with them.
const running = Object.values(databases.servers).filter((server) => 'pid' in server);
if (databases.started.length === running.length) await stopServers();
console.log(['', ...lines.map((line) => line.text)].join('\n'));
const isGood = lines.every((line) => line.isGood);
console.log(`${isGood ? 'All checks passed' : 'Some checks failed'} in ${seconds(began)}`);
// At the very end, because the end is what is kept of a long log.
console.log(lines.flatMap((line) => line.told).join('\n'));
process.exitCode = isGood ? 0 : 1;

/** A few files that failed are run once more. Who chose the files sees for himself. */
function checkTests() {
  const first = runTests(chosen);
  const files = chosen.length > 0 ? [] : filesToRunAgain(first.outcome);
  if (files.length > 0) console.log(`tests: once more, alone: ${files.join(', ')}`);
  const second = files.length > 0 ? runTests([...files, '--maxWorkers=1']) : undefined;
  const settled = settle(first.outcome, second?.outcome);
  return { isGood: (second ?? first).isGood && settled.isGood, told: summary(settled) };
}

/** @param {readonly string[]} args */
function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-check-'));
  const report = join(folder, 'outcome.json');
  const isGood = run(['node_modules/vitest/vitest.mjs', 'run', ...args], { TENON_TESTS_OUTCOME: report });
  const outcome = existsSync(report)
    ? JSON.parse(readFileSync(report, 'utf8'))
    : { files: [], strays: ['the tests ended without a report'] };
  rmSync(folder, { recursive: true });
  return { isGood, outcome };
}

/** @param {readonly string[]} args @param {Readonly<Record<string, string>>} variables */
function run(args, variables = {}) {
  const env = { ...process.env, ...variables };
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env }).status === 0;
}
