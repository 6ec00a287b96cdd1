// The conformance suite for Python, as it is and inside the sandbox of this machine.
import { afterAll, describe } from 'vitest';
import { limits } from '../../core/limits.ts';
import { abortSuite } from '../abort-suite.ts';
import { openSandbox } from '../sandbox/index.ts';
import { type RunnerSuiteOptions, runnerSuite } from '../suite.ts';
import { createPythonRunner } from './index.ts';
import { pythonPath } from './python-fixture.ts';

const calls = `r = platform.api.get('db/_table/todo?limit=1')
return {'status': r.status, 'body': r.read().decode()}`;

const transacts = `with platform.transaction('db'):
    platform.api.get('db/a')
    def inner():
        platform.api.get('db/b')
        raise ValueError('no')
    try:
        platform.transaction(inner)
    except ValueError:
        platform.api.get('db/c')
platform.api.get('db/d')
return {'ok': True}`;

const options: RunnerSuiteOptions = {
  language: 'python3',
  forks: true,
  create: (options) => createPythonRunner({ ...options, pythonPath, platformConfig: '{}' }),
  samples: {
    returns: "return {'ok': True}",
    nothing: 'a = 1',
    setsParameter: 'event.request.parameters.limit = 5',
    wrapsContent: "event.response.content = {'seen': event.response.content}",
    throwsInLine2: "a = 1\nraise Exception('boom')",
    syntaxError: 'return {{{;',
    logs: "print('hello')",
    loops: 'while True: pass',
    exits: 'import sys\nsys.exit(3)',
    killsItself: 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)',
    calls,
    transacts,
    returnsTooMuch: `return {'a': 'x' * ${limits.scriptResultBytes}}`,
    writesToChannel: 'import os\nos.write(3, bytes(range(17, 60)))\nwhile True: pass',
    closesChannel: 'import os\nos.close(3)',
    leavesGlobal: "global left\nbefore = 'left' in globals()\nleft = 1\nreturn {'before': before}",
    asynchronous: [],
  },
};

const sandbox = await openSandbox();
afterAll(() => sandbox.close());

runnerSuite(options);
abortSuite(options);

describe(`inside the sandbox (${sandbox.level})`, () => {
  const create: RunnerSuiteOptions['create'] = (given) =>
    createPythonRunner({ ...given, pythonPath, platformConfig: '{}', sandbox });
  runnerSuite({ ...options, create });
  abortSuite({ ...options, create });
});
