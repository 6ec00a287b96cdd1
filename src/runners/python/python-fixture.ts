// The Python that tests run, and scripts taken the way that the server takes them: read first, then run.
import type { Dialect, Invocation, Outcome, Program, Runner } from '../../core/runner.ts';
import { findInterpreter } from '../interpreter.ts';
import { invocationOf, programOf } from '../suite.ts';
import { createPythonRunner, type PythonRunnerOptions } from './index.ts';

/** Throws when this machine has none: its tests are not to pass unseen. */
export const pythonPath: string = foundPath();

/** A runner for tests; what is absent is as usual. */
export function testRunner(options: Partial<PythonRunnerOptions> = {}): Runner {
  return createPythonRunner({ observe: () => {}, platformConfig: '{}', pythonPath, ...options });
}

/** How a test runs a script. */
export interface Asked extends Partial<Omit<Invocation, 'program'>> {
  readonly dialect?: Dialect | undefined;
  readonly bindsLookups?: boolean;
}

/** Reads a script and runs it as what it was found to be. */
export async function runRead(runner: Runner, code: string, asked: Asked = {}): Promise<Outcome> {
  const { dialect, bindsLookups = false, ...invocation } = asked;
  return runner.run(invocationOf(await readProgram(runner, code, { dialect, bindsLookups }), invocation));
}

/** Reads a script as the server does before it runs it. */
export async function readProgram(
  runner: Runner,
  code: string,
  { dialect, bindsLookups = false }: Pick<Asked, 'dialect' | 'bindsLookups'> = {},
): Promise<Program> {
  const older = dialect === undefined ? {} : { dialect };
  const prepared = await runner.prepare?.({ name: 'some.script', content: code, ...older });
  if (prepared?.kind !== 'ready') throw new Error(JSON.stringify(prepared));
  const { isPristine, isQuick } = prepared;
  const found = { hash: `read ${bindsLookups} ${code}`, isPristine, isQuick, bindsLookups, ...older };
  return programOf(prepared.code ?? code, found);
}

function foundPath(): string {
  const interpreter = findInterpreter({ given: process.env.DF_PYTHON3_PATH ?? '', names: ['python3'] });
  if ('problem' in interpreter) throw new Error(interpreter.problem);
  return interpreter.path;
}
