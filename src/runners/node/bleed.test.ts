// Nothing that one run leaves is seen by the next: pairs of a script that leaves something and one that
// looks.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy } from '../suite.ts';
import { createNodeRunner } from './index.ts';

// One process, so that the next run meets what the last one left, unless the process was given up.
let runner: Runner;

beforeAll(() => {
  runner = createNodeRunner({ observe: () => {}, platformConfig: '{"a":{"b":1}}', min: 1, max: 1 });
});

afterAll(() => runner.stop());

const traces: [leave: string, look: string, clean: unknown][] = [
  ['x = 5;', 'return typeof x;', 'undefined'],
  ['globalThis.y = 5;', 'return typeof y;', 'undefined'],
  ['Object.prototype.evil = 1;', 'return String({}.evil);', 'undefined'],
  ['Array.prototype.evil = 1;', 'return String([].evil);', 'undefined'],
  ['Array.prototype.map = function () { return "evil"; };', 'return [1].map(String);', ['1']],
  ['({}).__proto__.evil = 2;', 'return String({}.evil);', 'undefined'],
  ['Object.defineProperty(Object.prototype, "evil", {value: 1});', 'return String({}.evil);', 'undefined'],
  ['Math.max = function () { return 99; };', 'return Math.max(1, 2);', 2],
  ['JSON.parse = null;', 'return JSON.parse("[7]");', [7]],
  ['parseInt = function () { return 99; };', 'return parseInt("7");', 7],
  ['Date = function () {};', 'return typeof Date.now;', 'function'],
  ['Error.stackTraceLimit = 1;', 'return Error.stackTraceLimit;', 10],
  ['/(secret)/.test("secret");', 'return "<" + RegExp.$1 + RegExp.lastMatch + ">";', '<>'],
  ['process.env.EVIL = "1";', 'return String(process.env.EVIL);', 'undefined'],
  ['process.chdir("/");', 'return process.cwd() === "/" ? 1 : 2;', 2],
  ['process.evil = 1;', 'return String(process.evil);', 'undefined'],
  ['process.on("exit", function () {});', 'return "n" + process.listenerCount("exit");', 'n0'],
  [
    'require("fs").existsSync = function () { return "evil"; };',
    'return [require("fs").existsSync("/")];',
    [true],
  ],
  ['require("fs").evil = 1;', 'return String(require("fs").evil);', 'undefined'],
  ['require.cache.evil = 1;', 'return "n" + Object.keys(require.cache).length;', 'n0'],
  ['module.exports.evil = 1;', 'return "n" + Object.keys(module.exports).length;', 'n0'],
  [
    'console.log = null; console.evil = 1;',
    'return typeof console.log + typeof console.evil;',
    'functionundefined',
  ],
  ['console.count("c"); console.group();', 'console.count("c"); return 1;', 1],
  [
    'platform.config.a.b = 2; platform.evil = 1;',
    'return [platform.config.a.b, typeof platform.evil];',
    [1, 'undefined'],
  ],
  ['platform.api.get = 1;', 'return typeof platform.api.get;', 'function'],
  [
    'event.evil = 1; event.request.parameters.evil = 1;',
    'return [typeof event.evil, event.request.parameters];',
    ['undefined', { limit: '1' }],
  ],
  [
    'setTimeout(function () { left = 1; }, 1).unref();',
    'await new Promise((r) => setTimeout(r, 5)); return typeof left;',
    'undefined',
  ],
  ['setTimeout = null;', 'return typeof setTimeout;', 'function'],
  ['event.setResponse.call(null, 1); kept = event;', 'return typeof kept;', 'undefined'],
  ['delete Math.min;', 'return Math.min(1, 2);', 1],
  ['[Math.max] = [null];', 'return Math.max(1, 2);', 2],
  ['Map.prototype.get = null;', 'return new Map([[1, 2]]).get(1);', 2],
  ['(function () {}).constructor.prototype.call = null;', 'return typeof (function () {}).call;', 'function'],
  ['eval("Object").freeze = null;', 'return typeof Object.freeze;', 'function'],
];

describe('a run', () => {
  it.each(traces)('that does %j leaves nothing to see', async (leave, look, clean) => {
    const looker = programOf(look, { isAsync: look.startsWith('await') });
    expect(returnedBy(await runner.run(invocationOf(looker)))).toEqual(clean);
    await runner.run(invocationOf(programOf(leave)));
    expect(returnedBy(await runner.run(invocationOf(looker)))).toEqual(clean);
  });

  it('leaves nothing in ten thousand pairs of runs', { timeout: 120_000 }, async () => {
    const leave = programOf(
      'a1 = event.request.parameters; b1 = (typeof b1 === "undefined" ? 0 : b1) + 1; this.c1 = 1; return b1;',
    );
    const look = programOf('return [typeof a1, typeof b1, typeof c1, Object.keys(globalThis).length];');
    const first = returnedBy(await runner.run(invocationOf(look)));
    for (let i = 0; i < 10_000; i++) {
      expect(returnedBy(await runner.run(invocationOf(leave)))).toBe(1);
      expect(returnedBy(await runner.run(invocationOf(look)))).toEqual(first);
    }
    expect(first).toEqual(['undefined', 'undefined', 'undefined', expect.any(Number)]);
  });

  it('of one caller never gets the event of another', async () => {
    const program = programOf('return event.request.parameters.n + "/" + event.response.content;');
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, n) => {
        const sections = {
          ...invocationOf(program).sections,
          parameters: `{"n":${n}}`,
          responseContent: `${n}`,
        };
        return runner.run(invocationOf(program, { sections }));
      }),
    );
    expect(outcomes.map(returnedBy)).toEqual(outcomes.map((_, n) => `${n}/${n}`));
  });

  it('does not cost its process when it leaves nothing but a name', async () => {
    const pid = programOf('return process.pid;');
    const before = returnedBy(await runner.run(invocationOf(pid)));
    await runner.run(invocationOf('left = 1;'));
    expect(returnedBy(await runner.run(invocationOf(pid)))).toBe(before);
  });
});
