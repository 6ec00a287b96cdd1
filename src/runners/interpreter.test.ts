// Finding interpreters, with real files in a folder of the test's own.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInterpreter, isForEveryone } from './interpreter.ts';

let root: string;
const at = (...parts: string[]) => join(root, ...parts);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'tenon-interpreter-'));
  chmodSync(root, 0o755);
  for (const folder of ['shims', 'private', 'open']) mkdirSync(at(folder), { mode: 0o755 });
  writeFileSync(at('shims', 'lang'), '#!/bin/sh\nexec true\n', { mode: 0o755 });
  for (const folder of ['private', 'open']) copyFileSync('/bin/true', at(folder, 'lang'));
  chmodSync(at('private'), 0o700);
  writeFileSync(at('plain'), 'text');
  symlinkSync(at('private', 'lang'), at('open', 'linked'));
});

afterAll(() => rmSync(root, { recursive: true }));

describe('an interpreter', () => {
  const folders = () => [at('missing'), at('shims'), at('private'), at('open')];

  it('is a real program that everybody can read, before one that comes earlier', () => {
    expect(findInterpreter({ given: '', names: ['lang'], folders: folders() })).toEqual({
      path: at('open', 'lang'),
    });
  });

  it('is one below a private folder when there is no other', () => {
    expect(findInterpreter({ given: '', names: ['lang'], folders: folders().slice(0, 3) })).toEqual({
      path: at('private', 'lang'),
    });
  });

  it('is never a shim', () => {
    const found = findInterpreter({ given: '', names: ['lang', 'other'], folders: folders().slice(0, 2) });
    expect(found).toEqual({ problem: 'no lang or other was found on PATH' });
  });

  it('is what was given, and nothing else when that cannot be run', () => {
    expect(findInterpreter({ given: at('shims', 'lang'), names: ['lang'] })).toEqual({
      path: at('shims', 'lang'),
    });
    for (const given of [at('plain'), at('nowhere'), root]) {
      expect(findInterpreter({ given, names: ['sh'] })).toEqual({
        problem: `${given} is not a program that can be run`,
      });
    }
  });
});

describe('a file for everyone', () => {
  it('is open itself, and so are the folders of what it links to', () => {
    expect(isForEveryone(at('open', 'lang'))).toBe(true);
    expect(isForEveryone(at('open', 'linked'))).toBe(false);
    expect(isForEveryone(at('private', 'lang'))).toBe(false);
    expect(isForEveryone(at('plain'))).toBe(false);
    expect(isForEveryone(at('nowhere'))).toBe(false);
  });
});
