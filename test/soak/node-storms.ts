// Nodes behind a balancer, restarted in order and lost, again and again, under a steady load.
// Invariant: bounds are those of life; only what makes a node wait for its balancer is as short as that
// allows.
import { clientCount, loseUnder, openBalanced, rollUnder } from '../recovery/node-proofs.ts';
import { overEngines } from './queue-kills.ts';
import { optionOf, type Soak } from './soak.ts';

const inLife = { queueLeaseMs: 15_000, queueBeatMs: 4_000, queueSweepMs: 2_000, queuePollMs: 1_000 };
const resumedMs = 20_000;

/** Servers by name, both unless named; `--rounds=10`, `--nodes=3`, `--rate=300` requests a second. */
export const soakQueueRestarts: Soak = (options, say) => {
  const nodes = Number(optionOf(options, 'nodes', '3'));
  const rounds = Number(optionOf(options, 'rounds', '10'));
  const perSecond = Number(optionOf(options, 'rate', '300'));
  return overEngines(options, nodes, async (engine) => {
    const world = await openBalanced({ engine, nodes, limits: inLife });
    try {
      const outcome = await rollUnder(world, { rounds, perSecond, schedules: 10 });
      say(`${engine}: ${JSON.stringify(outcome)}`);
      const { codes, verdict, schedules } = outcome;
      const fallen = codes.some((code) => code !== 0) ? [`exit codes ${codes.join()}`] : [];
      const counted = verdict.takenOver === 0 ? [] : [`${verdict.takenOver} runs counted as lost`];
      const findings = [...verdict.findings, ...schedules.findings, ...fallen, ...counted];
      return { figures: { rounds, nodes, ...outcome }, findings };
    } finally {
      await world.close();
    }
  });
};

/** The same, with `--losses=5` nodes that are killed, one at a time. */
export const soakNodeLoss: Soak = (options, say) => {
  const nodes = Number(optionOf(options, 'nodes', '3'));
  const losses = Number(optionOf(options, 'losses', '5'));
  const perSecond = Number(optionOf(options, 'rate', '100'));
  return overEngines(options, nodes, async (engine) => {
    const lastStep = 'await new Promise((done) => setTimeout(done, 100));';
    const world = await openBalanced({ engine, nodes, lastStep, limits: inLife });
    try {
      const outcomes = [];
      const findings: string[] = [];
      for (let loss = 0; loss < losses; loss++) {
        const outcome = await loseUnder(world, { perSecond, schedules: 10, name: `loss${loss}` });
        const { resumed, unanswered, verdict, schedules } = outcome;
        const slowest = Math.max(...resumed);
        say(`${engine}: ${resumed.length} runs of the lost node were done after ${slowest} ms at most`);
        outcomes.push(outcome);
        findings.push(...verdict.findings, ...schedules.findings);
        if (slowest > resumedMs) findings.push(`a run was done ${slowest} ms after its node was lost`);
        if (unanswered > clientCount) findings.push(`${unanswered} requests failed`);
      }
      return { figures: { losses, nodes, outcomes }, findings };
    } finally {
      await world.close();
    }
  });
};
