import { describe, expect, test } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { runnerOf, type ScriptDraft, scriptTypes, timeoutOf, validateScript } from './script-types.ts';

const draft: ScriptDraft = {
  name: 'hr._table.todo.get.pre_process',
  type: 'nodejs',
  content: 'return 1;',
  isActive: true,
};

function refusal(over: Partial<ScriptDraft>): PlatformError {
  try {
    validateScript({ ...draft, ...over });
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('validateScript', () => {
  test.each<Partial<ScriptDraft>>([
    {},
    { type: 'typescript' },
    { name: 'hr._table.{table_name}.{id}.delete.post_process' },
    { name: 'system.admin.session.post' },
    { content: '' },
    { content: 'this is = = broken' },
    { type: 'php' },
    { type: 'v8js' },
    { name: 'hr.get.queued' },
    { storageServiceId: 3, storagePath: 'a.js', content: '', isActive: false },
    { storageServiceId: 3, storagePath: 'a.js', content: 'return 1;' },
    { storageServiceId: null, storagePath: '', scmRepository: null, content: '' },
    { config: { timeout_ms: 100 } },
  ])('accepts %j', (over) => {
    expect(() => validateScript({ ...draft, ...over })).not.toThrow();
  });

  test.each<[Partial<ScriptDraft>, string, RegExp]>([
    [{ name: 'shop._table.item.get.before' }, 'script.unknown_event', /shop\._table\.item\.get\.before/],
    [{ name: 'shop' }, 'script.unknown_event', /'shop'/],
    [{ name: '' }, 'script.unknown_event', /''/],
    [{ name: 'shop.fetch' }, 'script.unknown_event', /get, post, put, patch, delete/],
    [{ name: `${'x'.repeat(limits.eventName)}.get` }, 'script.invalid', /164 characters; at most 160/],
    [{ type: 'ruby' }, 'script.unknown_type', /'ruby'; known: nodejs, typescript/],
    [{ storageServiceId: 3, content: '' }, 'script.invalid', /linked .* Give its content/],
    [{ scmRepository: 'repo', content: '' }, 'script.invalid', /linked/],
    [{ content: 'é'.repeat(limits.scriptBytes / 2 + 1) }, 'script.invalid', /content has 1048578 bytes/],
    [{ config: { timeout_ms: 0 } }, 'script.invalid', /config\.timeout_ms/],
    [{ config: { timeout_ms: '5' } }, 'script.invalid', /config\.timeout_ms/],
    [{ config: { timeout_ms: limits.scriptTimeoutMaxMs + 1 } }, 'script.invalid', /60000/],
  ])('refuses %j', (over, kind, message) => {
    const error = refusal(over);
    expect([error.kind, error.status]).toEqual([kind, 400]);
    expect(error.message).toMatch(message);
  });
});

describe('languages', () => {
  test('each type runs in the runner of its language', () => {
    expect(scriptTypes.map(({ name }) => [name, runnerOf(name)])).toEqual([
      ['nodejs', 'nodejs'],
      ['typescript', 'nodejs'],
      ['php', 'php'],
      ['python', 'python3'],
      ['python3', 'python3'],
      ['v8js', 'nodejs'],
    ]);
    expect(runnerOf('ruby')).toBeUndefined();
  });

  test('a script may ask for its own deadline', () => {
    expect(timeoutOf({})).toBe(limits.scriptTimeoutMs);
    expect(timeoutOf({ timeout_ms: 50 })).toBe(50);
    expect(timeoutOf({ timeout_ms: 10_000_000 })).toBe(limits.scriptTimeoutMaxMs);
  });
});
