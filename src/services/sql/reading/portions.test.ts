import { describe, expect, test } from 'vitest';
import { limits } from '../../../core/limits.ts';
import { Portions, Room } from './portions.ts';

/** Portions of these lengths, and whether the read behind them was ended. */
function read(...lengths: readonly number[]) {
  const state = { taken: 0, hasEnded: false };
  async function* all(): AsyncGenerator<readonly number[]> {
    try {
      for (const length of lengths) {
        state.taken++;
        yield Array.from({ length }, (_each, index) => index);
      }
    } finally {
      state.hasEnded = true;
    }
  }
  return { state, portions: new Portions(all()) };
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const full = limits.streamPortion;

describe('a list that is read in portions', () => {
  test.each<[readonly number[], number]>([
    [[], 0],
    [[3], 3],
    [[full - 1], full - 1],
  ])('of %j is whole at once', async (lengths, length) => {
    const { state, portions } = read(...lengths);
    expect((await portions.begin())?.length).toBe(length);
    expect(state.hasEnded).toBe(true);
  });

  test.each<[readonly number[], number]>([
    [[full], 1],
    [[full, 1], 1],
    [[5, 4], 2],
    [[5, full, full], 2],
  ])('of %j begins with %i and goes on', async (lengths, begun) => {
    const { state, portions } = read(...lengths);
    expect([await portions.begin(), state.taken, portions.length]).toEqual([undefined, begun, 0]);
    const rest = await collected(portions);
    expect(rest.map((portion) => portion.length)).toEqual(lengths);
    expect([portions.length, state.hasEnded]).toEqual([lengths.reduce((sum, each) => sum + each, 0), true]);
  });

  test('fails before it begins, or later', async () => {
    async function* failing(...lengths: readonly number[]): AsyncGenerator<readonly number[]> {
      for (const length of lengths) yield new Array<number>(length).fill(0);
      throw new Error('gone');
    }
    await expect(new Portions(failing()).begin()).rejects.toThrow('gone');
    await expect(new Portions(failing(3)).begin()).rejects.toThrow('gone');
    const later = new Portions(failing(full));
    expect(await later.begin()).toBeUndefined();
    await expect(collected(later)).rejects.toThrow('gone');
  });

  test('ends when it is closed, however far it came, and once', async () => {
    const unread = read(full, full);
    await unread.portions.begin();
    unread.portions.close();
    unread.portions.close();
    const left = read(full, full, full);
    await left.portions.begin();
    for await (const _portion of left.portions) break;
    await new Promise((done) => setImmediate(done));
    expect([unread.state, left.state]).toEqual([
      { taken: 1, hasEnded: true },
      { taken: 1, hasEnded: true },
    ]);
  });
});

test('a list in memory has room up to the limit', () => {
  const room = new Room();
  room.take(limits.answerChars);
  expect(() => room.take(1)).toThrow(
    expect.objectContaining({
      kind: 'request.answer_too_large',
      message: expect.stringMatching(/limit, offset/),
    }),
  );
});
