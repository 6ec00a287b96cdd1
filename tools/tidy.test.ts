import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { checkHouse, describeProblem, filesOf } from './tidy/house.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

type Files = Readonly<Record<string, string>>;

/** A project of these files in a folder of its own. */
function projectOf(files: Files): string {
  const root = mkdtempSync(join(tmpdir(), 'tenon-tidy-'));
  folders.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** The breaches in a project of these files, as `path:line: rule`. */
function rulesBroken(files: Files): string[] {
  const { problems } = checkHouse(projectOf(files), Object.keys(files));
  return problems.map(({ path, line, rule }) => `${path}:${line}: ${rule}`);
}

const header = '// What this is for.\n';
const user = `${header}import { a } from './core/a.ts';\nconsole.log(a);\n`;

/** A file of core that only breaks what `body` breaks. */
const inCore = (body: string): Files => ({
  'src/cli.ts': user,
  'src/core/a.ts': `${header}/** A thing. */\nexport const a = 1;\n${body}`,
});

describe('this project', () => {
  test('keeps the rules of the house', () => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    expect(checkHouse(root, filesOf(root)).problems.map(describeProblem)).toEqual([]);
  });
});

describe('shape', () => {
  test('a small project without faults has none', () => {
    expect(rulesBroken(inCore(''))).toEqual([]);
  });

  test.each([
    ['function length', `function long() {\n${'  a;\n'.repeat(69)}}\nlong();\n`],
    ['parameters', 'const four = (a: 1, b: 2, c: 3, d: 4) => [a, b, c, d];\nfour;\n'],
    ['line length', `const text = '${'x'.repeat(110)}';\ntext;\n`],
    ['any', 'const loose: any = 1;\nloose;\n'],
    ['default export', 'export default 3;\n'],
    ['enum', 'enum Colour { Red }\nColour;\n'],
    ['non-null assertion', 'const sure = [1].at(0)!;\nsure;\n'],
    ['module state', 'let counter = 0;\ncounter++;\n'],
  ])('%s', (rule, body) => {
    expect(rulesBroken(inCore(body))).toEqual([`src/core/a.ts:4: ${rule}`]);
  });

  test('seventy lines, three parameters and a hundred and ten characters are fine', () => {
    const long = `function long() {\n${'  a;\n'.repeat(68)}}\nlong();\n`;
    const three = 'const three = (a: 1, b: 2, c: 3) => [a, b, c];\nthree;\n';
    expect(rulesBroken(inCore(`${long}${three}// ${'x'.repeat(107)}\n`))).toEqual([]);
  });

  test('a file of more than 500 lines', () => {
    expect(rulesBroken(inCore('\n'.repeat(498)))).toEqual(['src/core/a.ts:1: file length']);
  });

  test('a signature that is given elsewhere may have as many parameters as it likes', () => {
    const given =
      'type Take = (a: 1, b: 2, c: 3, d: 4) => void;\nconst take: Take = (a, b, c, d) => [a, b, c, d];\ntake;\n';
    expect(rulesBroken(inCore(given))).toEqual([]);
  });

  test('a group of tests may be long, and tests may keep state', () => {
    const group = `let state;\ndescribe('x', () => {\n${'  a;\n'.repeat(80)}});\n`;
    expect(rulesBroken({ ...inCore(''), 'src/core/a.test.ts': group })).toEqual([]);
  });
});

