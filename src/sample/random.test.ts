import { describe, expect, test } from 'vitest';
import { Random } from './random.ts';

describe('Random', () => {
  test('the same seed gives the same numbers, another seed others', () => {
    const draw = (seed: number) => {
      const random = new Random({ seed });
      return Array.from({ length: 6 }, () => random.integer(0, 999_999));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1)).toEqual([627_073, 2_735, 527_447, 981_050, 968_377, 281_103]);
  });

  test('numbers fill the whole range and nothing beyond it', () => {
    const random = new Random({ seed: 7 });
    const seen = new Set(Array.from({ length: 2_000 }, () => random.integer(-2, 3)));
    expect([...seen].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2, 3]);
  });

  test('percentages hold at their ends', () => {
    const random = new Random({ seed: 7 });
    const draws = Array.from({ length: 500 }, () => [random.happens(0), random.happens(100)]);
    expect(draws.every(([never, always]) => never === false && always === true)).toBe(true);
  });

  test('a list of one gives that one', () => {
    expect(new Random({ seed: 3 }).pick(['only'])).toBe('only');
  });
});
