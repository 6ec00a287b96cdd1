// The check of `tenon doctor` that scripts run: one is compiled from TypeScript and run by every runner.
// Invariant: it takes the way that every script takes, in runners of its own, which are ended again.
import type { Config } from '../config.ts';
import { limits } from '../core/limits.ts';
import type { Outcome, Program, Runner } from '../core/runner.ts';
import { createRunners } from '../runners/index.ts';
import { openSandbox } from '../runners/sandbox/index.ts';
import { Compiler } from '../scripts/compiler.ts';
import type { Finding } from './checks.ts';

const script = {
  name: 'doctor',
  language: 'typescript',
  content: 'const answer: number = 6 * 7;\nreturn answer;',
};

/** The same for the runners that read their texts themselves. */
const texts: Readonly<Record<string, string>> = { python3: 'return 6 * 7', php: 'return 6 * 7;' };

const settings: Readonly<Record<string, string>> = {
  nodejs: 'DF_NODEJS_PATH',
  python3: 'DF_PYTHON3_PATH',
  php: 'DF_PHP_PATH',
};

/** Whether scripts can be compiled and run here, in every language that is installed. */
export async function checkScripts(config: Config): Promise<Finding> {
  const compiled = await new Compiler({ runners: new Map() }).compile(script);
  if (!compiled.ok) return failed('TypeScript does not compile', 'Install the package again.');
  const sandbox = await openSandbox();
  const about = { runnersMin: 1, observe: () => {}, platformConfig: {}, sandbox };
  const runners = createRunners({ ...config, ...about });
  try {
    return await tryAll(runners, compiled.program);
  } finally {
    await Promise.all([...runners.values()].map((runner) => runner.stop()));
    await sandbox.close();
  }
}

async function tryAll(runners: ReadonlyMap<string, Runner>, compiled: Program): Promise<Finding> {
  const [ran, absent, broken]: [string[], string[], [string, string][]] = [[], [], []];
  for (const [language, runner] of runners) {
    const code = texts[language];
    const program = code === undefined ? compiled : { ...compiled, hash: language, code };
    const outcome = await runner.run(invocationOf(program));
    if (outcome.kind === 'finished' && outcome.returned === '42') ran.push(language);
    else if (outcome.kind === 'unavailable') absent.push(outcome.message);
    else broken.push([language, reasonOf(outcome)]);
  }
  const [first] = broken;
  if (first !== undefined) {
    const message = broken.map(([language, reason]) => `${language}: ${reason}`).join('; ');
    return failed(message, `Check ${settings[first[0]]}, and that every user may start it.`);
  }
  const message = [`a script ran in ${ran.join(', ')}.`, ...absent].join(' ');
  if (ran.length === 0) return failed(message, 'Install the package again.');
  return { status: 'ok', message };
}

function failed(message: string, remedy: string): Finding {
  return { status: 'fail', message, remedy };
}

function invocationOf(program: Program): Parameters<Runner['run']>[0] {
  const empty = { content: '', payload: '', response: '', responseContent: '' };
  return {
    program,
    sections: { meta: '{}', parameters: '{}', headers: '{}', session: '{}', ...empty },
    timeoutMs: limits.scriptTimeoutMs,
    depth: 0,
    bridge: { call: () => Promise.reject(new Error('this script calls nobody')) },
  };
}

function reasonOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'finished':
      return `answered ${outcome.returned} where 42 is right`;
    case 'threw':
      return outcome.error.message;
    case 'crashed':
      return outcome.reason;
    case 'saturated':
    case 'unavailable':
      return outcome.message;
    case 'timeout':
      return `no answer in ${outcome.ms} ms`;
    case 'aborted':
      return 'stopped before it answered';
    case 'exited':
      return `ended with ${outcome.code}`;
  }
}
