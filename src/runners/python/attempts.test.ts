// What scripts of both Pythons see and say in queued runs, as it is and inside the sandbox of this machine.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runner } from '../../core/runner.ts';
import {
  type AttemptSamples,
  type AttemptsSuiteOptions,
  attemptsSuite,
  memoryBridge,
} from '../attempts-suite.ts';
import { openSandbox } from '../sandbox/index.ts';
import { returnedBy } from '../suite.ts';
import { readProgram, runRead, testRunner } from './python-fixture.ts';

const once = `calls = []
def send():
    calls.append(1)
    return {'sent': [1, 'é']}
values = [platform.once('mail-7', send), platform['once']('mail-7', send)]
return {'values': values, 'calls': len(calls)}`;

const samples: AttemptSamples = {
  tells:
    "return {'id': event.get('id'), 'attempt': getattr(event, 'attempt', None), " +
    "'certainty': event['certainty'] if 'certainty' in event else None, 'has': hasattr(event, 'id')}",
  lists: 'return list(event)',
  once,
  onceThrows: "def send(): raise ValueError('no')\nplatform.once(5, send)",
  onceNothing: "return {'value': platform.once('none', lambda: None), 'ok': True}",
  onceLong: "return [platform.once('text', lambda: 'x' * event.request.parameters.limit)]",
  onceCalls: `def inner():
    platform.api.post('db/b')
    raise ValueError('no')
def outer():
    platform.api.post('db/a')
    try: platform.once('k2', inner)
    except ValueError: platform.api.post('db/c')
platform.once('k1', outer)
platform.api.post('db/d')`,
  onceWrong: "platform.once('key', 5)",
  retries: "raise platform.retry(30, 'busy')",
  retriesWrong: "platform.retry('soon')",
  retriesLate: "platform.retry(10 ** 300, 'late')",
  fails: "platform.fail('nonsense')",
  throwsLater: "class Later(Exception):\n    status_code = 429\n    retry_after = 2.5\nraise Later('later')",
  throwsNever: "class Never(Exception):\n    retry = False\n    retry_after = 5\nraise Never('never')",
  listsPlatform: 'return list(platform.keys())',
  platformNames: ['api', 'config', 'session', 'store'],
};

const options: AttemptsSuiteOptions = {
  language: 'python3',
  samples,
  create: () => testRunner({ max: 1 }),
};
const python2: AttemptsSuiteOptions = { ...options, language: 'python2', program: { dialect: 'python2' } };

const sandbox = await openSandbox();
afterAll(() => sandbox.close());

attemptsSuite(options);
attemptsSuite(python2);

describe(`inside the sandbox (${sandbox.level})`, () => {
  const create = () => testRunner({ max: 1, sandbox });
  attemptsSuite({ ...options, create });
  attemptsSuite({ ...python2, create });
});

describe('platform.once', () => {
  let runner: Runner;
  beforeAll(() => {
    runner = options.create();
  });
  afterAll(() => runner.stop());

  it('waits for an async function', async () => {
    const { asked, bridge } = memoryBridge();
    const code = `async def send():
    platform.api.post('a', {})
    return {'n': 1}
return [await platform.once('k', send), await platform.once('k', send)]`;
    expect(returnedBy(await runRead(runner, code, { bridge }))).toEqual([{ n: 1 }, { n: 1 }]);
    expect(asked).toEqual(['once k', 'POST a = {}', 'once k = {"n":1}', 'once k']);
    const seen: (string | undefined)[] = [];
    const fresh = memoryBridge(({ method, once }) => {
      if (method === 'POST') seen.push(once);
      return undefined;
    });
    await runRead(runner, `${code.replace('return [', 'x = [')}\nplatform.api.post('b', {})`, fresh);
    expect(seen).toEqual(['k', undefined]);
  });

  it('gives maps as scripts know them, in every attempt', async () => {
    const { bridge } = memoryBridge();
    const code = "value = platform.once('k', lambda: {'a': {'b': (1, 2)}})\nreturn value.a.b";
    for (let i = 0; i < 2; i++) expect(returnedBy(await runRead(runner, code, { bridge }))).toEqual([1, 2]);
  });

  it('refuses what JSON cannot hold', async () => {
    const { kept, bridge } = memoryBridge();
    const outcome = await runRead(runner, "platform.once('k', lambda: object())", { bridge });
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: expect.stringContaining('JSON') } });
    expect(kept.size).toBe(0);
  });

  it('is no quick thing to do; to ask for another try is not either', async () => {
    for (const code of ["platform.once('k', f)", 'platform.retry(1)', "platform['once']('k', f)"]) {
      expect(await readProgram(runner, `def f(): return 1\n${code}`)).toMatchObject({
        isQuick: false,
        isPristine: false,
      });
    }
  });

  it('leaves nothing behind in its classes', async () => {
    const { bridge } = memoryBridge();
    const leave =
      "try: platform.retry(1, 'a')\nexcept Exception as e: type(e).status_code = type(e).evil = 418\nreturn 1";
    const look =
      "try: platform.retry(1, 'a')\nexcept Exception as e: return [e.status_code, hasattr(e, 'evil')]";
    await runRead(runner, leave, { bridge });
    expect(returnedBy(await runRead(runner, look, { bridge }))).toEqual([503, false]);
  });
});
