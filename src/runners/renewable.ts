// A runner that can be made anew while the server goes on: with packages that were installed since, say.
// Invariant: every run is given to one runner and ends there; the one before goes when its runs are over.
import type { Invocation, Outcome, Prepared, ProgramSource, Runner } from '../core/runner.ts';

/** Stands for the newest runner that `make` gave. */
export class RenewableRunner implements Runner {
  readonly language: string;
  readonly prepare?: (source: ProgramSource) => Promise<Prepared>;
  readonly #make: () => Runner;
  readonly #leaving = new Set<{ runner: Runner; end: Promise<void> }>();
  #runner: Runner;
  #isStopped = false;

  constructor(make: () => Runner) {
    this.#make = make;
    this.#runner = make();
    this.language = this.#runner.language;
    if (this.#runner.prepare !== undefined) {
      this.prepare = async (source) => this.#runner.prepare?.(source) ?? unreadable;
    }
  }

  run(invocation: Invocation): Promise<Outcome> {
    return this.#runner.run(invocation);
  }

  refresh(): void {
    if (this.#isStopped) return;
    const runner = this.#runner;
    this.#runner = this.#make();
    const leaving = { runner, end: runner.stop({ afterRuns: true }) };
    this.#leaving.add(leaving);
    void leaving.end.then(() => this.#leaving.delete(leaving));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const before = [...this.#leaving].map(async ({ runner, end }) => {
      await runner.stop();
      await end;
    });
    await Promise.all([this.#runner.stop(), ...before]);
  }
}

const unreadable: Prepared = { kind: 'unavailable', message: 'Its texts are not read by this server.' };
