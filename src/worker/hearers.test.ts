import { expect, it } from 'vitest';
import { Hearers } from './hearers.ts';

const states = async (...promises: Promise<boolean>[]) => {
  const open = Promise.resolve('open' as const);
  return Promise.all(promises.map((promise) => Promise.race([promise, open.then((text) => text)])));
};

it('those who told before a look began are answered by it, later ones by the next', async () => {
  const hearers = new Hearers();
  const [first, second] = [hearers.wait(), hearers.wait()];
  const look = hearers.take();
  const third = hearers.wait();
  look?.resolve(true);
  expect(await Promise.all([first, second])).toEqual([true, true]);
  expect(await states(third)).toEqual(['open']);
  hearers.take()?.resolve(true);
  expect(await third).toBe(true);
  expect(hearers.take()).toBeUndefined();
});

it('a look that came to nothing is made up for by the next one', async () => {
  const hearers = new Hearers();
  const first = hearers.wait();
  const failed = hearers.take();
  const second = hearers.wait();
  hearers.putBack(failed);
  expect(await states(first, second)).toEqual(['open', 'open']);
  hearers.take()?.resolve(true);
  expect(await Promise.all([first, second])).toEqual([true, true]);
  hearers.putBack(undefined);
});

it('who waits when there are no further looks is told so, and who comes later, too', async () => {
  const hearers = new Hearers();
  const first = hearers.wait();
  const look = hearers.take();
  const second = hearers.wait();
  hearers.end();
  hearers.putBack(look);
  expect(await Promise.all([first, second, hearers.wait()])).toEqual([false, false, false]);
});
