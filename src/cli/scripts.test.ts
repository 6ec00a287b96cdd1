import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CommandError } from './failure.ts';
import { scriptOf } from './scripts.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-scripts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const event = 'hr._table.employees.get.post_process';

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

function refusal(work: () => unknown): CommandError {
  try {
    work();
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the script that a file is', () => {
  test('content as it stands, switched on, allowed to change the event', () => {
    const content = `// What it does.\n//\n// @event ${event}\n\nconst a = 'ü';\n`;
    expect(scriptOf(file('plain.js', content), { modify: true })).toEqual({
      name: event,
      type: 'nodejs',
      content,
      is_active: true,
      allow_event_modification: true,
    });
  });

  test('options say otherwise', () => {
    const path = file('options.ts', '// @event x._table.y.get.post_process\n');
    const given = { event, type: 'nodejs', inactive: true, modify: false };
    expect(scriptOf(path, given)).toMatchObject({
      name: event,
      type: 'nodejs',
      is_active: false,
      allow_event_modification: false,
    });
  });

  test.each([
    ['a.js', 'nodejs'],
    ['a.mjs', 'nodejs'],
    ['a.cjs', 'nodejs'],
    ['a.ts', 'typescript'],
    ['a.mts', 'typescript'],
    ['a.py', 'python3'],
    ['A.PY', 'python3'],
    ['a.php', 'php'],
  ])('%s is %s', (name, type) => {
    expect(scriptOf(file(name, ''), { event, modify: true }).type).toBe(type);
  });

  test.each([
    ['a line', `// @event ${event}\n`],
    ['a block', `/**\n * Does it.\n * @event ${event}\n */\ncode();\n`],
    ['a line of Python', `# Does it.\n# @event ${event}\nprint(1)\n`],
    ['a block of PHP', `<?php\n/**\n * @event ${event}\n */\n`],
    ['a line of PHP', `<?php // @event ${event}\n`],
    ['after a hashbang', `#!/usr/bin/env node\n// Does it.\n\n// @event ${event}\n`],
  ])('its event is in the opening comment: %s', (_form, content) => {
    expect(scriptOf(file('header.js', content), { modify: true }).name).toBe(event);
  });

  test('a comment or text further down names no event', () => {
    const error = refusal(() =>
      scriptOf(file('late.js', `const a = 1;\n// @event ${event}\n`), { modify: true }),
    );
    expect(error.message).toContain('no event to attach it to');
    expect(error.remedy).toContain("'// @event <name>'");
    const python = refusal(() => scriptOf(file('late.py', `a = 1\n# @event ${event}\n`), { modify: true }));
    expect(python.remedy).toContain("'# @event <name>'");
  });

  test('its event may stand in a JSON file beside it', () => {
    file('beside.json', JSON.stringify({ event }));
    expect(scriptOf(file('beside.js', 'code();'), { modify: true }).name).toBe(event);
    file('beside.json', '{');
    expect(refusal(() => scriptOf(join(folder, 'beside.js'), { modify: true })).message).toContain(
      'not valid JSON',
    );
  });

  test.each([
    'hr',
    'hr._table.employees.get',
    'hr employees.get.post_process',
    'hr._table.employees.fetch.post_process',
  ])("'%s' is no name of an event script", (name) => {
    const error = refusal(() => scriptOf(file('name.js', ''), { event: name, modify: true }));
    expect(error.message).toContain(`'${name}' is no name of an event script`);
    expect(error.remedy).toContain('hr._table.employees.get.post_process');
  });

  test('a language nobody knows and a file that is not there are told', () => {
    expect(refusal(() => scriptOf(file('a.rb', ''), { event, modify: true })).message).toContain('language');
    const missing = refusal(() => scriptOf(join(folder, 'missing.js'), { event, modify: true }));
    expect(missing.message).toContain('cannot be read (ENOENT)');
  });
});
