// Nodes killed and paused many times under load, on every engine, alone and three together; paused
// without the fence, too, which must be found out.
// Invariant: a proof that would hold without the fence, too, is a finding.
import type { Engine } from '../recovery/queue-database.ts';
import { killNodes, pauseNodes, stormSeed } from '../recovery/queue-storm.ts';
import { QueueWorld, type WorldOptions } from '../recovery/queue-world.ts';
import { optionOf, type Soak, type SoakResult } from './soak.ts';

const engines: readonly Engine[] = ['sqlite', 'postgres', 'mysql'];
const tellEvery = 25;

/** Engines by name, all unless named; `--kills=500`, `--nodes=1`. */
export const soakQueueKills: Soak = (options, say) => {
  const nodes = Number(optionOf(options, 'nodes', '1'));
  const kills = Number(optionOf(options, 'kills', nodes === 1 ? '500' : '200'));
  return overEngines(options, nodes, async (engine) => {
    const world = await QueueWorld.open({ engine, nodes });
    try {
      const began = performance.now();
      const clients = world.clients(['plain', 'plain', 'batch', 'keyed', 'keyed', 'job']);
      const tell = (blow: number) => blow % tellEvery === 0 && say(`${engine}: ${blow} kills`);
      await killNodes(world.nodes, world.witness, { blows: kills, seed: stormSeed(), say: tell });
      const verdict = await world.verdict(clients);
      const figures = { kills, nodes, seconds: seconds(began), ...verdict };
      say(`${engine}: ${JSON.stringify(figures)}`);
      return { figures, findings: verdict.findings };
    } finally {
      await world.close();
    }
  });
};

const pausedLimits = { queueLeaseMs: 600, queueBeatMs: 150, queueSweepMs: 150 };
const lastStep = 'await new Promise((done) => setTimeout(done, 60));';

/** Servers by name, both unless named; `--pauses=40`, `--nodes=3`; with the fence, and without it. */
export const soakQueuePauses: Soak = (options, say) => {
  const nodes = Number(optionOf(options, 'nodes', '3'));
  const pauses = Number(optionOf(options, 'pauses', '40'));
  return overEngines(options, nodes, async (engine) => {
    const suffer = (isMutant: boolean) =>
      paused(
        { engine, nodes, ...(isMutant ? { mutant: 'fence' } : {}), limits: pausedLimits, lastStep },
        pauses,
        say,
      );
    const fenced = await suffer(false);
    const mutant = await suffer(true);
    const blind = mutant.doubledEffects > 0 ? [] : ['without the fence nothing was doubled'];
    return { figures: { pauses, nodes, fenced, mutant }, findings: [...fenced.findings, ...blind] };
  });
};

async function paused(options: WorldOptions, pauses: number, say: (line: string) => void) {
  const world = await QueueWorld.open(options);
  try {
    const clients = world.clients(['plain', 'plain', 'batch'], { pauseMs: 40 });
    const storm = { blows: pauses, seed: stormSeed(), pausedMs: 1_200 };
    await pauseNodes(world.nodes, world.witness, storm);
    const verdict = await world.verdict(clients);
    say(
      `${options.engine}, ${options.mutant === undefined ? 'fenced' : 'mutant'}: ${JSON.stringify(verdict)}`,
    );
    return verdict;
  } finally {
    await world.close();
  }
}

/** Does the same on each engine that the options name, all unless one is. */
export async function overEngines(
  options: readonly string[],
  nodes: number,
  soak: (engine: Engine) => Promise<SoakResult>,
): Promise<SoakResult> {
  const named = engines.filter((engine) => options.includes(engine));
  const figures: Record<string, unknown> = {};
  const findings: string[] = [];
  for (const engine of named.length > 0 ? named : engines) {
    // Several nodes on one file are no way to run this.
    if (engine === 'sqlite' && nodes > 1) continue;
    const result = await soak(engine);
    figures[engine] = result.figures;
    findings.push(...result.findings.map((finding) => `${engine}: ${finding}`));
  }
  return { figures, findings };
}

function seconds(began: number): number {
  return Math.round((performance.now() - began) / 1_000);
}
