import { expect, it } from 'vitest';
import { Taking } from './taking.ts';

it('messages are taken when the worker has looked', async () => {
  const heard: (readonly string[])[] = [];
  const taking = new Taking(async (texts) => heard.push(texts) > 0);
  await taking.ready();
  expect(await taking.take(['a', 'b'])).toBe(true);
  await taking.ready();
  expect(heard).toEqual([['a', 'b']]);
});

it('those of a worker without room are given back, and no others are asked for until it has looked', async () => {
  const looked = Promise.withResolvers<boolean>();
  const taking = new Taking(() => looked.promise);
  expect(await taking.take(['a'])).toBe(false);
  let isReady = false;
  const ready = taking.ready().then(() => {
    isReady = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isReady).toBe(false);
  looked.resolve(true);
  await ready;
});

it('whoever waits is told of the end, and whoever comes after it as well', async () => {
  const taking = new Taking(() => Promise.withResolvers<boolean>().promise);
  const taken = taking.take(['a']);
  taking.end();
  expect(await taken).toBe(false);
  await taking.ready();
  expect(await taking.take(['b'])).toBe(false);
});
