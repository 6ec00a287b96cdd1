// Stands for a language whose interpreter this machine does not have: its scripts are refused, all else
// works.
import type { Outcome, Prepared, Runner } from '../core/runner.ts';

/** A runner that runs nothing; `problem` completes "php is not available: ". */
export function missingRunner(language: string, problem: string): Runner {
  const answer = { kind: 'unavailable', message: `${language} is not available: ${problem}.` } as const;
  return {
    language,
    run: (): Promise<Outcome> => Promise.resolve(answer),
    prepare: (): Promise<Prepared> => Promise.resolve(answer),
    stop: () => Promise.resolve(),
  };
}