describe('imports', () => {
  const exported = (name: string) => `${header}/** A thing. */\nexport const ${name} = 1;\n`;

  test.each([
    ['src/core/a.ts', '../http/b.ts', 'src/http/b.ts'],
    ['src/services/sql/a.ts', '../files/b.ts', 'src/services/files/b.ts'],
    ['src/services/sql/a.ts', '../../scripts/b.ts', 'src/scripts/b.ts'],
    ['src/query/a.ts', '../security/b.ts', 'src/security/b.ts'],
    ['src/runners/node/a.ts', '../php/b.ts', 'src/runners/php/b.ts'],
    ['src/http/a.ts', '../services/b.ts', 'src/services/b.ts'],
    ['src/store/a.ts', '../main.ts', 'src/main.ts'],
  ])('%s may not import %s', (from, specifier, to) => {
    const files = {
      'src/cli.ts': `${header}import './${from.slice(4)}';\n`,
      [from]: `${header}import { b } from '${specifier}';\nb;\n`,
      [to]: exported('b'),
    };
    expect(rulesBroken(files)).toEqual([`${from}:2: import`]);
  });

  test.each([
    ['src/services/sql/a.ts', '../../core/b.ts', 'src/core/b.ts'],
    ['src/services/sql/a.ts', '../../database/b.ts', 'src/database/b.ts'],
    ['src/services/sql/a.ts', '../b.ts', 'src/services/b.ts'],
    ['src/runners/node/a.ts', '../protocol.ts', 'src/runners/protocol.ts'],
    ['src/http/a.ts', '../query/b.ts', 'src/query/b.ts'],
  ])('%s may import %s', (from, specifier, to) => {
    const files = {
      'src/cli.ts': `${header}import './${from.slice(4)}';\n`,
      [from]: `${header}import { b } from '${specifier}';\nb;\n`,
      [to]: exported('b'),
    };
    expect(rulesBroken(files)).toEqual([]);
  });

  test('npm packages stay where their purpose is', () => {
    expect(rulesBroken(inCore("import 'fastify';\n"))).toEqual(['src/core/a.ts:4: import']);
    expect(rulesBroken(inCore("import 'node:fs';\n"))).toEqual([]);
  });

  test('a cycle at run time is told with its path, one of types is none', () => {
    const b = (kind: string) =>
      `${header}import ${kind}{ a } from './a.ts';\n/** A. */\nexport type B = typeof a;\n`;
    const files = (kind: string) => ({
      'src/cli.ts': user,
      'src/core/a.ts': `${header}import type { B } from './b.ts';\nimport './b.ts';\n/** A. */\nexport const a: B = 1;\n`,
      'src/core/b.ts': b(kind),
    });
    expect(rulesBroken(files('type '))).toEqual([]);
    const { problems } = checkHouse(projectOf(files('')), Object.keys(files('')));
    expect(problems.map((problem) => problem.message)).toEqual([
      'src/core/a.ts → src/core/b.ts → src/core/a.ts',
    ]);
  });

  test('a file that only its test imports is used by nobody', () => {
    const files = {
      ...inCore(''),
      'src/core/b.ts': exported('b'),
      'src/core/b.test.ts': "import { b } from './b.ts';\nb;\n",
    };
    expect(rulesBroken(files)).toEqual(['src/core/b.ts:1: unused file']);
  });

  test('an export that nobody imports; one that only tests import is noted', () => {
    const more = '/** Not asked for. */\nexport const more = 2;\n';
    expect(rulesBroken(inCore(more))).toEqual(['src/core/a.ts:5: unused export']);
    const files = { ...inCore(more), 'src/core/a.test.ts': "import { more } from './a.ts';\nmore;\n" };
    const found = checkHouse(projectOf(files), Object.keys(files));
    expect(found.problems).toEqual([]);
    expect(found.exportsForTests.map(({ message }) => message)).toEqual(['more']);
  });

  test('what is loaded dynamically or as a whole counts as used', () => {
    const more = '/** Asked for. */\nexport const more = 2;\n';
    const whole = `${header}const all = await import('./core/a.ts');\nall;\n`;
    expect(rulesBroken({ ...inCore(more), 'src/cli.ts': whole })).toEqual([]);
  });
});

