// What it costs to keep a log of script runs: a call with two scripts, recorded as ever against not at all.
// The default is to be free; recording every run may cost what writing it costs.
import type { Scenario, Variant } from '../scenario.ts';

const scripts = [
  {
    event: 'bench._table.employees.{id}.get.pre_process',
    content: "if (event.request.parameters.limit === undefined) event.request.parameters.limit = '10';",
  },
  {
    event: 'bench._table.employees.{id}.get.post_process',
    content: "const row = event.response.content; row.name = row.first_name + ' ' + row.last_name;",
  },
];

const path = { reference: '/employees/10777', tenon: '/api/v2/bench/_table/employees/10777' };
const recorded = (name: string, environment: Record<string, string>): Variant => ({
  name,
  server: 'tenon',
  scripts,
  environment,
});
const none = recorded('no log of runs', { TENON_RUN_RETENTION_COUNT: '0' });

/** The scenarios of the log of runs, by name. */
export const runs: readonly Scenario[] = [
  {
    name: 'runs-sampled',
    question: 'GET one row with two scripts, one run in a hundred recorded, against no log of runs',
    a: recorded('one in a hundred', { TENON_RUN_SAMPLE: '0.01' }),
    b: none,
    path,
    goal: { must: 0.97, stretch: 0.99 },
  },
  {
    name: 'runs-recorded',
    question: 'GET one row with two scripts, every run recorded, against no log of runs',
    a: recorded('every run', { TENON_RUN_SAMPLE: '1' }),
    b: none,
    path,
    goal: { must: 0.8, stretch: 0.9 },
  },
];
