// Nothing that one run leaves is seen by the next: pairs of a script that leaves something and one that looks.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Observation } from '../../core/observe.ts';
import type { Outcome, Program, Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from '../suite.ts';
import { readProgram, runRead, testRunner } from './python-fixture.ts';

// One process, so that the next run meets what the last one left, unless the process was given up.
let runner: Runner;
const observed: Observation[] = [];

beforeAll(() => {
  const observe = (observation: Observation) => observed.push(observation);
  runner = testRunner({ observe, platformConfig: '{"a":{"b":1}}', min: 1, max: 1 });
});

afterAll(() => runner.stop());

const run = (code: string): Promise<Outcome> => runRead(runner, code);
const exists = (name: string) => `try:\n  ${name}\n  return "left"\nexcept NameError: return "clean"`;

const traces: [leave: string, look: string, clean: unknown][] = [
  ['global x\nx = 5', exists('x'), 'clean'],
  ['globals()["y"] = 5', exists('y'), 'clean'],
  ['import builtins\nbuiltins.evil = 1', exists('evil'), 'clean'],
  ['import builtins\nbuiltins.len = lambda x: 99', 'return len([1])', 1],
  ['__builtins__.sum = None', 'return sum([1, 2])', 3],
  ['b = print.__self__\nb.max = min', 'return max(1, 2)', 2],
  ['json.loads = None', 'return json.loads("[7]")', [7]],
  ['j = json\nj.dumps = lambda *a: "evil"', 'return json.dumps({"a": 1})', '{"a": 1}'],
  ['def f(m): m.evil = 1\nf(json)', 'return hasattr(json, "evil") or "clean"', 'clean'],
  ['setattr(json, "evil", 1)', 'return hasattr(json, "evil") or "clean"', 'clean'],
  ['json.__dict__["evil"] = 1', 'return hasattr(json, "evil") or "clean"', 'clean'],
  [
    'json.JSONEncoder.default = lambda self, o: "evil"',
    'import datetime\ntry: return json.dumps(datetime.date)\nexcept TypeError: return "clean"',
    'clean',
  ],
  ['for c in [json.JSONDecoder]: c.decode = lambda self, s: "evil"', 'return json.loads("5")', 5],
  ['import math\nmath.pi = 3', 'import math\nreturn math.pi', Math.PI],
  ['import string\nstring.digits = "evil"', 'import string\nreturn string.digits', '0123456789'],
  ['import sys\nsys.path.insert(0, "/evil")', 'import sys\nreturn "/evil" in sys.path or "clean"', 'clean'],
  [
    'import sys\nsys.modules["evil"] = sys',
    'try:\n  import evil\n  return "left"\nexcept ImportError: return "clean"',
    'clean',
  ],
  ['import sys\nsys.setrecursionlimit(77)', 'import sys\nreturn sys.getrecursionlimit() > 77', true],
  ['import sys\nsys.stdout = None', 'print("x")\nreturn 1', 1],
  ['import sys\nsys.settrace(lambda *a: None)', 'import sys\nreturn sys.gettrace() is None', true],
  ['import sys\nsys.excepthook = None', 'import sys\nreturn sys.excepthook is not None', true],
  ['import sys\nsys.argv.append("evil")', 'import sys\nreturn len(sys.argv)', 1],
  ['import os\nos.environ["EVIL"] = "1"', 'import os\nreturn os.environ.get("EVIL", "clean")', 'clean'],
  [
    'import os\nos.putenv("EVIL", "1")',
    'import subprocess\nreturn subprocess.run(["env"], capture_output=True).stdout.decode().count("EVIL") + 1',
    1,
  ],
  ['import os\nos.chdir("/")', 'import os\nreturn os.getcwd() != "/"', true],
  ['import os\nos.umask(0)', 'import os\nreturn os.umask(18)', 18],
  ['import os\nos.nice(3)', 'import os\nreturn os.nice(0) in (0, 10)', true],
  ['open("left.txt", "w").write("x")', 'import os\nreturn len(os.listdir(".")) + 1', 1],
  [
    'import os\nos.makedirs("a/b")\nopen("a/b/c", "w").close()\nos.symlink("/", "a/d")',
    'import os\nreturn len(os.listdir(".")) + 1',
    1,
  ],
  [
    'global kept\nkept = open("/dev/null")\nimport gc\ngc.disable()',
    'import os, gc\nreturn [len(os.listdir("/proc/self/fd")) < 9, gc.isenabled()]',
    [true, true],
  ],
  [
    'import os\nos.open("/dev/null", os.O_RDONLY)',
    'import os\nf = os.open("/dev/null", os.O_RDONLY)\nreturn f < 9',
    true,
  ],
  [
    'import threading, time\nthreading.Thread(target=lambda: time.sleep(9), daemon=True).start()',
    'import threading\nreturn threading.active_count()',
    1,
  ],
  [
    'import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)',
    'import signal\nreturn signal.getsignal(signal.SIGTERM) == signal.SIG_DFL',
    true,
  ],
  ['import signal\nsignal.alarm(1)', 'import signal\nreturn signal.alarm(0) + 1', 1],
  ['import atexit\natexit.register(lambda: None)', 'import atexit\nreturn atexit._ncallbacks() + 1', 1],
  [
    'import random\nrandom.seed(1)',
    'import random\nreturn [random.random(), random.random()] != [0.13436424411240122, 0.8474337369372327]',
    true,
  ],
  [
    'import locale\nlocale.setlocale(locale.LC_ALL, "C")\nlocale.evil = 1',
    'import locale\nreturn hasattr(locale, "evil") or "clean"',
    'clean',
  ],
  ['import warnings\nwarnings.simplefilter("error")', 'import warnings\nwarnings.warn("x")\nreturn 1', 1],
  [
    'import decimal\ndecimal.getcontext().prec = 2',
    'import decimal\nreturn str(decimal.Decimal(1) / 3)',
    '0.3333333333333333333333333333',
  ],
  [
    'import logging\nlogging.basicConfig(level=10)\nlogging.evil = 1',
    'import logging\nreturn len(logging.getLogger().handlers) + 1',
    1,
  ],
  ['import calendar\ncalendar.setfirstweekday(6)', 'import calendar\nreturn calendar.firstweekday() + 1', 1],
  [
    'import csv\ncsv.register_dialect("evil")',
    'import csv\nreturn "evil" in csv.list_dialects() or "clean"',
    'clean',
  ],
  [
    'import socket\nsocket.setdefaulttimeout(1)',
    'import socket\nreturn socket.getdefaulttimeout() is None',
    true,
  ],
  ['import gc\ngc.set_threshold(1)', 'import gc\nreturn gc.get_threshold()[0] > 1', true],
  ['import re, sys\nre.compile = None', 'import re\nreturn re.compile("a").match("a").group()', 'a'],
  [
    'import datetime\nd = datetime\nd.datetime = None',
    'import datetime\nreturn datetime.datetime(2020, 1, 1).year',
    2020,
  ],
  [
    'import collections\ncollections.OrderedDict.evil = 1',
    'import collections\nreturn hasattr(collections.OrderedDict, "evil") or "clean"',
    'clean',
  ],
  [
    'import enum\nfor e in [enum.Enum]: e.evil = 1',
    'import enum\nreturn hasattr(enum.Enum, "evil") or "clean"',
    'clean',
  ],
  ['http.client.responses[200] = "evil"', 'return http.client.responses[200]', 'OK'],
  ['http.client.HTTPConnection.debuglevel = 9', 'return http.client.HTTPConnection.debuglevel + 1', 1],
  ['Munch.evil = 1', 'return "evil" in dir(Munch) or hasattr(Munch(), "evil") or "clean"', 'clean'],
  ['import munch\nmunch.Munch.get = None', 'return Munch(a=1).get("a")', 1],
  ['type(event).__missing__ = None', 'return event.request.method', 'GET'],
  ['event.__class__.evil = 1', 'return hasattr(event, "evil") or "clean"', 'clean'],
  [
    'event.evil = 1\nevent.request.parameters.evil = 1',
    'return ["evil" in event, event.request.parameters]',
    [false, { limit: '1' }],
  ],
  [
    'platform.config.a.b = 2\nplatform.evil = 1',
    'return [platform.config.a.b, "evil" in platform]',
    [1, false],
  ],
  ['platform.api.get = 1', 'return callable(platform.api.get)', true],
  [
    'class Evil(Exception): pass\nglobal kept\nkept = Evil',
    'return len([c for c in Exception.__subclasses__() if c.__name__ == "Evil"]) + 1',
    1,
  ],
  [
    'class Left:\n  def __del__(self): print("evil")\na = Left()\na.a = a',
    'import gc\ngc.collect()\nreturn 1',
    1,
  ],
  ['exec("import json; json.loads = None")', 'return json.loads("[7]")', [7]],
  ['eval("__import__(\\"json\\")").loads = None', 'return json.loads("[7]")', [7]],
  ['getattr(json, "JSON" + "Encoder").default = None', 'return callable(json.JSONEncoder.default)', true],
  ['import ctypes\nctypes.evil = 1', 'import ctypes\nreturn hasattr(ctypes, "evil") or "clean"', 'clean'],
  [
    'import asyncio\nasyncio.set_event_loop(asyncio.new_event_loop())',
    'import asyncio\nasync def f(): return 1\nreturn asyncio.run(f())',
    1,
  ],
];

describe('a run', () => {
  it.each(traces)('that does %j leaves nothing to see', async (leave, look, clean) => {
    expect(returnedBy(await run(look))).toEqual(clean);
    await run(leave);
    const after = await run(look);
    expect(returnedBy(after)).toEqual(clean);
    expect('log' in after ? after.log.filter(({ text }) => text.includes('evil')) : 'a log').toEqual([]);
  });

  // What was taken for harmless by its text, or never read: the look afterwards finds it.
  it.each([
    ['def f(m): m.evil = 1\nf(json)', 'return hasattr(json, "evil") or "clean"'],
    [
      'import datetime\ndef f(m): m.datetime = None\nf(datetime)',
      'import datetime\nreturn "clean" if datetime.datetime else "left"',
    ],
  ])('that does %j costs its process', async (leave, look) => {
    const retired = () => observed.filter(({ kind }) => kind === 'runner.retired').length;
    const before = retired();
    await run(leave);
    expect(retired()).toBe(before + 1);
    expect(returnedBy(await run(look))).toBe('clean');
  });

  it('does not cost its process when it leaves nothing', async () => {
    const retired = () => observed.filter(({ kind }) => kind === 'runner.retired').length;
    const before = retired();
    for (const [leave] of traces.slice(0, 8).filter(([leave]) => !leave.includes('f(json)')))
      await run(leave);
    expect(retired()).toBeLessThanOrEqual(before + 1);
    await run('global x\nx = 5');
    await run('import os\nos.environ["EVIL"] = "1"');
    await run('class A:\n  def __init__(self): self.a = 1\nreturn A().a');
    expect(retired()).toBeLessThanOrEqual(before + 1);
  });

  it('of one caller never gets the event of another', async () => {
    const program = programOf('return "%s/%s" % (event.request.parameters.n, event.response.content)', {
      isQuick: true,
    });
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, n) => {
        const sections = { ...someSections, parameters: `{"n":${n}}`, responseContent: `${n}` };
        return runner.run(invocationOf(program, { sections }));
      }),
    );
    expect(outcomes.map(returnedBy)).toEqual(outcomes.map((_, n) => `${n}/${n}`));
  });
});

