// A sample of the corpus against each live engine; all of it runs by `npm run soak -- sql-injection`.
import { describe, expect, test } from 'vitest';
import { attackEngine } from './sql-injection.ts';
import { sqlPayloads } from './sql-payloads.ts';
import { positions } from './sql-positions.ts';

test('the corpus is large, and the same in every run', () => {
  for (const engine of ['sqlite', 'postgres', 'mysql', 'mssql'] as const) {
    const payloads = sqlPayloads(engine);
    expect(payloads.length).toBeGreaterThanOrEqual(1_500);
    expect(new Set(payloads).size).toBe(payloads.length);
    expect(sqlPayloads(engine)).toEqual(payloads);
  }
  expect(new Set(positions.map(({ name }) => name)).size).toBe(positions.length);
});

/** A prime, so that the steps through the pairs meet every position equally often. */
const step = 101;

describe.each([['sqlite', true]] as const)('hostile texts at %s', (engine, isThere) => {
  test.runIf(isThere)('find what bound values find, or are refused', { timeout: 120_000 }, async () => {
    const start = Number(process.env.TENON_SEED ?? Math.floor(Math.random() * step)) % step;
    const report = await attackEngine(engine, { start, step });
    expect(report.findings, `again with TENON_SEED=${start}`).toEqual([]);
    expect(report.attacks).toBeGreaterThan(1_000);
  });
});
