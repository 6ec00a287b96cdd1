import { describe, expect, test } from 'vitest';
import { differenceText, type ImportReport, summaryText } from './import-difference.ts';

function report(
  record: Partial<ImportReport['resource'][number]>,
  over: Partial<ImportReport> = {},
): ImportReport {
  const whole = { kind: 'role', name: 'readers', action: 'updated', changes: [], ...record };
  return { dry_run: true, summary: { [whole.action]: 1 }, resource: [whole], warnings: [], ...over };
}

const plain = { isColoured: false };

describe('what a person reads of a difference', () => {
  test('a sign for each record, and its fields before and after', () => {
    const changes = [
      { field: 'description', before: null, after: 'Who "reads"' },
      { field: 'is_active', before: true, after: false },
      { field: 'role_service_access_by_role_id[sales, _table/*, 3]', before: { verb_mask: 1 }, after: null },
    ];
    expect(differenceText(report({ changes }), plain).split('\n')).toEqual([
      '~ role readers',
      '    description: none → "Who \\"reads\\""',
      '    is_active: true → false',
      '    role_service_access_by_role_id[sales, _table/*, 3]: {"verb_mask":1} → none',
    ]);
  });

  test('of what is new only what it is, of what goes only its name', () => {
    const changes = [
      { field: 'name', before: null, after: 'readers' },
      { field: 'description', before: null, after: 'text' },
    ];
    expect(differenceText(report({ action: 'created', changes }), plain)).toBe(
      '+ role readers\n    description: "text"',
    );
    expect(differenceText(report({ action: 'deleted', changes }), plain)).toBe('- role readers');
  });

  test.each([
    ['a\nb\nc\nd\ne', 'a\nb\nX\nd\ne', ['  … 1 lines', '  b', '- c', '+ X', '  d', '  … 1 lines']],
    ['a\nb', 'a\nb\nc', ['  … 1 lines', '  b', '+ c']],
    ['a\nb', 'b', ['- a', '  b']],
    ['one', 'a\nb', ['- one', '+ a', '+ b']],
    [null, 'a\nb', ['+ a', '+ b']],
    ['a\na', 'a\na\na', ['  … 1 lines', '  a', '+ a']],
  ])('of texts of several lines the lines that differ: %j and %j', (before, after, lines) => {
    const changes = [{ field: 'content', before, after }];
    const told = differenceText(report({ changes }), plain).split('\n').slice(2);
    expect(told.map((line) => line.slice(6))).toEqual(lines);
  });

  test('nothing of what stays', () => {
    expect(differenceText(report({ action: 'unchanged' }), plain)).toBe('');
    expect(differenceText(report({ action: 'skipped' }), plain)).toBe('');
  });

  test('colours only where they are seen', () => {
    const changes = [{ field: 'label', before: 'a', after: 'b' }];
    const text = differenceText(report({ changes }), { isColoured: true });
    expect(text).toContain('\u001b[31m"a"\u001b[39m → \u001b[32m"b"\u001b[39m');
    expect(differenceText(report({ changes }), plain)).not.toContain('\u001b');
  });
});

describe('the summary', () => {
  test.each([
    [{ created: 1, updated: 0, unchanged: 4 }, true, 'It would be: 1 created, 4 unchanged.'],
    [{ created: 1, deleted: 2 }, false, 'Done: 1 created, 2 deleted.'],
    [{ created: 0, unchanged: 4 }, true, 'Nothing to change.'],
    [{ skipped: 2 }, false, 'Nothing to change.'],
  ])('%j, %s', (summary, isDryRun, text) => {
    expect(summaryText(report({}, { summary, dry_run: isDryRun }))).toBe(text);
  });
});
