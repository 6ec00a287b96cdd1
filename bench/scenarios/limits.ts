// What limits on callers cost: counted in the system database, against none. Where there are limits that do
// not count a caller, he pays nothing.
import type { Scenario, Variant } from '../scenario.ts';

const path = { reference: '/employees/10777', tenon: '/api/v2/bench/_table/employees/10777' };
const rule = { name: 'all', type: 'instance', rate: 1_000_000_000, period: 'hour' };
const limited = (name: string, limits: NonNullable<Variant['limits']>): Variant => ({
  name,
  server: 'tenon',
  limits,
});
const none = limited('no limit', []);

/** The scenarios of limits, by name. */
export const limits: readonly Scenario[] = [
  {
    name: 'limits-one',
    question: 'GET one row with the key of an app, counted by one limit, against no limit',
    a: limited('one limit', [rule]),
    b: none,
    path,
    goal: { must: 0.4, stretch: 0.6 },
  },
  {
    name: 'limits-elsewhere',
    question: 'GET one row with the key of an app, while there is a limit of other calls, against no limit',
    a: limited('a limit of other calls', [{ ...rule, verb: 'DELETE' }]),
    b: none,
    path,
    goal: { must: 0.95, stretch: 0.99 },
  },
];
