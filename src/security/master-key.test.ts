import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadMasterKey, MasterKey } from './master-key.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'master-key-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const bytes = Buffer.from('f3a1c0de5b7e29846d10aa37e4c85b92016f7d3ce8b94a25d7630f1e8ac4b95d', 'hex');
const passphrase = 'nine wet herons argue about the tide tables';

describe('a key from the operator', () => {
  test.each([
    ['hex', bytes.toString('hex')],
    ['upper-case hex', bytes.toString('hex').toUpperCase()],
    ['base64', bytes.toString('base64')],
    ['base64url', bytes.toString('base64url')],
  ])('is read as %s, and no file is made', (_form, given) => {
    expect(loadMasterKey({ given, home }).id).toBe(new MasterKey(bytes).id);
    expect(readdirSync(home)).toEqual([]);
  });

  test('may be a passphrase', () => {
    const key = loadMasterKey({ given: passphrase, home });
    expect(loadMasterKey({ given: passphrase, home }).id).toBe(key.id);
    expect(loadMasterKey({ given: `${passphrase}!`, home }).id).not.toBe(key.id);
  });

  test.each([
    ['short', 'changeme'],
    ['31 characters', 'abcdefghijklmnopqrstuvwxyz01234'],
    ['one letter', 'a'.repeat(64)],
    ['zeros', '0'.repeat(64)],
    ['a repeated word', 'secretsecretsecretsecretsecretsecret'],
    ['zero bytes as base64', Buffer.alloc(32).toString('base64')],
    ['one byte as base64', Buffer.alloc(32, 7).toString('base64')],
  ])('is refused when it is weak: %s', (_what, given) => {
    expect(() => loadMasterKey({ given, home })).toThrow(
      expect.objectContaining({
        kind: 'config.invalid',
        message: expect.stringContaining('TENON_MASTER_KEY'),
      }),
    );
  });
});

describe('a key in the data folder', () => {
  const file = () => join(home, 'master.key');

  test('is made once, for the owner only', () => {
    const key = loadMasterKey({ given: undefined, home });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(home)).toEqual(['master.key']);
    expect(loadMasterKey({ given: undefined, home }).id).toBe(key.id);
  });

  test('is made in a folder that is not there yet', () => {
    const inner = join(home, 'a', 'b');
    loadMasterKey({ given: undefined, home: inner });
    expect(statSync(inner).mode & 0o077).toBe(0);
  });

  test.each([0o640, 0o604, 0o660, 0o666])('is refused when others may read or write it: %o', (mode) => {
    loadMasterKey({ given: undefined, home });
    chmodSync(file(), mode);
    expect(() => loadMasterKey({ given: undefined, home })).toThrow(/may be read by others/);
  });

  test.each(['', 'not a key', 'AAAA'])('is refused when its content is no key: %j', (content) => {
    writeFileSync(file(), content, { mode: 0o600 });
    expect(() => loadMasterKey({ given: undefined, home })).toThrow(/holds no key/);
    expect(readFileSync(file(), 'utf8')).toBe(content);
  });
});

describe('derived keys', () => {
  const key = new MasterKey(bytes);

  test('differ by purpose and salt, and come again', () => {
    const salt = Buffer.alloc(16, 1);
    expect(key.derive('session')).toEqual(new MasterKey(bytes).derive('session'));
    const keys = [key.derive('session'), key.derive('secret'), key.derive('secret', salt)];
    expect(new Set(keys.map((derived) => derived.toString('hex'))).size).toBe(3);
    expect(keys.every((derived) => derived.length === 32)).toBe(true);
  });

  test('are all that shows: neither JSON nor inspection tells the master key', () => {
    const shown = JSON.stringify(key) + inspect(key, { depth: 9, showHidden: true });
    expect(shown).toContain(key.id);
    expect(shown).not.toContain(bytes.toString('hex').slice(0, 16));
    expect(shown).not.toMatch(/f3 a1 c0 de/);
  });
});
