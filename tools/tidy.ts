// `npm run tidy`: checks the project against the rules of the house and prints every breach as file:line.
// Invariant: the same check runs as a test, so a tidy tree is a condition of `npm test`.
import { fileURLToPath } from 'node:url';
import { checkHouse, describeProblem, filesOf } from './tidy/house.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { problems, exportsForTests, figures } = checkHouse(root, filesOf(root));

for (const problem of problems) console.log(describeProblem(problem));
for (const problem of exportsForTests) console.log(`note: ${describeProblem(problem)}`);
const ratio = (figures.tests / Math.max(1, figures.product)).toFixed(2);
console.log(
  `${figures.product} lines in src, ${figures.comments} % of them comments (aim 12–20); ` +
    `${ratio} lines of tests to each (aim 1.2)`,
);
console.log(problems.length === 0 ? 'tidy' : `${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
