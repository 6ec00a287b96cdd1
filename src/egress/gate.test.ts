import { expect, test } from 'vitest';
import { Gate } from './gate.ts';

test('lets so many in at once, in order', async () => {
  const gate = new Gate(2);
  const [started, ends]: [number[], (() => void)[]] = [[], []];
  const all = [0, 1, 2, 3].map((each) =>
    gate.pass(() => {
      started.push(each);
      return new Promise<number>((resolve) => ends.push(() => resolve(each)));
    }),
  );
  expect(started).toEqual([0, 1]);
  ends[1]?.();
  expect(await all[1]).toBe(1);
  expect(started).toEqual([0, 1, 2]);
  ends[0]?.();
  ends[2]?.();
  await all[2];
  ends[3]?.();
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
});

test('a failure frees its place', async () => {
  const gate = new Gate(1);
  await expect(gate.pass(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await gate.pass(async () => 'yes')).toBe('yes');
});

test('whoever gives up leaves the line', async () => {
  const gate = new Gate(1);
  let end = () => {};
  const first = gate.pass(() => new Promise<void>((resolve) => (end = resolve)));
  const giving = new AbortController();
  const second = gate.pass(async () => 'second', giving.signal);
  const third = gate.pass(async () => 'third');
  giving.abort(new Error('given up'));
  await expect(second).rejects.toThrow('given up');
  await expect(gate.pass(async () => 'late', giving.signal)).rejects.toThrow('given up');
  end();
  await first;
  expect(await third).toBe('third');
  expect(await gate.pass(async () => 'again')).toBe('again');
});
