// The PHP runner against the suite of all languages, as it is and inside the sandbox of this machine.
import { afterAll, describe } from 'vitest';
import { abortSuite } from '../abort-suite.ts';
import { openSandbox } from '../sandbox/index.ts';
import { type RunnerSuiteOptions, runnerSuite } from '../suite.ts';
import { testPhp } from './php-fixture.ts';

const options: RunnerSuiteOptions = {
  language: 'php',
  forks: true,
  create: (options) => testPhp(options),
  samples: {
    returns: 'return ["ok" => true];',
    nothing: '// nothing',
    setsParameter: '$event["request"]["parameters"]["limit"] = 5;',
    wrapsContent: '$event["response"]["content"] = ["seen" => $event["response"]["content"]];',
    throwsInLine2: '\n throw new Exception("boom");',
    syntaxError: '$a = ;',
    logs: 'echo "hello\\n";',
    loops: 'while (true);',
    exits: 'exit(3);',
    killsItself: 'posix_kill(getmypid(), SIGKILL);',
    calls:
      '$r = $platform["api"]->get("db/_table/todo?limit=1"); ' +
      '$c = $r["content"]; $body = is_string($c) ? $c : json_encode($c, JSON_UNESCAPED_UNICODE); ' +
      'return ["status" => $r["status_code"], "body" => $body];',
    transacts:
      '$get = $platform["api"]->get; $platform["transaction"]("db", function () use ($platform, $get) { $get("db/a"); ' +
      'try { $platform->transaction(function () use ($get) { $get("db/b"); throw new Exception("no"); }); } ' +
      'catch (Exception $no) { $get("db/c"); } }); $get("db/d"); return ["ok" => true];',
    returnsTooMuch: 'return ["text" => str_repeat("x", 13000000)];',
    writesToChannel: 'fwrite(fopen("php://fd/3", "w"), str_repeat("\\x07", 64)); return ["ok" => true];',
    closesChannel: 'foreach (get_resources("stream") as $stream) fclose($stream);',
    leavesGlobal: '$before = isset($GLOBALS["left"]); $GLOBALS["left"] = 1; return ["before" => $before];',
    asynchronous: [],
  },
};

const sandbox = await openSandbox();
afterAll(() => sandbox.close());

runnerSuite(options);
abortSuite(options);

describe(`inside the sandbox (${sandbox.level})`, () => {
  const create: RunnerSuiteOptions['create'] = (given) => testPhp({ ...given, sandbox });
  runnerSuite({ ...options, create });
  abortSuite({ ...options, create });
});
