// The whole corpus of hostile texts in every position, on each live engine.
// Invariant: options only make it smaller; without them everything runs.
import { attackEngine, type InjectionReport } from '../security/sql-injection.ts';
import { type NamesReport, useHostileNames } from '../security/sql-names.ts';
import { schemaPositions } from '../security/sql-positions.ts';
import type { LiveEngine } from '../security/sql-world.ts';
import { optionOf, type SoakResult } from './soak.ts';

const engines: readonly LiveEngine[] = ['sqlite', 'postgres', 'mysql'];

const parts = { requests: attackEngine, schemas: changeSchemas, names: useHostileNames } as const;

/** `--engine=mysql` for one engine, `--part=schemas` for one part, `--step=10` for a tenth. */
export async function soakInjection(
  options: readonly string[],
  say: (line: string) => void,
): Promise<SoakResult> {
  const wanted = optionOf(options, 'engine', engines.join()).split(',');
  const step = Number(optionOf(options, 'step', '1'));
  const asked = optionOf(options, 'part', Object.keys(parts).join()).split(',');
  const reports: ((InjectionReport | NamesReport) & { readonly part: string; readonly step: number })[] = [];
  for (const engine of engines.filter((each) => wanted.includes(each))) {
    for (const part of (['requests', 'schemas', 'names'] as const).filter((each) => asked.includes(each))) {
      const began = Date.now();
      const report = await parts[part](engine, { start: 0, step });
      reports.push({ part, step, ...report });
      const seconds = Math.round((Date.now() - began) / 1000);
      say(
        `${engine}, ${part}: ${report.requests} requests, ${report.findings.length} findings, ${seconds} s`,
      );
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
