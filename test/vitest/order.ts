// In which order test files run: what takes longest first, so that all workers end at about the same time. A
// fresh clone, as CI has it, knows no durations of earlier runs.
// Invariant: the order changes nothing but the time that a whole run takes.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes long, the longest first; a file that is named here and is gone does no harm. */
const slow: readonly RegExp[] = [
  /\/test\/recovery\//,
  /\/test\/docs\/how-to/,
  /\/src\/cli\/packages\/packages/,
  /\/(transaction|idempotency|queue)-engines\./,
  /\/src\/store\/queue\/queue\./,
  /\/(bombs|bleed|modules|node|work)\.test/,
  /\/test\/(flows|security)\//,
  /\/(conformance|mysql|postgres|cli)\.test/,
];

/** Slow ones first; those of one kind as vitest orders them, which is by duration or size. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rankOf(a.moduleId) - rankOf(b.moduleId));
  }
}

function rankOf(path: string): number {
  const place = slow.findIndex((pattern) => pattern.test(path));
  return place < 0 ? slow.length : place;
}
