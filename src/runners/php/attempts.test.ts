// What scripts of PHP see and say in queued runs, as it is and inside the sandbox of this machine.
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
import { runOf, testPhp } from './php-fixture.ts';

const samples: AttemptSamples = {
  tells:
    'return ["id" => $event["id"] ?? null, "attempt" => $event["attempt"] ?? null, ' +
    '"certainty" => $event["certainty"] ?? null, "has" => isset($event["id"])];',
  lists: 'return array_keys($event);',
  once:
    '$calls = 0; $values = [$platform["once"]("mail-7", function () use (&$calls) { $calls++; return ["sent" => [1, "é"]]; }), ' +
    '$platform->once("mail-" . 7, function () use (&$calls) { $calls++; return ["sent" => [1, "é"]]; })]; ' +
    'return ["values" => $values, "calls" => $calls];',
  onceThrows: '$platform->once(5, function () { throw new Exception("no"); });',
  onceNothing: 'return ["value" => $platform["once"]("none", fn () => null), "ok" => true];',
  onceLong:
    'return [$platform["once"]("text", fn () => str_repeat("x", (int) $event["request"]["parameters"]["limit"]))];',
  onceCalls:
    '$api = $platform["api"]; $platform["once"]("k1", function () use ($platform, $api) { $api->post("db/a"); ' +
    'try { $platform->once("k2", function () use ($api) { $api->post("db/b"); throw new Exception("no"); }); } ' +
    'catch (Exception $no) { $api->post("db/c"); } }); $api->post("db/d");',
  onceWrong: '$platform["once"]("key", 5);',
  retries: 'throw $platform["retry"](30, "busy");',
  retriesWrong: '$platform->retry("soon");',
  retriesLate: '$platform->retry(1e300);',
  fails: '$platform->fail("nonsense");',
  throwsLater:
    'use DreamFactory\\Core\\Exceptions\\RestException; ' +
    'throw new RestException(429, "later", null, null, ["retry_after" => 2.5]);',
  throwsNever:
    'class NoMore extends Exception { public $retry = false; public $retry_after = 5; } throw new NoMore("never");',
  listsPlatform: 'return array_keys($platform);',
  platformNames: ['api', 'config', 'session', 'store'],
};

const options: AttemptsSuiteOptions = { language: 'php', samples, create: () => testPhp({ max: 1 }) };

const sandbox = await openSandbox();
afterAll(() => sandbox.close());

attemptsSuite(options);

describe(`inside the sandbox (${sandbox.level})`, () => {
  attemptsSuite({ ...options, create: () => testPhp({ max: 1, sandbox }) });
});

describe('platform.once', () => {
  let runner: Runner;
  beforeAll(() => {
    runner = options.create();
  });
  afterAll(() => runner.stop());

  const read = async (content: string) => runner.prepare?.({ name: 'some.script', content });

  it.each([
    '$platform["once"]("k", function () { return 1; });',
    '$platform["once"]("k-{$event["id"]}", static fn () => 1);',
    '$platform->once("k" . implode(",", [1, 2]), function () use ($platform) { return 1; });',
    '$platform["transaction"]($event["request"]["service"], function () { return 1; });',
  ])('stays in its process: %s', async (code) => {
    expect(await read(code)).toEqual({ kind: 'ready', isPristine: false, isQuick: false });
  });

  it.each(['$platform["once"]("k", "putenv");', '$platform->once("k", $event["request"]["content"]);'])(
    'runs apart where it calls what the text does not show: %s',
    async (code) => {
      expect(await read(code)).toMatchObject({ isPristine: true });
    },
  );

  it.each(['$platform["retry"](5);', '$platform->fail("a");', 'throw $platform->retry(5, "b");'])(
    'leaves those quick that only say how they end: %s',
    async (code) => {
      expect(await read(code)).toEqual({ kind: 'ready', isPristine: false, isQuick: true });
    },
  );

  it('gives maps as arrays, in every attempt', async () => {
    const { bridge } = memoryBridge();
    const code = 'return [$platform["once"]("k", fn () => (object) ["a" => 1])["a"]];';
    for (let i = 0; i < 2; i++) expect(returnedBy(await runOf(runner, code, { bridge }))).toEqual([1]);
  });

  it('refuses what JSON cannot hold', async () => {
    const { kept, bridge } = memoryBridge();
    const outcome = await runOf(runner, '$platform["once"]("k", fn () => "\\xff");', { bridge });
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: expect.stringContaining('UTF-8') } });
    expect(kept.size).toBe(0);
  });

  it('works in a run that has a process of its own', async () => {
    const { kept, bridge } = memoryBridge();
    const code = 'function f() { return 5; } return [$platform["once"]("k", "f")];';
    expect(returnedBy(await runOf(runner, code, { bridge }))).toEqual([5]);
    expect([...kept]).toEqual([['k', '5']]);
  });
});
