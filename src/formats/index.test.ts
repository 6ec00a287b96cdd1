import { describe, expect, test } from 'vitest';
import { Body } from '../core/body.ts';
import type { Result } from '../core/operation.ts';
import { formatOf, readableBody, writtenResult } from './index.ts';

describe('forms', () => {
  test.each(['application/json', 'text/plain', 'text/html', '*/*', ''])('none for %j', (type) => {
    expect(formatOf(type)).toBeUndefined();
    expect(readableBody(Body.ofText('a', type))).toBeUndefined();
  });

  test.each([
    ['text/csv', 'a\n1\n', { resource: [{ a: '1' }] }],
    ['application/xml', '<r><a>1</a></r>', { a: '1' }],
    ['text/xml', '<r><a>1</a></r>', { a: '1' }],
  ])('a body of %s has a value, and its text', async (type, text, value) => {
    const body = await readableBody(Body.ofText(text, type));
    expect([body?.text, body?.mediaType, body?.value]).toEqual([text, type, value]);
  });
});

describe('a result in a form', () => {
  const rows: Result = { status: 200, headers: { 'x-a': '1' }, body: Body.ofText('{"resource":[{"a":1}]}') };

  test('has its text, type and other headers', async () => {
    const written = await writtenResult(rows, ' Text/CSV ');
    expect([written.status, written.body?.text, written.headers]).toEqual([
      200,
      'a\n1\n',
      { 'content-type': 'text/csv; charset=UTF-8', 'x-a': '1' },
    ]);
    expect((await writtenResult(rows, 'application/xml')).headers['content-type']).toBe('application/xml');
  });

  test.each<[string, Result, string]>([
    ['for other types', rows, 'application/json'],
    ['for several types', rows, 'text/csv, */*'],
    ['without content', { ...rows, body: undefined }, 'text/csv'],
    ['that is text', { ...rows, body: Body.ofText('x', 'text/plain') }, 'text/csv'],
    ['of a type that a script chose', { ...rows, mediaType: 'application/hal+json' }, 'text/csv'],
  ])('stays as it is %s', async (_what, result, accept) => {
    expect(await writtenResult(result, accept)).toBe(result);
  });
});
