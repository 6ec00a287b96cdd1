// What a package keeps, or changes around itself, is not there for the next run; and a run that only uses
// packages does not cost its process.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy } from '../suite.ts';
import { createNodeRunner } from './index.ts';

const packages = mkdtempSync(join(tmpdir(), 'tenon-modules-'));
let runner: Runner;

beforeAll(() => {
  const files: Record<string, string> = {
    'counter/index.js':
      'let count = 0; exports.next = () => ++count; exports.box = {}; exports.deep = require("./deep");',
    'counter/deep.js': 'exports.list = [];',
    'every/index.js':
      'for (const n of ["assert", "buffer", "crypto", "events", "fs", "http", "http2", "https", "net", "os", "stream", "tls", "tty", "url", "util", "zlib"]) exports[n] = require(n);',
    'reader/index.js':
      'const fs = require("fs"); exports.read = () => fs.readFileSync(__filename, "utf8").length > 10;',
    'polite/index.js':
      'const path = require("path"); const util = require("node:util"); exports.join = (a) => path.join("x", a) + util.format("%d", 1);',
    'modern/package.json': '{"type": "module", "main": "index.js"}',
    'modern/index.js': 'export const box = {};',
    'modern-file/index.mjs': 'export const box = {};',
    'modern-file/package.json': '{"main": "index.mjs"}',
    'wrapping/index.js': 'exports.box = require("modern").box;',
    'data/index.json': '{"list": []}',
    'data/package.json': '{"main": "index.json"}',
  };
  writeFileSync(join(packages, 'package.json'), '{}');
  for (const [name, text] of Object.entries(files)) {
    const file = join(packages, 'node_modules', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  for (const [name, text] of Object.entries(meddlers)) {
    const file = join(packages, 'node_modules', name, 'index.js');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const options = { observe: () => {}, platformConfig: '{}', min: 1, max: 1 };
  runner = createNodeRunner({ ...options, packages });
});

afterAll(async () => {
  await runner.stop();
  rmSync(packages, { recursive: true, force: true });
});

/** Packages that change what they can reach, each with a look at what it changes. */
const meddlers: Record<string, string> = {
  'patch-fs': 'require("fs").existsSync = () => "evil";',
  'patch-builtin': 'process.getBuiltinModule("fs").existsSync = () => "evil";',
  'patch-path': 'require("path").posix.evil = 1;',
  'patch-emitter': 'require("events").prototype.evil = 1;',
  'patch-stream': 'require("stream").Readable.prototype.evil = 1;',
  'patch-listeners': 'require("events").defaultMaxListeners = 77;',
  'patch-inspect': 'require("util").inspect.defaultOptions.depth = 77;',
  'patch-styles': 'require("util").inspect.styles.string = "evil";',
  'patch-agent': 'require("http").globalAgent = { evil: 1 };',
  'patch-agent-option': 'require("http").globalAgent.maxSockets = 7;',
  'patch-array': 'Array.prototype.evil = 1;',
  'patch-global': 'globalThis.evil = 1;',
  'patch-process': 'process.on("exit", () => {});',
  'patch-loader': 'require("module")._extensions[".evil"] = () => {};',
  'patch-hooks': 'require("async_hooks").createHook({ init() {} }).enable();',
  'patch-channel': 'require("diagnostics_channel").subscribe("evil", () => {});',
  'patch-timer': 'setInterval(() => {}, 100_000).unref();',
  'leave-file': 'require("fs").writeFileSync("left.txt", "secret");',
  'leave-folder': 'require("fs/promises"); require("fs").mkdirSync("left");',
  'leave-open': 'const fs = require("fs"); fs.openSync("/", "r");',
  'leave-second':
    'const fs = require("fs"); const a = fs.openSync("/", "r"); fs.openSync("/", "r"); fs.closeSync(a);',
  'patch-environment': 'process.env.EVIL = "1";',
};

const looks = `
  const opened = (n) => { try { return process.getBuiltinModule('fs').fstatSync(n).isDirectory(); } catch { return false; } };
  const modules = ['fs', 'path', 'events', 'stream', 'util', 'http', 'module', 'diagnostics_channel'];
  const [fs, path, events, stream, util, http, loader, channels] = modules.map((name) => process.getBuiltinModule(name));
  return [String(fs.existsSync('/nowhere')), path.posix.evil, events.prototype.evil, stream.Readable.prototype.evil,
    events.defaultMaxListeners, util.inspect.defaultOptions.depth, util.inspect.styles.string, http.globalAgent.evil,
    String(http.globalAgent.maxSockets), [].evil, globalThis.evil, process.listenerCount('exit'),
    fs.readdirSync('.').join(), [...Array(64).keys()].filter((n) => n > 2 && opened(n)).length,
    loader._extensions['.evil'], channels.hasSubscribers('evil'), process.env.EVIL].map(String);`;

const run = async (code: string) => returnedBy(await runner.run(invocationOf(programOf(code))));

describe('a package', () => {
  test.each<[string, unknown]>([
    ['return require("counter").next();', 1],
    ['const c = require("counter"); c.box.n = (c.box.n || 0) + 1; return c.box.n;', 1],
    ['const c = require("counter"); c.deep.list.push(1); return c.deep.list.length;', 1],
    ['const d = require("data"); d.list.push(1); return d.list.length;', 1],
    [
      'return [require("counter") === require("counter"), require("counter").next(), require("counter").next()];',
      [true, 1, 2],
    ],
    ['return require("polite").join("a");', 'x/a1'],
    ['return require("reader").read();', true],
    ['return typeof require("every").crypto.prng;', 'function'],
  ])('%s gives the same every time, in one process', async (code, expected) => {
    const pid = await run('return process.pid;');
    for (let i = 0; i < 3; i++) expect(await run(code)).toEqual(expected);
    expect(await run('return process.pid;')).toBe(pid);
  });

  test.each(['modern', 'modern-file', 'wrapping'])(
    'that is an ES module (%s) costs the process',
    async (name) => {
      const code = `const { box } = require("${name}"); box.n = 1; return 1;`;
      const look = `return require("${name}").box.n === undefined ? "fresh" : "left";`;
      // It cannot be written to, or is gone: either way nobody sees it.
      for (let i = 0; i < 2; i++) {
        await runner.run(invocationOf(programOf(code)));
        expect(await run(look)).toBe('fresh');
      }
    },
  );

  test.each(Object.keys(meddlers))('%s leaves nothing to see', async (name) => {
    const before = await run(looks);
    await runner.run(invocationOf(programOf(`require("${name}"); return 1;`)));
    expect(await run(looks)).toEqual(before);
  });

  test('is gone from memory when its run is over', async () => {
    const grow =
      'globalThis.gc; require("counter").box.big = new Array(1e6).fill(7); return process.memoryUsage().heapUsed;';
    let last = 0;
    for (let i = 0; i < 60; i++) last = (await run(grow)) as number;
    // Sixty of 8 MB each would be 480 MB; the heap ends at 128.
    expect(last).toBeLessThan(130_000_000);
  });
});
