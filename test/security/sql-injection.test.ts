// A sample of the corpus against each live engine; all of it runs by `npm run soak -- sql-injection`.
import { describe, expect, test } from 'vitest';
import { canTest } from '../databases.ts';
import { attackEngine, attackWorld } from './sql-injection.ts';
import { useHostileNames } from './sql-names.ts';
import { sqlPayloads } from './sql-payloads.ts';
import { positions, schemaPositions } from './sql-positions.ts';
import { type Asked, startWorld } from './sql-world.ts';
import type { Reply } from './wire.ts';

test('the corpus is large, and the same in every run', () => {
  for (const engine of ['sqlite', 'postgres', 'mysql', 'mssql'] as const) {
    const payloads = sqlPayloads(engine);
    expect(payloads.length).toBeGreaterThanOrEqual(1_500);
    expect(new Set(payloads).size).toBe(payloads.length);
    expect(sqlPayloads(engine)).toEqual(payloads);
  }
  expect(new Set(positions.map(({ name }) => name)).size).toBe(positions.length);
});

test('a service that puts filters into its SQL is found out, though it hides what fails', {
  timeout: 120_000,
}, async () => {
  const texts = sqlPayloads('sqlite').filter((text) => /^['"\\]+ or /.test(text) && text.length < 100);
  const world = await startWorld('sqlite', texts);
  const careless = async (asked: Asked): Promise<Reply> => {
    const reply = await world.ask(asked);
    const { filter, fields, order, limit } = asked.query ?? {};
    if (filter === undefined || reply.status !== 200) return reply;
    const sql = `select ${fields} from word where ${filter} order by ${order} limit ${limit}`;
    const answered = (resource: unknown) => ({ ...reply, text: JSON.stringify({ resource }) });
    return world.query(sql).then(answered, () => reply);
  };
  try {
    const report = await attackWorld({ ...world, ask: careless }, { texts, portion: { start: 0, step: 1 } });
    expect(report.findings.join('\n')).toMatch(/records [\d,]+ instead of/);
  } finally {
    await world.close();
  }
});

/** A prime, so that the steps through the pairs meet every position equally often. */
const step = 199;

const engines = [
  ['sqlite', true],
  ['postgres', canTest('postgres')],
  ['mysql', canTest('mysql')],
] as const;

/** Another part of the corpus in every run; a failure says how to run it again. */
function startOf(): number {
  return Number(process.env.TENON_SEED ?? Math.floor(Math.random() * step)) % step;
}

describe.each(engines)('hostile texts at %s', (engine, isThere) => {
  test.runIf(isThere)('find what bound values find, or are refused', { timeout: 120_000 }, async () => {
    const start = startOf();
    const report = await attackEngine(engine, { start, step });
    expect(report.findings, `again with TENON_SEED=${start}`).toEqual([]);
    expect(report.attacks).toBeGreaterThan(1_000);
  });

  test.runIf(isThere)('change a schema as they say', { timeout: 120_000 }, async () => {
    const portion = { start: startOf(), step: 10 * step, positions: schemaPositions };
    const report = await attackEngine(engine, portion);
    expect(report.findings, `again with TENON_SEED=${portion.start}`).toEqual([]);
    expect(report.attacks).toBeGreaterThan(30);
  });

  test.runIf(isThere)('are names of tables and columns like any other', { timeout: 120_000 }, async () => {
    const start = startOf();
    const report = await useHostileNames(engine, { start, step });
    expect(report.findings, `again with TENON_SEED=${start}`).toEqual([]);
    expect(report.columns).toBeGreaterThan(10);
  });
});
