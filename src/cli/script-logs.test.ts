import { describe, expect, test } from 'vitest';
import { type LoggedRun, runText, searchOf } from './script-logs.ts';

describe('what is asked for', () => {
  test('the last runs up to a position, newest first', () => {
    const search = searchOf({ failed: false, script: undefined }, { upTo: 7, limit: 20 });
    expect(Object.fromEntries(search)).toEqual({
      fields: '*',
      filter: '(position <= 7)',
      order: 'position desc',
      limit: '20',
    });
  });

  test('those behind a position in their order, of one script, failed ones', () => {
    const search = searchOf({ failed: true, script: "a'b" }, { after: 7, limit: 1_000 });
    expect(Object.fromEntries(search)).toMatchObject({
      filter: "(position > 7) and (outcome != 'finished') and (script = :script)",
      'params[script]': "a'b",
      order: 'position asc',
    });
  });
});

describe('what a person reads of a run', () => {
  const run: LoggedRun = {
    id: 'id',
    position: 1,
    script: 'hr.get.pre_process',
    started_date: '2026-01-02T03:04:05.678Z',
    duration_ms: 1.25,
    outcome: 'threw',
    output: [{ level: 'log', text: 'one\ntwo' }],
    is_output_cut: true,
    error_message: 'no',
    error_line: 3,
    error_column: 7,
  };

  test('when, how it ended, what it printed, where it failed', () => {
    expect(runText(run).split('\n')).toEqual([
      '2026-01-02 03:04:05.678  threw            1.3 ms  hr.get.pre_process  id',
      '    log   one',
      '          two',
      '    (the rest is in the log of the server)',
      '    no (line 3, column 7)',
    ]);
  });

  test('a place that the message tells is not told twice', () => {
    const told = { ...run, error_message: 'no (line 3, column 7)' };
    expect(runText(told)).toMatch(/\n {4}no \(line 3, column 7\)$/);
    const fine = { ...run, output: [], is_output_cut: false, error_message: null, error_line: null };
    expect(runText({ ...fine, outcome: 'finished' }).split('\n')).toHaveLength(1);
  });
});
