// Test files share processes, one after the other: to load the server anew for each of 400 files took more
// time than most of them. Modules hold no state here; ./between-files.ts puts back what is of the process.
// Invariant: no process is used for so many files that what they leave behind fills the memory.
import { ForksPoolWorker, type PoolOptions, type WorkerRequest } from 'vitest/node';

/** About 20 MB stay behind for each file that starts servers. */
const filesPerProcess = 30;

class SharedProcess extends ForksPoolWorker {
  override readonly name = 'shared';
  #files = 0;

  override send(message: WorkerRequest): void {
    if (message.type === 'run') this.#files += 1;
    super.send(message);
  }

  canReuse(): boolean {
    return this.#files < filesPerProcess;
  }
}

/** The pool: for `test.pool`, with `isolate: false`. */
export const sharedProcesses = {
  name: 'shared',
  createPoolWorker: (options: PoolOptions) => new SharedProcess(options),
};
