// A node of the proofs of the queue: the whole server with workers in a process of its own, which a test may
// kill, pause and start again. Bounds are shorter here than in life, so that what takes seconds there takes
// less.
// Invariant: what differs from `tenon serve` is set before anything of the product is loaded, and comes from
// the test alone: no configuration of the product can do the same.
import module from 'node:module';

const { PROOF_CACHE: cache, PROOF_LIMITS: bounds = '{}', PROOF_MUTANT: mutant } = process.env;
if (cache !== undefined) module.enableCompileCache(cache);

const { limits } = await import('../../src/core/limits.ts');
Object.assign(limits, JSON.parse(bounds));
if (mutant !== undefined) (await import('./queue-mutant.ts')).mutate(mutant);

const { drainDelayMs, readConfig } = await import('../../src/config.ts');
const { startServer } = await import('../../src/main.ts');
const config = readConfig(process.env);
const server = await startServer({ config });
process.once('SIGTERM', () => {
  server.close({ delayMs: drainDelayMs(config) }).then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
console.log(`listening on ${server.url} at ${Date.now()}`);
module.flushCompileCache();
