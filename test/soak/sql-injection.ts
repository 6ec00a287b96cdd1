// The whole corpus of hostile texts in every position, on each live engine.
// Invariant: options only make it smaller; without them everything runs.
import { attackEngine, type InjectionReport } from '../security/sql-injection.ts';
import type { LiveEngine } from '../security/sql-world.ts';
import { optionOf, type SoakResult } from './soak.ts';

const engines: readonly LiveEngine[] = ['sqlite', 'postgres', 'mysql'];

/** `--engine=mysql` for one engine, `--step=10` for a tenth. */
export async function soakInjection(
  options: readonly string[],
  say: (line: string) => void,
): Promise<SoakResult> {
  const wanted = optionOf(options, 'engine', engines.join()).split(',');
  const step = Number(optionOf(options, 'step', '1'));
  const reports: InjectionReport[] = [];
  for (const engine of engines.filter((each) => wanted.includes(each))) {
    const began = Date.now();
    const report = await attackEngine(engine, { start: 0, step });
    reports.push(report);
    const { attacks, requests, findings } = report;
    const seconds = Math.round((Date.now() - began) / 1000);
    say(`${engine}: ${attacks} attacks, ${requests} requests, ${findings.length} findings, ${seconds} s`);
  }
  const findings = reports.flatMap((each) => each.findings.map((finding) => `${each.engine}: ${finding}`));
  return {
    figures: reports.map(({ findings: found, ...rest }) => ({ ...rest, findings: found.length })),
    findings,
  };
}
