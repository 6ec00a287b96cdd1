import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { eventOf, type RunReport, reportText } from './script-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-script-run-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const server = 'http://127.0.0.1:1';

describe('the event that options describe', () => {
  test('nothing said is nothing asked', () => {
    expect(eventOf({ server })).toEqual({});
  });

  test('options add to the request of the event', () => {
    const event = '{"request":{"method":"GET","parameters":{"a":1,"b":2}},"response":{"content":[]}}';
    expect(eventOf({ server, event, method: 'PUT', path: 'hr?x=1', param: ['b=3', 'c=d=e', 'f='] })).toEqual({
      request: { method: 'PUT', path: 'hr?x=1', parameters: { a: 1, b: '3', c: 'd=e', f: '' } },
      response: { content: [] },
    });
  });

  test('an event may stand in a file', () => {
    const file = join(folder, 'event.json');
    writeFileSync(file, '{"request":{"payload":{"name":"x"}}}');
    expect(eventOf({ server, event: `@${file}` })).toEqual({ request: { payload: { name: 'x' } } });
    expect(() => eventOf({ server, event: '@/nowhere.json' })).toThrow('/nowhere.json cannot be read');
  });

  test.each(['{', '[]', '5', ''])('%j is no event', (event) => {
    expect(() => eventOf({ server, event })).toThrow('is not a JSON object');
  });

  test.each(['x', '=y'])('%j is no parameter', (param) => {
    expect(() => eventOf({ server, param: [param] })).toThrow('is not name=value');
  });
});

describe('what a person reads of a run', () => {
  const report: RunReport = {
    outcome: 'finished',
    duration_ms: 1.5,
    script: 'a.js',
    output: [],
    is_output_cut: false,
    error_message: null,
    error_line: null,
    error_column: null,
    error_stack: null,
    returned: null,
    changes: {},
    response: null,
  };

  test('of one that did nothing: that it ended', () => {
    expect(reportText(report)).toBe('finished after 1.5 ms');
  });

  test('of one that did much: all of it', () => {
    const output = [
      { level: 'log', text: 'one\ntwo' },
      { level: 'error', text: 'three' },
    ];
    const response = { status_code: 201, content: null };
    const much = { ...report, output, is_output_cut: true, returned: 0, changes: { a: [1] }, response };
    expect(reportText(much).split('\n')).toEqual([
      'finished after 1.5 ms',
      'log   one',
      '      two',
      'error three',
      '(the rest of the output is in the log of the server)',
      'returned: 0',
      'changed a: [',
      '  1',
      ']',
      'response: 201 null',
    ]);
  });

  test('of one that failed: where, with the line where it is known', () => {
    const stack = 'Error: no\n    at a.js:2:7\n    at a.js:9:1';
    const failed = { ...report, outcome: 'threw', error_message: 'no', error_stack: stack };
    const placed = { ...failed, error_line: 2, error_column: 7 };
    expect(reportText(placed, { file: 'a.js', content: '\nthrow no;' })).toBe(
      'threw after 1.5 ms: no\n  a.js:2:7\n  2 | throw no;\n    |       ^\n    at a.js:2:7\n    at a.js:9:1',
    );
    expect(reportText(placed)).toContain('\n  line 2, column 7\n');
    expect(reportText(failed)).toBe('threw after 1.5 ms: no\n    at a.js:2:7\n    at a.js:9:1');
  });
});
