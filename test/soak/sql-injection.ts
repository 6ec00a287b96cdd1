// The whole corpus of hostile texts in every position, on each live engine.
// Invariant: options only make it smaller; without them everything runs.
import { attackEngine, type InjectionReport } from '../security/sql-injection.ts';
import { type NamesReport, useHostileNames } from '../security/sql-names.ts';
import { schemaPositions } from '../security/sql-positions.ts';
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
  const reports: (InjectionReport | NamesReport)[] = [];
  for (const engine of engines.filter((each) => wanted.includes(each))) {
    for (const work of [attackEngine, changeSchemas, useHostileNames]) {
      const began = Date.now();
      const report = await work(engine, { start: 0, step });
      reports.push(report);
      const seconds = Math.round((Date.now() - began) / 1000);
      say(`${engine}: ${report.requests} requests, ${report.findings.length} findings, ${seconds} s`);
    }
  }
  const findings = reports.flatMap((each) => each.findings.map((finding) => `${each.engine}: ${finding}`));
  const figures = reports.map(({ findings: found, ...rest }) => ({ ...rest, findings: found.length }));
  return { figures, findings };
}

/** Every third text, which still is more than 1,500: each takes as long as a hundred of the others. */
function changeSchemas(engine: LiveEngine, { step }: { readonly step: number }): Promise<InjectionReport> {
  return attackEngine(engine, { start: 0, step: 3 * step, positions: schemaPositions });
}
