// The folder for what lies below a private home: found, copied once, open to all, and gone in the end.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isOpenToAll, RuntimeFolder } from './runtime-folder.ts';

let place: string;
let folder: RuntimeFolder;

beforeEach(() => {
  // Made closed, as homes are.
  place = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  mkdirSync(join(place, 'home', 'programs', 'deep'), { recursive: true });
  chmodSync(join(place, 'home'), 0o700);
  chmodSync(place, 0o755);
  writeFileSync(join(place, 'home', 'programs', 'deep', 'a.js'), 'export const a = 1;\n', { mode: 0o600 });
  writeFileSync(join(place, 'home', 'tool'), '#!/bin/sh\n', { mode: 0o755 });
  folder = new RuntimeFolder([place]);
});

afterEach(() => {
  folder.close();
  rmSync(place, { recursive: true, force: true });
});

describe('a path', () => {
  it('stays as it is where everyone can read it', () => {
    expect(folder.reachable('/usr/bin')).toBe('/usr/bin');
  });

  it('stays as it is where there is nothing', () => {
    expect(folder.reachable(join(place, 'home', 'nothing'))).toBe(join(place, 'home', 'nothing'));
  });

  it('below a closed folder is copied, readable for all', () => {
    const copy = folder.reachable(join(place, 'home', 'programs'));
    expect(isOpenToAll(copy)).toBe(true);
    expect(isOpenToAll(join(copy, 'deep', 'a.js'))).toBe(true);
    expect(readFileSync(join(copy, 'deep', 'a.js'), 'utf8')).toBe('export const a = 1;\n');
  });

  it('of a program gets a second name instead of a copy', () => {
    const copy = folder.reachable(join(place, 'home', 'tool'));
    expect(statSync(copy).ino).toBe(statSync(join(place, 'home', 'tool')).ino);
    expect(isOpenToAll(copy)).toBe(true);
  });

  it('is copied once, and again to the same place when the copy was cleared away', () => {
    const programs = join(place, 'home', 'programs');
    const copy = folder.reachable(programs);
    writeFileSync(join(copy, 'mark'), '');
    expect(folder.reachable(programs)).toBe(copy);
    expect(existsSync(join(copy, 'mark'))).toBe(true);
    rmSync(copy, { recursive: true });
    expect(folder.reachable(programs)).toBe(copy);
    expect(existsSync(join(copy, 'deep', 'a.js'))).toBe(true);
  });

  it('is copied anew when it changed, and the copy before the last goes', () => {
    const programs = join(place, 'home', 'programs');
    const copies = [1, 2, 3].map((version) => {
      writeFileSync(join(programs, 'deep', `v${version}`), '');
      return folder.reachable(programs);
    });
    expect(new Set(copies).size).toBe(3);
    expect(copies.map(existsSync)).toEqual([false, true, true]);
    expect(existsSync(join(copies[2] ?? '', 'deep', 'v3'))).toBe(true);
  });

  it('has modules in copies of programs', () => {
    const copy = folder.reachable(join(place, 'home', 'programs'));
    expect(JSON.parse(readFileSync(join(copy, '..', '..', 'package.json'), 'utf8'))).toEqual({
      type: 'module',
    });
  });
});

describe('a runtime folder', () => {
  it('goes when it is closed', () => {
    const copy = folder.reachable(join(place, 'home', 'programs'));
    mkdirSync(join(folder.work, 'left'));
    folder.close();
    expect(existsSync(join(copy, '..', '..'))).toBe(false);
  });

  it('copies nothing where every folder is closed', () => {
    const closed = new RuntimeFolder([join(place, 'home'), join(place, 'nothing')]);
    expect([closed.isOpen, folder.isOpen]).toEqual([false, true]);
    expect(closed.reachable(join(place, 'home', 'programs'))).toBe(join(place, 'home', 'programs'));
  });

  it('has a place for work folders that can be passed through and not listed', () => {
    expect(statSync(folder.work).mode & 0o777).toBe(0o711);
    expect(folder.work.startsWith(`${place}/`)).toBe(true);
  });

  it('says what modules are in it: programs of ours, and scripts', () => {
    const texts = folder.about.map((path) => JSON.parse(readFileSync(path, 'utf8')));
    expect(texts).toEqual([{ type: 'module' }, {}]);
    expect(folder.about.map((path) => statSync(path).mode & 0o777)).toEqual([0o644, 0o644]);
  });
});

describe('open to all', () => {
  it.each([
    [0o644, true],
    [0o755, true],
    [0o600, false],
    [0o744, false],
    [0o711, false],
  ])('is a file of mode %o: %s', (mode, isOpen) => {
    const file = join(place, 'file');
    writeFileSync(file, '');
    chmodSync(file, mode);
    expect(isOpenToAll(file)).toBe(isOpen);
  });
});
