// What is found in a text without running it: whether it may leave something behind, and whether it ends at once.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Runner } from '../../core/runner.ts';
import { testRunner } from './python-fixture.ts';

let runner: Runner;

beforeAll(() => {
  runner = testRunner({ max: 1 });
});

afterAll(() => runner.stop());

const found = (content: string) => runner.prepare?.({ name: 'x', content });

// Scripts as people write them: they touch their event, count, format and look things up.
it.each([
  '',
  'return 1',
  'event.request.parameters.limit = 5',
  'for r in event.response.content.resource:\n  r["name"] = r.pop("title")\n  del r["id"]',
  'rows = event.response.content.resource\nfor i, row in enumerate(rows): row.n = i\nrows.sort(key=lambda r: r.id)',
  'def mask(row):\n  row.email = "x"\n  return row\nevent.response.content.resource = [mask(r) for r in event.response.content.resource]',
  'import math, datetime, re, decimal\nfrom collections import OrderedDict\nreturn math.sqrt(4)',
  'import datetime as dt\nfrom urllib.parse import quote\nreturn quote(str(dt.date.today()))',
  'class A:\n  def __init__(self, x): self.x = x\n  def get(self): return self.x\nreturn A(5).get()',
  'global count\ncount = 1',
  'def outer():\n  n = 0\n  def inner():\n    nonlocal n\n    n += 1\n  inner()\n  return n\nreturn outer()',
  'try:\n  x = int("a")\nexcept ValueError as e:\n  raise Exception(str(e) + e.__class__.__name__)',
  'import sys\nif not platform.session.user: sys.exit(1)\nsys.stdout.write("x")',
  'import os\nreturn os.environ.get("A") or os.path.join("a", "b")',
  'from os import environ\nfrom sys import version_info\nreturn environ["HOME"]',
  'd = json.loads("{}")\nd["a"] = 1\nreturn munchify(d)',
  'with_it = getattr(event, "response", None)\nreturn with_it is None',
  'import random\nreturn random.choice([1, 2])',
  'return platform["config"]["version"] + platform.session.user.name',
])('%j is quick and leaves nothing', async (content) => {
  expect(await found(content)).toEqual({ kind: 'ready', isPristine: false, isQuick: true });
});

it.each([
  'return platform.api.get("db").status',
  'api = platform.api\nreturn api.get("x").status',
  'p = platform\nreturn p.api.get("x").status',
  'return platform["api"].get("x").status',
  'return _platform.api',
  'name = "api"\nreturn platform[name]',
  'def f(p): return p.api\nreturn f(platform)',
  'import time\ntime.sleep(1)',
  'from time import sleep\nsleep(1)',
])('%j leaves nothing, but may take its time', async (content) => {
  expect(await found(content)).toEqual({ kind: 'ready', isPristine: false, isQuick: false });
});

it.each([
  'import os\nos.environ["A"] = "1"',
  'import os as o\no.chdir("/")',
  'import os\no = os\no.chdir("/")',
  'import os\ndef f(m): m.chdir("/")\nf(os)',
  'from os import chdir',
  'import os.path\nos.path.os.chdir("/")',
  'import sys\nsys.path.append("x")',
  'import sys\nsys.modules["json"] = None',
  'from sys import modules',
  'import subprocess',
  'import threading',
  'import requests',
  'from . import something',
  'import json\njson.loads = None',
  'json.loads = None',
  'import json as j\nj.loads = None',
  'from json import JSONEncoder as E\nE.default = None',
  'del json.loads',
  'http.client.responses[1] = 1',
  'Munch.x = 1',
  'setattr(json, "x", 1)',
  'getattr(json, "x" + "y")',
  'getattr(event, "__class__")',
  'exec("1")',
  'eval("1")',
  'compile("1", "a", "eval")',
  'open("x")',
  'import io\nio.open("x")',
  'from io import open as o\no("x")',
  'globals()["x"] = 1',
  'vars(json)["x"] = 1',
  '__import__("os")',
  '__builtins__.len = None',
  'event.__class__.__base__.x',
  '().__class__.__bases__',
  'f = lambda: 0\nf.__globals__["x"] = 1',
  'f = lambda: 0\nf.__code__',
  'g = (x for x in [])\ng.gi_frame.f_globals["x"] = 1',
  'try: 1/0\nexcept Exception as e: e.__traceback__.tb_frame',
  'class A:\n  def __del__(self): pass',
  'import random\nrandom.seed(1)',
  'import decimal\ndecimal.getcontext().prec = 1',
  'from decimal import getcontext\ngetcontext().prec = 1',
  'import csv\ncsv.register_dialect("x")',
  'import calendar\ncalendar.setfirstweekday(1)',
  'async def f(): pass',
  'await f()',
  'print.__self__.x = 1',
])('%j could leave something', async (content) => {
  expect(await found(content)).toEqual({ kind: 'ready', isPristine: true, isQuick: false });
});

it('reads many texts without growing', async () => {
  for (let i = 0; i < 300; i++) expect(await found(`return ${i}`)).toMatchObject({ kind: 'ready' });
});
