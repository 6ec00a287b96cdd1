// What a soak is to the program that runs it.
// Invariant: whatever is wrong is a finding in words, so that a report shows it beside the figures.

/** What came of a soak: figures for the report, and what is wrong. */
export interface SoakResult {
  readonly figures: unknown;
  readonly findings: readonly string[];
}

/** A long proof; `options` are the rest of the command line, `say` tells how far it is. */
export type Soak = (options: readonly string[], say: (line: string) => void) => Promise<SoakResult>;

/** The value of `--name=value`, or what stands for it. */
export function optionOf(options: readonly string[], name: string, otherwise: string): string {
  return options.find((option) => option.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
}
