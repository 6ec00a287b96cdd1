// Quick runs are handed over several at a time: their answers keep their order, and one that is slow or kills its
// process costs the others nothing.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Outcome, Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from '../suite.ts';
import { testRunner } from './python-fixture.ts';

let runner: Runner;

beforeAll(() => {
  runner = testRunner({ max: 2 });
});

afterAll(() => runner.stop());

const quick = (code: string) => programOf(code, { hash: `quick ${code}`, isQuick: true });
const numbered = quick('return event.request.parameters.n');
const run = (n: number, code = numbered): Promise<Outcome> =>
  runner.run(
    invocationOf(code, { sections: { ...someSections, parameters: `{"n":${n}}` }, timeoutMs: 3_000 }),
  );

it('answers each run of many with its own result', async () => {
  const outcomes = await Promise.all(Array.from({ length: 1_000 }, (_, i) => run(i + 1)));
  expect(outcomes.map(returnedBy)).toEqual(outcomes.map((_, i) => i + 1));
});

it('moves those behind a slow run to another process', async () => {
  const slow = quick('n = 0\nfor i in range(3000000): n += i\nreturn "slow"');
  const [first, ...others] = await Promise.all([
    run(0, slow),
    ...Array.from({ length: 40 }, (_, i) => run(i + 1)),
  ]);
  expect(first && returnedBy(first)).toBe('slow');
  expect(others.map(returnedBy)).toEqual(others.map((_, i) => i + 1));
});

it('finishes those behind a run that never ends, which is told alone', async () => {
  const looping = run(0, quick('while True: pass'));
  const others = await Promise.all(Array.from({ length: 40 }, (_, i) => run(i + 1)));
  expect(others.map(returnedBy)).toEqual(others.map((_, i) => i + 1));
  expect(await looping).toMatchObject({ kind: 'timeout', ms: 3_000 });
});

it('finishes those behind a run that kills its process', async () => {
  const killing = run(0, quick('import os\nos.kill(os.getpid(), 9)'));
  const others = await Promise.all(Array.from({ length: 40 }, (_, i) => run(i + 1)));
  expect(others.map(returnedBy)).toEqual(others.map((_, i) => i + 1));
  expect(await killing).toMatchObject({ kind: 'crashed' });
});

it('keeps large and small answers apart', async () => {
  const large = quick('return "x" * (event.request.parameters.n * 10000)');
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, (_, i) => run(i + 1, i % 3 === 0 ? large : numbered)),
  );
  const sizes = outcomes.map((outcome) => String(returnedBy(outcome)).length);
  expect(sizes).toEqual(outcomes.map((_, i) => (i % 3 === 0 ? (i + 1) * 10_000 : String(i + 1).length)));
});

it('does not confuse quick runs with those that read texts', async () => {
  const found = await Promise.all(
    Array.from({ length: 60 }, (_, i) => {
      if (i % 2 === 0) return run(i + 1).then(returnedBy);
      return runner.prepare?.({ name: 'x', content: i % 4 === 1 ? `return ${i}` : 'return (' });
    }),
  );
  expect(found.filter((_, i) => i % 2 === 0)).toEqual(Array.from({ length: 30 }, (_, i) => i * 2 + 1));
  expect(
    found.filter((_, i) => i % 4 === 1).every((each) => (each as { kind: string }).kind === 'ready'),
  ).toBe(true);
  expect(
    found.filter((_, i) => i % 4 === 3).every((each) => (each as { kind: string }).kind === 'flawed'),
  ).toBe(true);
});
