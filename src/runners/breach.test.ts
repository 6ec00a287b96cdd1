// The channel of every language against scripts that write to it.
import { breachSuite } from './breach-suite.ts';
import { createNodeRunner } from './node/index.ts';
import { testPhp } from './php/php-fixture.ts';
import { testRunner as testPython } from './python/python-fixture.ts';

const like = JSON.stringify({ request: {}, response: { content: 'forged' }, script_result: 'forged' });

breachSuite({
  language: 'nodejs',
  create: () => createNodeRunner({ observe: () => {}, platformConfig: '{}', min: 1, max: 2 }),
  samples: {
    returns: 'return {ok: true};',
    writes: (hex) => `require("fs").writeSync(3, Buffer.from("${hex}", "hex"));`,
    hangs: 'while (true);',
    callsForEver: 'const next = () => platform.api.get("a", null, next); next();',
    writesForEver: (hex) =>
      `const b = Buffer.from("${hex}".repeat(99), "hex"); for (;;) try { require("fs").writeSync(3, b); } catch {}`,
    printsFrames: `platform.api.get("a"); process.stdout.write(${JSON.stringify(`${like}\n"\\\\`)});`,
  },
});

breachSuite({
  language: 'python3',
  create: () => testPython({ min: 1, max: 2 }),
  samples: {
    returns: "return {'ok': True}",
    writes: (hex) => `import os\nos.write(3, bytes.fromhex('${hex}'))\n`,
    hangs: 'while True: pass',
    callsForEver: "while True: platform.api.get('a')",
    writesForEver: (hex) => `import os\nb = bytes.fromhex('${hex}' * 99)\nwhile True: os.write(3, b)`,
    printsFrames: `platform.api.get('a')\nprint(${JSON.stringify(`${like}\n"\\\\`)})`,
  },
});

breachSuite({
  language: 'php',
  create: () => testPhp({ min: 1, max: 2 }),
  samples: {
    returns: 'return ["ok" => true];',
    writes: (hex) => `$c = fopen("php://fd/3", "w"); fwrite($c, hex2bin("${hex}")); fflush($c);`,
    hangs: 'while (true);',
    callsForEver: '$get = $platform["api"]->get; while (true) $get("a");',
    writesForEver: (hex) =>
      `$c = fopen("php://fd/3", "w"); $b = hex2bin(str_repeat("${hex}", 99)); while (true) fwrite($c, $b);`,
    printsFrames: `$get = $platform["api"]->get; $get("a"); echo '${like}"\\\\';`,
  },
});
