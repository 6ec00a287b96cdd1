// What scripts in the wild do, per language, served by a real server over HTTP.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Chapter } from './chapter.ts';
import { javascript, v8js } from './javascript-idioms.ts';
import { php } from './php-idioms.ts';
import { python, python2 } from './python-idioms.ts';

let chapter: Chapter;

beforeAll(async () => {
  chapter = await Chapter.open({ TENON_EGRESS_ALLOW: '127.0.0.1' });
});

afterEach(() => chapter.clear());
afterAll(() => chapter.close());

describe.each([
  ['nodejs', javascript],
  ['typescript', javascript.filter(({ script }) => !/total = 0|for \(i|var_dump/.test(script))],
  ['v8js', v8js],
  ['python3', python],
  ['python', python2],
  ['php', php],
] as const)('scripts of type %s', (type, rows) => {
  test.each(rows.map((row) => [row.what, row] as const))('%s', async (_what, row) => {
    if (row.event === undefined) await chapter.serve('math', type, row.script);
    else await chapter.attach(row.event, type, row.script);
    const path = row.path ?? (row.event === undefined ? 'math' : 'db/_table/contact');
    const { method = 'GET', body, headers = {} } = row;
    // Twice: a second run finds nothing of the first.
    for (let times = 0; times < 2; times++) {
      const asked = { method, headers, ...(body === undefined ? {} : { body }) };
      const answer = await chapter.server.ask(`/api/v2/${path}`, asked);
      expect([answer.status, answer.text]).toEqual([row.status ?? 200, answer.text]);
      if (typeof row.answer === 'object') expect(answer.body).toMatchObject(row.answer as object);
      else expect(answer.body).toEqual(row.answer);
    }
    if (row.log !== undefined) expect(chapter.logOf(row.event ?? 'service.math')).toContain(row.log);
  });
});
