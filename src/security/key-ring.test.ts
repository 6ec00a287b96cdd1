import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KeySource, openKeyRing } from './key-ring.ts';
import { givenKey, keyFiles } from './master-key.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'key-ring-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const open = (more: Partial<KeySource> = {}) =>
  openKeyRing({ given: undefined, previous: undefined, home, ...more });
const newKey = () => randomBytes(32).toString('hex');
/** Puts a key into a file and gives its id. */
const put = (role: keyof typeof keyFiles, key = newKey()) => {
  writeFileSync(join(home, `${role}.aside`), Buffer.from(key, 'hex').toString('base64'), { mode: 0o600 });
  renameSync(join(home, `${role}.aside`), join(home, keyFiles[role]));
  return givenKey(key).id;
};

describe('keys in the data folder', () => {
  test('are made when there is none, and are the same for whoever opens them later', () => {
    const id = open().current().id;
    expect(readdirSync(home)).toEqual(['master.key']);
    expect(open().current().id).toBe(id);
    expect(open().find(id)?.id).toBe(id);
  });

  test('are found in all three files, but one is in force', () => {
    const ids = [put('current'), put('next'), put('previous')];
    const keys = open();
    expect(ids.map((id) => keys.find(id)?.id)).toEqual(ids);
    expect(keys.current().id).toBe(ids[0]);
    expect(keys.find('00000000')).toBeUndefined();
  });

  test('that come later are found at once', () => {
    const keys = open();
    const id = put('next');
    expect(keys.find(id)?.id).toBe(id);
  });

  test('that are replaced are in force at once, and the one before goes on to open', () => {
    const keys = open();
    const before = keys.current().id;
    const after = put('current');
    expect(keys.current().id).toBe(after);
    expect(keys.find(before)?.id).toBe(before);
  });

  test('that are taken away while the server runs go on to count', () => {
    const keys = open();
    const { id } = keys.current();
    rmSync(join(home, keyFiles.current));
    expect(keys.current().id).toBe(id);
    expect(keys.find('00000000')).toBeUndefined();
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('keys that are given', () => {
  test('need no file, and come with earlier ones', () => {
    const [now, one, two] = [newKey(), newKey(), newKey()];
    const keys = open({ given: now, previous: ` ${one},${two} ,` });
    expect(keys.current().id).toBe(givenKey(now).id);
    for (const key of [now, one, two]) expect(keys.find(givenKey(key).id)?.id).toBe(givenKey(key).id);
    expect(readdirSync(home)).toEqual([]);
  });

  test('may be earlier ones of a key in the data folder', () => {
    const one = newKey();
    const keys = open({ previous: one });
    expect(keys.find(givenKey(one).id)?.id).toBe(givenKey(one).id);
    expect(keys.current().id).not.toBe(givenKey(one).id);
  });
});
