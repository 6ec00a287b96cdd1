// How long a start takes until the first answer, and how much memory an idle server holds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pssMb, type Started, start } from '../process.ts';
import { programOf } from '../scenario.ts';

const bareServer = fileURLToPath(new URL('../servers/bare.mjs', import.meta.url));

/**
 * Starts both servers `rounds` times in turn, prints and returns medians: ms to the first answer, idle PSS in
 * MB.
 */
export async function measureStart(rounds: number): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-start-'));
  const ours = programOf({ name: 'tenon', server: 'tenon' }, folder, '');
  const bare = { args: [bareServer], environment: {}, ready: '/', portVariable: 'BENCH_PORT' };
  const times = { ours: [] as number[], bare: [] as number[] };
  let idleMb = 0;
  await (await start(ours)).stop();
  for (let round = 0; round < rounds; round++) {
    times.bare.push((await timed(start(bare))).startMs);
    const server = await start(ours);
    times.ours.push(server.startMs);
    if (round === rounds - 1) {
      await new Promise((done) => setTimeout(done, 2_000));
      idleMb = pssMb(server.pid);
    }
    await server.stop();
  }
  rmSync(folder, { recursive: true, force: true });
  const [a, b] = [middle(times.ours), middle(times.bare)];
  console.log('\nstart: from spawn to the first answer, against bare node:http; idle memory without runners');
  console.log(
    `  tenon ${a.toFixed(0)} ms, bare ${b.toFixed(0)} ms: × ${(a / b).toFixed(2)} (must 3.5, stretch 2.5)`,
  );
  console.log(`  idle PSS ${idleMb.toFixed(0)} MB (must 110, stretch 80)`);
  return { name: 'start', ratio: a / b, idleMb, times };
}

async function timed(starting: Promise<Started>): Promise<Started> {
  const server = await starting;
  await server.stop();
  return server;
}

function middle(values: readonly number[]): number {
  return [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)] ?? 0;
}
