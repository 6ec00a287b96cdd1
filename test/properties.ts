// fast-check as all tests use it: with one seed, so that what passed here passes elsewhere. What another seed
// would find is looked for with TENON_TEST_SEED: a number, or `random`.
import fc from 'fast-check';

const given = process.env.TENON_TEST_SEED;

if (given !== 'random') fc.configureGlobal({ seed: Number(given ?? 20_261_121) });

export { fc };
