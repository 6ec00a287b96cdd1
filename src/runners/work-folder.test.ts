// Work folders: what they may hold, and that clearing one touches nothing else.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import { WorkFolder } from './work-folder.ts';

let place: string;
let folder: WorkFolder;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  folder = new WorkFolder(place, 'nodejs');
});

afterEach(() => rmSync(place, { recursive: true, force: true }));

const removed = (group = 0) => new Promise<void>((resolve) => folder.remove(group, resolve));

describe('a work folder', () => {
  it('may hold files', () => {
    mkdirSync(join(folder.path, 'deep', 'er'), { recursive: true });
    for (let i = 0; i < 100; i++)
      writeFileSync(join(folder.path, 'deep', 'er', String(i)), 'x'.repeat(10_000));
    expect(folder.excess()).toBeUndefined();
  });

  it('holds too many files, in folders of folders as well', () => {
    const half = limits.runnerFiles / 2;
    mkdirSync(join(folder.path, 'a', 'b'), { recursive: true });
    for (let i = 0; i < half; i++) writeFileSync(join(folder.path, `f${i}`), '');
    expect(folder.excess()).toBeUndefined();
    for (let i = 0; i < half; i++) writeFileSync(join(folder.path, 'a', 'b', `f${i}`), '');
    expect(folder.excess()).toMatch(/^its work folder held more than 2000 files or 256 MB$/);
  });

  it('holds too many bytes', () => {
    const part = Buffer.alloc(16 * 1_048_576, 1);
    for (let i = 0; i <= limits.runnerFilesMb / 16; i++) writeFileSync(join(folder.path, `f${i}`), part);
    expect(folder.excess()).toContain('256 MB');
  });

  it('counts what lies on the disk: a hole takes nothing, a link not what it leads to', () => {
    writeFileSync(join(folder.path, 'hole'), '');
    truncateSync(join(folder.path, 'hole'), 1e10);
    symlinkSync('/', join(folder.path, 'root'));
    expect(folder.excess()).toBeUndefined();
  });

  it('that is gone holds nothing', async () => {
    await removed();
    expect(folder.excess()).toBeUndefined();
  });
});

describe('clearing', () => {
  it('removes an empty folder at once', () => {
    let isDone = false;
    folder.remove(0, () => (isDone = true));
    expect([isDone, existsSync(folder.path)]).toEqual([true, false]);
  });

  it('removes what is in it, and links without what they lead to', async () => {
    mkdirSync(join(place, 'other'));
    writeFileSync(join(place, 'other', 'kept'), '');
    mkdirSync(join(folder.path, 'deep'));
    symlinkSync(join(place, 'other'), join(folder.path, 'deep', 'link'));
    await removed();
    expect(existsSync(folder.path)).toBe(false);
    expect(readdirSync(join(place, 'other'))).toEqual(['kept']);
  });

  it.runIf(process.platform !== 'win32')('waits for processes that could still write', async () => {
    const program = 'while :; do echo > "f$((n += 1))"; sleep 0.01; done';
    const child = spawn('/bin/sh', ['-c', program], { cwd: folder.path, detached: true, stdio: 'ignore' });
    await expect.poll(() => readdirSync(folder.path).length).toBeGreaterThan(0);
    setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 50);
    await removed(child.pid);
    expect(existsSync(folder.path)).toBe(false);
  });
});
