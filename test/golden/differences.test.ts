import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { differences, standIns } from './differences.ts';
import { recorded, type Transcript, type Vector } from './records.ts';

const transcripts = recorded<Transcript>('transcripts.json');
const vectors = ['nodejs', 'python3', 'php'].flatMap((language) =>
  recorded<Vector>(`vectors-${language}.json`),
);
const known = new Set([...transcripts, ...vectors].map(({ id }) => id));

describe('the list of differences', () => {
  test.each(Object.entries(differences))('%s is a record, with a reason and our answer', (id, difference) => {
    expect(known).toContain(id);
    expect(difference.reason.length).toBeGreaterThan(20);
    const { ours, foreign, log } = difference;
    expect(Object.keys(ours).length > 0 || foreign !== undefined || log !== undefined).toBe(true);
  });

  test('stand-ins are for records', () => {
    for (const id of Object.keys(standIns)) expect(known).toContain(id);
  });

  test('the table of counts in the README is right', () => {
    const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8');
    const rows = readme.matchAll(/^\| (?:Node\.js|Python 3|PHP) +\| (\d+) .*\| (\d+) +\|$/gm);
    const counted = ['nodejs', 'python3', 'php'].map((language) => {
      const own = recorded<Vector>(`vectors-${language}.json`);
      return [own.length, own.filter(({ id }) => id in differences).length];
    });
    expect([...rows].map(([, all, different]) => [Number(all), Number(different)])).toEqual(counted);
  });

  test('every id is there once', () => {
    expect(known.size).toBe(transcripts.length + vectors.length);
  });
});
