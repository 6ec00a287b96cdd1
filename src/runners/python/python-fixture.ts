// The Python that tests run.
import { findInterpreter } from '../interpreter.ts';

const found = findInterpreter({ given: process.env.DF_PYTHON3_PATH ?? '', names: ['python3'] });

/** Throws when this machine has none: its tests are not to pass unseen. */
export const pythonPath: string = pathOf(found);

function pathOf(interpreter: typeof found): string {
  if ('problem' in interpreter) throw new Error(interpreter.problem);
  return interpreter.path;
}