describe('words', () => {
  test('each file says what it is for, in at most six lines', () => {
    const bare = '/** A thing. */\nexport const a = 1;\n';
    const none = { 'src/cli.ts': user, 'src/core/a.ts': bare.replace('/** A thing. */\n', '') };
    expect(rulesBroken(none)).toEqual(['src/core/a.ts:1: header', 'src/core/a.ts:1: docstring']);
    const seven = { 'src/cli.ts': user, 'src/core/a.ts': `${header.repeat(7)}${bare}` };
    expect(rulesBroken(seven)).toEqual(['src/core/a.ts:1: header']);
  });

  test('each exported name has a sentence', () => {
    const text = `${header}\n// No docstring.\nexport const a = 1;\n`;
    expect(rulesBroken({ 'src/cli.ts': user, 'src/core/a.ts': text })).toEqual([
      'src/core/a.ts:4: docstring',
    ]);
  });

  test('the vocabulary, in every way of writing a name', () => {
    const body = 'const dataConnector = 1;\nfunction run(plugin_name: 1) {}\nrun(dataConnector);\n';
    expect(rulesBroken(inCore(body))).toEqual(['src/core/a.ts:4: vocabulary', 'src/core/a.ts:5: vocabulary']);
    expect(rulesBroken(inCore('const hooked = 1;\nhooked;\n'))).toEqual([]);
  });

  test.each([
    ['unfinished', `TO${'DO'}: later`],
    ['registry', `https://${'registry'}.npmjs.org/x`],
    ['machine path', `see ${'/wo'}rk/here`],
    ['machine path', `"${'/ro'}ot/x"`],
  ])('%s, in any file', (rule, text) => {
    expect(rulesBroken({ 'docs/page.md': `fine\n${text}\n` })).toEqual([`docs/page.md:2: ${rule}`]);
  });

  test.each(['net/work/x', 'the root/x of it', '$HOME/work/x'])('%s is no path of a machine', (text) => {
    expect(rulesBroken({ 'docs/page.md': text })).toEqual([]);
  });

  test.each(['src/core/fooBar.ts', 'src/Core/foo.ts', 'src/core/foo_bar.ts'])(
    '%s is not kebab-case',
    (path) => {
      const files = { 'src/cli.ts': `${header}import './${path.slice(4)}';\n`, [path]: header };
      expect(rulesBroken(files)).toEqual([`${path}:1: file name`]);
    },
  );

  test.each(['utils', 'helpers', 'common', 'types'])('%s.ts says nothing', (name) => {
    const files = { 'src/cli.ts': `${header}import './core/${name}.ts';\n`, [`src/core/${name}.ts`]: header };
    expect(rulesBroken(files)).toEqual([`src/core/${name}.ts:1: file name`]);
  });
});

describe('project', () => {
  const scripts = (count: number) =>
    JSON.stringify({ scripts: Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, ''])) });

  test('fourteen commands are the most', () => {
    expect(rulesBroken({ 'package.json': scripts(14) })).toEqual([]);
    expect(rulesBroken({ 'package.json': scripts(15) })).toEqual(['package.json:1: commands']);
  });

  test('a lock file holds every optional package and no address', () => {
    const lock = (packages: object) => ({ 'package-lock.json': JSON.stringify({ packages }) });
    const tool = { optionalDependencies: { '@tool/linux': '1.0.0' } };
    expect(rulesBroken(lock({ 'node_modules/tool': tool }))).toEqual(['package-lock.json:1: lock file']);
    const native = { 'node_modules/@tool/linux': {} };
    expect(rulesBroken(lock({ 'node_modules/tool': tool, ...native }))).toEqual([]);
    const placed = { 'node_modules/tool': { resolved: 'https://example.com/tool.tgz' } };
    expect(rulesBroken(lock(placed))).toEqual(['package-lock.json:1: lock file']);
  });

  test('the share of comments and the lines of tests are counted', () => {
    const files = { ...inCore(''), 'src/core/a.test.ts': 'a;\nb;\n' };
    const { figures } = checkHouse(projectOf(files), Object.keys(files));
    expect(figures).toEqual({ product: 6, tests: 2, comments: 50 });
  });

  test('the files of a project are those that Git does not ignore', () => {
    const root = projectOf({ '.gitignore': 'dist/\n', 'dist/a.js': '', 'src/new.ts': '' });
    execFileSync('git', ['init', '-q'], { cwd: root });
    expect(filesOf(root).sort()).toEqual(['.gitignore', 'src/new.ts']);
  });
});
