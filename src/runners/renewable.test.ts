import { afterEach, expect, test } from 'vitest';
import type { Runner } from '../core/runner.ts';
import { missingRunner } from './missing.ts';
import { createNodeRunner } from './node/index.ts';
import { RenewableRunner } from './renewable.ts';
import { invocationOf, programOf, returnedBy } from './suite.ts';

let runner: RenewableRunner | undefined;

afterEach(() => runner?.stop());

function renewable(): { runner: RenewableRunner; stopped: number[] } {
  const stopped: number[] = [];
  let made = 0;
  const make = (): Runner => {
    const number = ++made;
    const options = { observe: () => {}, platformConfig: '{}', min: 1, max: 2 };
    const real = createNodeRunner({ ...options, environment: { NUMBER: String(number) } });
    return {
      language: real.language,
      run: (invocation) => real.run(invocation),
      stop: (how) => real.stop(how).then(() => void stopped.push(number)),
    };
  };
  runner = new RenewableRunner(make);
  return { runner, stopped };
}

const number = 'return process.env.NUMBER;';

test('runs go to the newest, and what is under way ends where it began', async () => {
  const { runner: each, stopped } = renewable();
  expect(each.language).toBe('nodejs');
  expect(each.prepare).toBeUndefined();
  expect(returnedBy(await each.run(invocationOf(number)))).toBe('1');
  let answer = () => {};
  const called = Promise.withResolvers<void>();
  const bridge = {
    call: () => {
      called.resolve();
      return new Promise<{ status: number; headers: object; body: undefined }>((resolve) => {
        answer = () => resolve({ status: 204, headers: {}, body: undefined });
      });
    },
  };
  const slow = each.run(
    invocationOf(programOf('await platform.api.get("x"); return process.env.NUMBER;', { isAsync: true }), {
      bridge: bridge as never,
    }),
  );
  await called.promise;
  each.refresh();
  expect(returnedBy(await each.run(invocationOf(number)))).toBe('2');
  expect(stopped).toEqual([]);
  answer();
  const outcome = await slow;
  expect(outcome.kind === 'finished' && outcome.returned).toBe('"1"');
  await expect.poll(() => stopped).toEqual([1]);
  await each.stop();
  expect(stopped).toEqual([1, 2]);
  each.refresh();
  expect(await each.run(invocationOf(number))).toMatchObject({ kind: 'unavailable' });
});

test('a stop does not wait for what runs on an older one', async () => {
  const { runner: each, stopped } = renewable();
  const called = Promise.withResolvers<void>();
  const bridge = {
    call: () => {
      called.resolve();
      return new Promise<never>(() => {});
    },
  };
  const hanging = each.run(
    invocationOf(programOf('await platform.api.get("x");', { isAsync: true }), { bridge, timeoutMs: 60_000 }),
  );
  await called.promise;
  each.refresh();
  await each.stop();
  expect(await hanging).toMatchObject({ kind: 'unavailable' });
  expect(stopped.sort()).toEqual([1, 1, 2]);
});

test('a stop right after several refreshes ends all of them', async () => {
  const { runner: each, stopped } = renewable();
  expect(returnedBy(await each.run(invocationOf(number)))).toBe('1');
  for (let i = 0; i < 3; i++) each.refresh();
  await each.stop();
  expect(new Set(stopped)).toEqual(new Set([1, 2, 3, 4]));
});

test('a language that reads its texts still does', async () => {
  runner = new RenewableRunner(() => missingRunner('php', 'it is not here'));
  expect(await runner.prepare?.({ name: 'a', content: '' })).toMatchObject({ kind: 'unavailable' });
});
