// A database server that is stopped under load and started again, with the queue, the schedules and the data
// in it.
import { describe, expect, test } from 'vitest';
import { canTest } from '../databases.ts';
import { sufferOutage } from './system-outage.ts';

const awayMs = Number(process.env.PROOF_AWAY_MS ?? 3_000);

for (const engine of ['postgres', 'mysql'] as const) {
  describe.runIf(canTest(engine))(`${engine} goes and comes back`, () => {
    test('refusals are clear and quick, the queue and schedules go on, nothing is lost or doubled', {
      timeout: 120_000,
    }, async () => {
      const report = await sufferOutage({ engine, awayMs, graceMs: 1_000 });
      console.log(engine, JSON.stringify(report));
      const { verdict, schedules, slots } = report;
      // A script whose write was refused has failed; it is tried again.
      const findings = verdict.findings.filter((finding) => !finding.startsWith('failedTries'));
      expect(findings).toEqual([]);
      expect(report.firstSuccessMs).toBeLessThan(30_000);
      expect(verdict.slowestMs).toBeLessThan(15_000);
      // The same process: it did not fall.
      expect(report.isSame).toBe(true);
      expect(schedules.findings).toEqual([]);
      // What was missed meanwhile is left out, run once, or all run, as each schedule has it.
      expect(slots.skip.late).toBe(0);
      expect(slots.skip.passed).toBeGreaterThan(0);
      expect(slots.last.late).toBeGreaterThan(0);
      expect(slots.all.late).toBeGreaterThan(1);
      expect(slots.all.passed).toBe(0);
    });
  });
}
