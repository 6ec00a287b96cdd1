// Copies: readable for all, by a second name where that will do, and closed in themselves.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyTree, signatureOf, touchTree } from './tree-copy.ts';

let place: string;
let path: string;
let copy: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  path = join(place, 'original');
  copy = join(place, 'copy');
  mkdirSync(join(path, 'deep'), { recursive: true, mode: 0o700 });
  writeFileSync(join(path, 'open'), 'open', { mode: 0o644 });
  writeFileSync(join(path, 'deep', 'closed'), 'closed', { mode: 0o600 });
  writeFileSync(join(path, 'tool'), 'tool', { mode: 0o700 });
});

afterEach(() => rmSync(place, { recursive: true, force: true }));

describe('a copy', () => {
  it('of files that all can read is a second name', () => {
    copyTree(path, copy);
    expect(statSync(join(copy, 'open')).ino).toBe(statSync(join(path, 'open')).ino);
  });

  it('of others is a file of its own, and the original stays closed', () => {
    copyTree(path, copy);
    expect(statSync(join(copy, 'deep', 'closed')).mode & 0o777).toBe(0o644);
    expect(statSync(join(copy, 'tool')).mode & 0o777).toBe(0o755);
    expect(statSync(join(copy, 'deep')).mode & 0o777).toBe(0o755);
    expect(statSync(join(path, 'deep', 'closed')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(copy, 'deep', 'closed'), 'utf8')).toBe('closed');
  });

  it('keeps links inside, and holds what others lead to', () => {
    writeFileSync(join(place, 'outside'), 'outside');
    symlinkSync('../open', join(path, 'deep', 'inside'));
    symlinkSync('../../outside', join(path, 'deep', 'link'));
    symlinkSync(join(path, 'open'), join(path, 'absolute'));
    symlinkSync('nothing', join(path, 'dangling'));
    symlinkSync('/nowhere', join(path, 'lost'));
    copyTree(path, copy);
    expect(readlinkSync(join(copy, 'deep', 'inside'))).toBe('../open');
    expect(readFileSync(join(copy, 'deep', 'link'), 'utf8')).toBe('outside');
    rmSync(path, { recursive: true });
    expect(readFileSync(join(copy, 'absolute'), 'utf8')).toBe('open');
    expect(existsSync(join(copy, 'lost'))).toBe(false);
  });

  it('of a folder that leads back to itself comes to an end', () => {
    symlinkSync(path, join(path, 'deep', 'again'));
    symlinkSync(place, join(path, 'deep', 'above'));
    symlinkSync('/', join(path, 'deep', 'root'));
    copyTree(path, copy);
    expect(existsSync(join(copy, 'deep', 'again'))).toBe(false);
    expect(existsSync(join(copy, 'deep', 'above'))).toBe(false);
    expect(existsSync(join(copy, 'deep', 'root'))).toBe(false);
  });
});

describe('a signature', () => {
  it('is the same as long as nothing changes', () => {
    expect(signatureOf(path)).toBe(signatureOf(path));
  });

  it.each([
    ['a new file', () => writeFileSync(join(path, 'deep', 'new'), '')],
    ['another length', () => writeFileSync(join(path, 'deep', 'closed'), 'longer than before')],
    ['another time', () => utimesSync(join(path, 'open'), 1, 1)],
    ['a file less', () => rmSync(join(path, 'tool'))],
  ])('changes with %s', (_name, change) => {
    const before = signatureOf(path);
    change();
    expect(signatureOf(path)).not.toBe(before);
  });
});

describe('touching', () => {
  it('makes files look used, and changes nothing that a signature sees', async () => {
    const before = signatureOf(path);
    const { ctimeNs } = statSync(join(path, 'deep', 'closed'), { bigint: true });
    await new Promise((resolve) => setTimeout(resolve, 20));
    touchTree(path);
    expect(statSync(join(path, 'deep', 'closed'), { bigint: true }).ctimeNs).toBeGreaterThan(ctimeNs);
    expect(signatureOf(path)).toBe(before);
  });
});
