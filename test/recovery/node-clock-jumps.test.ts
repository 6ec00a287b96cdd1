// Two nodes, of which one has its clock set by hours and months while runs and schedules go on: time that a
// node believes in is nobody's time.
import { expect, test } from 'vitest';
import { canTest } from '../databases.ts';
import { canSetClocks } from './node-clock.ts';
import { jumpUnder } from './node-jumps.ts';

test.runIf(canTest('postgres') && canSetClocks())(
  'a clock that jumps changes nothing: no slot early or twice, no lease taken, nothing lost',
  { timeout: 120_000 },
  async () => {
    const { verdict, schedules, jumpedSlots } = await jumpUnder({
      engine: 'postgres',
      schedules: 4,
      stayed: 1,
    });
    console.log(JSON.stringify({ jumpedSlots, verdict, schedules }));
    expect(verdict.findings).toEqual([]);
    expect(schedules.findings).toEqual([]);
    expect(verdict.takenOver).toBe(0);
    expect(schedules.passed).toBe(0);
    // Else the one whose clock jumped had no part in it.
    expect(jumpedSlots).toBeGreaterThan(0);
  },
);
