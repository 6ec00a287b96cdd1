import { describe, expect, test } from 'vitest';
import { Progress } from './progress.ts';

function shown(isTTY: boolean, steps: readonly number[]): string {
  let text = '';
  const stream = { isTTY, write: (part: string) => (text += part) };
  const progress = new Progress({ stream, what: 'Rows' });
  for (const done of steps) progress.show(done, 4_000);
  return text.replace(/\d+\.\d s\n$/, '*\n');
}

describe('Progress', () => {
  test('a terminal sees one line that grows and ends', () => {
    const text = shown(true, [0, 2_000, 4_000]);
    expect(text.split('\r').slice(1)).toEqual([
      `Rows ${'░'.repeat(30)} 0`,
      `Rows ${'█'.repeat(15)}${'░'.repeat(15)} 2,000`,
      `Rows ${'█'.repeat(30)} 4,000, done in *\n`,
    ]);
  });

  test('a file sees the start and the end', () => {
    expect(shown(false, [0, 1_000, 2_000, 4_000])).toBe('Rows …\nRows: 4,000, done in *\n');
  });
});
