import { SourceMap } from 'node:module';
import { describe, expect, test } from 'vitest';
import type { Program } from '../core/runner.ts';
import { compileSource } from './source.ts';

async function programOf(content: string, language = 'nodejs'): Promise<Program> {
  const compiled = await compileSource({ name: 'db.get.pre_process', language, content });
  if (!compiled.ok) throw new Error(`${compiled.message} (line ${compiled.line}, column ${compiled.column})`);
  return compiled.program;
}

/** Runs compiled code as a runner would: the body of a function. */
function run(program: Program, event: unknown = {}): unknown {
  const load = (name: string) => ({ loaded: name, default: `default of ${name}`, __esModule: true });
  return new Function('event', 'platform', 'require', program.code)(event, {}, load);
}

describe('compileSource', () => {
  test('JavaScript without modules runs exactly as written', async () => {
    const content = '\n// a comment\nvar x = 1;\n\n\nreturn x;';
    const program = await programOf(content);
    expect(program.code).toBe(content);
    expect(program.sourceMap).toBeUndefined();
    expect(program.isAsync).toBe(false);
    expect(run(program)).toBe(1);
  });

  test('sloppy mode stays: undeclared names, octal numbers, with, delete', async () => {
    expect(run(await programOf('var o = {a: 1}; with (o) { a = 010; } delete o.b; return o.a;'))).toBe(8);
  });

  test.each([
    ["import * as path from 'path';\nreturn path.join('a', 'b');", false],
    ["import { chunk } from 'lodash';\nreturn chunk([1], 1);", false],
    ["import fs from 'fs';\nfs.x = 1;", true],
    ["import _ from 'lodash';\nglobalThis.x = _;", true],
    ["import _ from 'lodash';\nvar __importDefault = this; __importDefault.x = _;", true],
    ["import _ from './file';\nreturn _;", true],
  ])('what %j imports says whether it could leave something', async (text, isPristine) => {
    for (const language of ['typescript', 'nodejs']) {
      expect((await programOf(text, language)).isPristine).toBe(isPristine);
    }
  });

  test('imports and a top-level return live in one script', async () => {
    const program = await programOf(
      "import _ from 'lodash';\nimport { loaded as name } from 'x';\nreturn [_, name];",
    );
    expect(run(program)).toEqual(['default of lodash', 'x']);
    // Packages are loaded anew for each run.
    expect(program.isPristine).toBe(false);
  });

  test('exports do no harm', async () => {
    expect(run(await programOf('export const a = 5;\nreturn a;'))).toBe(5);
  });

  test('a dynamic import becomes a promise of require', async () => {
    const program = await programOf("return import('x').then((m) => m.loaded);");
    expect(await run(program)).toBe('x');
  });

  test('TypeScript with types, enums, decorators and assertions', async () => {
    const program = await programOf(
      `interface Item { price: number }
enum Kind { A = 3 }
function mark(target: unknown, name: string): void { void target; void name; }
class Thing { @mark work(): number { return 1; } }
const items = event.items as Item[];
return items.reduce((sum: number, item) => sum + item.price, Kind.A) + new Thing().work();`,
      'typescript',
    );
    expect(run(program, { items: [{ price: 1 }] })).toBe(5);
  });

  test('types are not JavaScript', async () => {
    const compiled = await compileSource({ name: 'x', language: 'nodejs', content: 'const a: number = 1;' });
    expect(compiled.ok).toBe(false);
  });

  test('a first line for the shell is a comment', async () => {
    expect(run(await programOf('#!/usr/bin/env node\nreturn 2;'))).toBe(2);
  });

  test.each([
    ['await platform.api.get("x");', true],
    ['const x = await 1; return x;', true],
    ['for await (const x of []) {}', true],
    ['await using x = y;', true],
    ['if (a) { await b; }', true],
    ['return (async () => { await 1; })();', false],
    ['async function f() { await 1; } f();', false],
    ['class A { async m() { await 1; } }', false],
    ['var s = "await 1"; // await 2', false],
  ])('awaits at top level: %s → %s', async (content, isAsync) => {
    expect((await programOf(content)).isAsync).toBe(isAsync);
  });

  test('awaiting in TypeScript', async () => {
    expect((await programOf('const x: number = await Promise.resolve(1);', 'typescript')).isAsync).toBe(true);
  });

  test('an empty script and one of comments only are fine', async () => {
    expect(run(await programOf(''))).toBeUndefined();
    expect(run(await programOf('// nothing'))).toBeUndefined();
  });
});

describe('text that can not be loaded', () => {
  test.each([
    ['nodejs', 'x = = 1', 1, 5],
    ['nodejs', 'var a = 1;\n\nif (true {\n  return;\n}', 3, 10],
    ['nodejs', 'let a = 1;\nlet a = 2;', 2, 5],
    ['nodejs', 'await 1;\nlet a;\nlet a;', 3, 5],
    ['nodejs', '}); leaked(); (function () {', 1, 1],
    ['nodejs', 'await 1; }); leaked(); (function () {', 1, 10],
    ['nodejs', 'break;', 1, 1],
    ['nodejs', 'var a;\nlet event = 1;', 2, 5],
    ['nodejs', '`open', 1, 6],
    ['typescript', 'const a: = 1;', 1, 10],
    ['typescript', 'const a: number = 1;\n\nconst a: string = "";', 3, 7],
  ])('%s %j: line %d, column %d', async (language, content, line, column) => {
    const compiled = await compileSource({ name: 'x', language, content });
    expect(compiled).toMatchObject({ ok: false, line, column, message: expect.stringMatching(/\w/) });
  });

  test('nothing of it is run', async () => {
    await compileSource({ name: 'x', language: 'nodejs', content: '}); globalThis.ran = 1; (function () {' });
    await compileSource({ name: 'x', language: 'nodejs', content: 'globalThis.ran = 1; await 1;' });
    expect((globalThis as { ran?: number }).ran).toBeUndefined();
  });
});

describe('compiled TypeScript', () => {
  test('comes with a map to the text as written', async () => {
    const content = 'interface A {\n  b: string;\n}\n\n\nconst a: A = { b: "" };\nthrow new Error(a.b);\n';
    const program = await programOf(content, 'typescript');
    const line = program.code.split('\n').findIndex((text) => text.includes('throw'));
    expect(line).toBeLessThan(6);
    const entry = new SourceMap(JSON.parse(program.sourceMap ?? '')).findEntry(line, 6);
    expect(entry).toMatchObject({ originalLine: 6, originalColumn: 6 });
  });
});
