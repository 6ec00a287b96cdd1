// A clock that is set by hours and months while its node works, and a database server that is away for half a
// minute under load.
// Invariant: the bounds are those that are promised, without the slack that tests have.
import { jumpUnder } from '../recovery/node-jumps.ts';
import { sufferOutage } from '../recovery/system-outage.ts';
import { overEngines } from './queue-kills.ts';
import { optionOf, type Soak } from './soak.ts';

const boundMs = 2_000;

/** Servers by name, both unless named; `--schedules=20`, `--stayed=10` slots after each jump. */
export const soakClockJumps: Soak = (options, say) => {
  const count = Number(optionOf(options, 'schedules', '20'));
  const stayed = Number(optionOf(options, 'stayed', '10'));
  return overEngines(options, 2, async (engine) => {
    const outcome = await jumpUnder({ engine, schedules: count, stayed });
    say(`${engine}: ${JSON.stringify(outcome)}`);
    const { verdict, schedules, jumpedSlots } = outcome;
    const stolen = verdict.takenOver === 0 ? [] : [`${verdict.takenOver} leases were taken`];
    const idle = jumpedSlots > 0 ? [] : ['the node whose clock jumped did nothing'];
    return { figures: outcome, findings: [...verdict.findings, ...schedules.findings, ...stolen, ...idle] };
  });
};

/** Servers by name, both unless named; `--away=30000` ms. */
export const soakSystemOutage: Soak = (options, say) => {
  const awayMs = Number(optionOf(options, 'away', '30000'));
  return overEngines(options, 2, async (engine) => {
    if (engine === 'sqlite') return { figures: {}, findings: ['there is no server that could be away'] };
    const outcome = await sufferOutage({ engine, awayMs, graceMs: 5_000 });
    say(`${engine}: ${JSON.stringify(outcome)}`);
    const { verdict, schedules, firstSuccessMs, isSame } = outcome;
    // A script whose write was refused has failed; it is tried again.
    const findings = verdict.findings.filter((finding) => !finding.startsWith('failedTries'));
    findings.push(...schedules.findings);
    if (verdict.slowestMs > boundMs) findings.push(`an answer took ${verdict.slowestMs} ms`);
    if (firstSuccessMs > boundMs) findings.push(`the first success came after ${firstSuccessMs} ms`);
    if (!isSame) findings.push('the server fell');
    return { figures: { awayMs, ...outcome }, findings };
  });
};
