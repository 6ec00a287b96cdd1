import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { MasterKey } from './master-key.ts';
import { Secrets } from './secrets.ts';

const key = new MasterKey(randomBytes(32));
const secrets = new Secrets({ key });
const place = 'service|sales|config.password';
const unreadable = expect.objectContaining({ kind: 'config.invalid', status: 400 });

describe('sealed texts', () => {
  test('open to what they were', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, where) => {
        expect(secrets.open(secrets.seal(text, where), where)).toBe(text);
      }),
    );
  });

  test('carry version and key id, and never look the same twice', () => {
    const sealed = Array.from({ length: 50 }, () => secrets.seal('same', place));
    expect(new Set(sealed).size).toBe(50);
    for (const text of sealed) expect(text).toMatch(new RegExp(`^tenon:1:${key.id}:[A-Za-z0-9+/]+=*$`));
  });

  test('do not open at another place', () => {
    const sealed = secrets.seal('x', 'service|sales|config.password');
    for (const other of [
      'service|sales|config.user',
      'service|hr|config.password',
      '',
      `${place}|${key.id}`,
    ]) {
      expect(() => secrets.open(sealed, other)).toThrow(unreadable);
    }
  });

  test('do not open with another key, but with an earlier one', () => {
    const sealed = secrets.seal('x', place);
    const later = new MasterKey(randomBytes(32));
    expect(() => new Secrets({ key: later }).open(sealed, place)).toThrow(unreadable);
    expect(new Secrets({ key: later, earlier: [key] }).open(sealed, place)).toBe('x');
    expect(new Secrets({ key: later, earlier: [key] }).seal('x', place)).toContain(later.id);
  });

  test('do not open when any byte was changed', () => {
    const sealed = secrets.seal('text', place);
    const start = sealed.lastIndexOf(':') + 1;
    const content = Buffer.from(sealed.slice(start), 'base64');
    for (let at = 0; at < content.length; at++) {
      const changed = Buffer.from(content);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => secrets.open(sealed.slice(0, start) + changed.toString('base64'), place)).toThrow(
        unreadable,
      );
    }
  });

  test.each([
    '',
    'plain text',
    'tenon:1:',
    `tenon:1:${key.id}:`,
    `tenon:1:${key.id}:AAAA`,
    `tenon:2:${key.id}:${'A'.repeat(80)}`,
    `tenon:1:00000000:${'A'.repeat(80)}`,
  ])('do not open when they are none: %j', (text) => {
    expect(() => secrets.open(text, place)).toThrow(unreadable);
  });

  test('say nothing of what they hold when they do not open', () => {
    const sealed = secrets.seal('hunter2', place);
    expect(() => secrets.open(sealed, 'elsewhere')).toThrow(/^((?!hunter2|service\|sales).)*$/);
  });
});