describe('many pairs of runs', () => {
  // `TENON_SOAK=1` runs ten thousand; their order is the same each time.
  const pairs = process.env.TENON_SOAK === '1' ? 10_000 : 1_000;

  it('leave nothing, in any order', { timeout: 600_000 }, async () => {
    let seed = 42;
    const next = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    // Starting a program would make most of the time; two of these do, which is enough.
    const quick = traces.filter(
      ([leave, look]) => !/subprocess|ctypes|asyncio|time\.sleep/.test(leave + look),
    );
    const wrong: unknown[] = [];
    const read = new Map<string, Program>();
    const runAgain = async (code: string) => {
      const program = read.get(code) ?? (await readProgram(runner, code));
      read.set(code, program);
      return runner.run(invocationOf(program));
    };
    for (let i = 0; i < pairs; i++) {
      const [leave] = quick[next(quick.length)] ?? [''];
      const [, look, clean] = quick[next(quick.length)] ?? ['', '', undefined];
      await runAgain(leave);
      const outcome = await runAgain(look);
      const seen =
        outcome.kind === 'finished' && outcome.returned !== undefined ? returnedBy(outcome) : outcome;
      if (JSON.stringify(seen) !== JSON.stringify(clean)) wrong.push([leave, look, seen]);
    }
    expect(wrong).toEqual([]);
  });
});
