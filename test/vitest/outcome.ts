// Writes what a run of tests came to into the file that TENON_TESTS_OUTCOME names; without it, nothing.
// Invariant: also what failed outside of a test is in it: when a file is loaded, in a hook, or in no file.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type { FileOutcome, Outcome } from '../../tools/checks/second-look.mjs';

type Failed = { readonly message: string };

/** For `test.reporters`. */
export class OutcomeReporter implements Reporter {
  readonly #path = process.env.TENON_TESTS_OUTCOME;

  onTestRunEnd(modules: readonly TestModule[], strays: readonly Failed[]): void {
    if (this.#path === undefined) return;
    const outcome: Outcome = { files: modules.map(outcomeOf), strays: strays.map(({ message }) => message) };
    writeFileSync(this.#path, JSON.stringify(outcome));
  }
}

function outcomeOf(module: TestModule): FileOutcome {
  const tests = [...module.children.allTests()];
  const suites = [...module.children.allSuites()];
  const failures = [
    ...tests.filter((test) => test.result().state === 'failed').map(failureOf),
    ...suites.flatMap((suite) => outside(suite.fullName, suite.errors())),
    ...outside('the file', module.errors()),
  ];
  return {
    file: relative(process.cwd(), module.moduleId),
    passed: tests.filter((test) => test.result().state === 'passed').length,
    failures,
    skipped: tests.filter((test) => test.result().state === 'skipped').map(({ fullName }) => fullName),
  };
}

function failureOf(test: TestCase) {
  return { test: test.fullName, message: test.result().errors?.[0]?.message ?? 'failed' };
}

function outside(test: string, errors: readonly Failed[]) {
  return errors.map(({ message }) => ({ test, message }));
}
