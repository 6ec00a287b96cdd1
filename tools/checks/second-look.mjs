// Which test files are run once more because they failed, and what both runs come to together. The reasons
// are in docs/decisions/0029.
// Invariant: nothing that failed is forgotten. It is told as failed, or, when it passed alone, as unsteady.

/**
 * What a run of tests came to, as test/vitest/outcome.ts writes it. Stray errors belong to no test.
 * @typedef {{ test: string, message: string }} Failure
 * @typedef {{ file: string, passed: number, failures: Failure[], skipped: string[] }} FileOutcome
 * @typedef {{ files: FileOutcome[], strays: string[] }} Outcome
 */

/** When more files fail than this, the cause is hardly chance. */
const mostFiles = 3;

/**
 * The files to run once more; none when there is nothing to gain.
 * @param {Outcome} first
 */
export function filesToRunAgain(first) {
  const failed = failedFiles(first).map(({ file }) => file);
  return first.strays.length === 0 && failed.length <= mostFiles ? failed : [];
}

/**
 * Both runs in one: each file as its last run has it, beside what failed in the first run only.
 * @param {Outcome} first
 * @param {Outcome | undefined} second of the files that were run once more
 */
export function settle(first, second) {
  const again = new Map(second?.files.map((file) => [file.file, file]));
  const files = first.files.map((file) => again.get(file.file) ?? file);
  const strays = [...first.strays, ...(second?.strays ?? [])];
  const unsteady = failedFiles(first).filter(({ file }) => hasPassed(again.get(file)));
  return { files, strays, unsteady, isGood: strays.length === 0 && files.every(hasPassed) };
}

/**
 * The end of what is printed; the last line is for other programs.
 * @param {ReturnType<typeof settle>} settled
 */
export function summary({ files, strays, unsteady }) {
  const failed = files.flatMap((file) => linesOf('failed', file));
  const wavering = unsteady.flatMap((file) => linesOf('unsteady', file));
  const skipped = files.flatMap((file) => file.skipped);
  const passed = files.reduce((sum, file) => sum + file.passed, 0);
  const note = `${wavering.length} unsteady: failed, and passed when their files were run once more, alone`;
  return [
    ...skipped.map((name) => `skipped: ${name}`),
    ...strays.map((message) => `failed: outside of all tests: ${firstLine(message)}`),
    ...failed,
    ...wavering,
    ...(wavering.length === 0 ? [] : [note]),
    `${passed} passed, ${failed.length + strays.length} failed, ${skipped.length} skipped`,
  ];
}

/** @param {Outcome} outcome */
function failedFiles({ files }) {
  return files.filter(({ failures }) => failures.length > 0);
}

// A file in which no test was run proves nothing.
/** @param {FileOutcome | undefined} file */
function hasPassed(file) {
  return file !== undefined && file.failures.length === 0 && file.passed + file.skipped.length > 0;
}

/** @param {string} word @param {FileOutcome} file */
function linesOf(word, { file, failures }) {
  return failures.map(({ test, message }) => `${word}: ${file} › ${test}: ${firstLine(message)}`);
}

/** @param {string} text */
function firstLine(text) {
  return text.trim().split('\n')[0] ?? '';
}
