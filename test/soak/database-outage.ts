// Database servers that are killed, stopped and cut off under load, again and again.
// Invariant: the bounds are those that are promised, without the slack that tests have.
import { type Blow, type OutageReport, sufferOutages } from '../recovery/outage.ts';
import { optionOf, type SoakResult } from './soak.ts';

const boundMs = 2_000;

/** `--rounds=20` blows of each kind, `--away=500` ms without a server; `--kind=postgres` for one server. */
export async function soakOutage(
  options: readonly string[],
  say: (line: string) => void,
): Promise<SoakResult> {
  const rounds = Number(optionOf(options, 'rounds', '20'));
  const awayMs = Number(optionOf(options, 'away', '500'));
  const wanted = optionOf(options, 'kind', 'postgres,mysql').split(',');
  const blows: readonly Blow[] = ['kill', 'stop', 'cut'];
  const reports: OutageReport[] = [];
  for (const kind of (['postgres', 'mysql'] as const).filter((each) => wanted.includes(each))) {
    for (const blow of blows) {
      // Stopping for seconds shows waiting; killing often shows races.
      const plan =
        blow === 'stop' ? { rounds: Math.ceil(rounds / 4), awayMs: awayMs * 6 } : { rounds, awayMs };
      const report = await sufferOutages({ kind, blow, ...plan });
      reports.push(report);
      say(JSON.stringify(report));
    }
  }
  return { figures: reports, findings: reports.flatMap(faultsOf) };
}

function faultsOf(report: OutageReport): string[] {
  const { kind, blow, findings, slowestMs, firstSuccessMs } = report;
  const slowest = Math.max(...firstSuccessMs);
  const faults = [...findings];
  if (slowestMs > boundMs) faults.push(`an answer took ${slowestMs} ms`);
  if (slowest > boundMs) faults.push(`the first success came after ${slowest} ms`);
  return faults.map((fault) => `${kind}, ${blow}: ${fault}`);
}
