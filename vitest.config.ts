// How tests run: in processes that they share one after the other, the slow files first, with time enough for
// real servers on a busy machine.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './test/vitest/order.ts';
import { OutcomeReporter } from './test/vitest/outcome.ts';
import { sharedProcesses } from './test/vitest/pool.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
    pool: sharedProcesses,
    isolate: false,
    setupFiles: ['test/vitest/between-files.ts'],
    reporters: ['default', new OutcomeReporter()],
    sequence: { sequencer: SlowFirst },
    // Much of what tests do is waiting for servers and processes, so that two share even two processors well.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // What is waited for comes, only later on a busy machine: who waits does not give up within a second.
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
