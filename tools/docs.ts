// `npm run docs`: writes the reference pages. Invariant: a test fails while a written page is not the one
// made from the code, so nobody has to remember to run this.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referencePages } from './docs/reference.ts';

for (const [path, text] of Object.entries(referencePages())) {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(path);
}
