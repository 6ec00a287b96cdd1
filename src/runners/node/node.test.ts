// The Node runner against the suite of all languages, as it is and inside the sandbox of this machine.
import { afterAll, describe } from 'vitest';
import { abortSuite } from '../abort-suite.ts';
import { openSandbox } from '../sandbox/index.ts';
import { type RunnerSuiteOptions, runnerSuite } from '../suite.ts';
import { createNodeRunner } from './index.ts';

const calls =
  'const r = await platform.api.get("db/_table/todo?limit=1"); return {status: r.statusCode, body: r.body};';

const transacts = `await platform.transaction("db", async () => {
  await platform.api.get("db/a");
  const inner = platform.transaction(async () => { await platform.api.get("db/b"); throw new Error("no"); });
  await inner.catch(() => {});
  await platform.api.get("db/c");
});
await platform.api.get("db/d");
return {ok: true};`;

const options: RunnerSuiteOptions = {
  language: 'nodejs',
  create: (options) => createNodeRunner({ platformConfig: '{}', ...options }),
  samples: {
    returns: 'return {ok: true};',
    nothing: '// nothing',
    setsParameter: 'event.request.parameters.limit = 5;',
    wrapsContent: 'event.response.content = {seen: event.response.content};',
    throwsInLine2: '\n throw new Error("boom");',
    syntaxError: 'var a = ;',
    logs: 'console.log("hello");',
    loops: 'while (true);',
    exits: 'process.exit(3);',
    killsItself: 'process.kill(process.pid, "SIGKILL");',
    calls,
    transacts,
    returnsTooMuch: 'return {text: "x".repeat(13e6)};',
    writesToChannel: 'require("fs").writeSync(3, Buffer.alloc(64, 7)); return {ok: true};',
    closesChannel: 'require("fs").closeSync(3);',
    leavesGlobal: 'const before = typeof left !== "undefined"; left = 1; return {before, after: undefined};',
    asynchronous: [calls, transacts],
  },
};

const sandbox = await openSandbox();
afterAll(() => sandbox.close());

runnerSuite(options);
abortSuite(options);

describe(`inside the sandbox (${sandbox.level})`, () => {
  const create: RunnerSuiteOptions['create'] = (given) =>
    createNodeRunner({ platformConfig: '{}', ...given, sandbox });
  runnerSuite({ ...options, create });
  abortSuite({ ...options, create });
});
