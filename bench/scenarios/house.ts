// The speed questions of the house: one row, a page, a write, scripts on the path. Each compares two variants
// that do the same work on the same data; goals are those the project set itself (must / stretch).
import type { Scenario, Variant } from '../scenario.ts';

const reference: Variant = { name: 'reference', server: 'reference' };
const inline: Variant = {
  name: 'inline functions',
  server: 'reference',
  environment: { BENCH_SCRIPTS: 'inline' },
};
const spawn: Variant = {
  name: 'a process per event',
  server: 'reference',
  environment: { BENCH_SCRIPTS: 'spawn' },
};
const bare: Variant = { name: 'tenon without scripts', server: 'tenon' };

const before = {
  event: 'bench._table.employees.{id}.get.pre_process',
  content: "if (event.request.parameters.limit === undefined) event.request.parameters.limit = '10';",
};
const after = {
  event: 'bench._table.employees.{id}.get.post_process',
  content: `const row = event.response.content;
row.name = row.first_name + ' ' + row.last_name;
delete row.first_name;
delete row.last_name;`,
};
const elsewhere = Array.from({ length: 1_000 }, (_, index) => ({
  event: `bench._table.other_${index}.get.pre_process`,
  content: 'event.request.parameters.x = 1;',
}));

const one = { reference: '/employees/10777', tenon: '/api/v2/bench/_table/employees/10777' };
const page = {
  reference: '/employees?gender=M',
  tenon: '/api/v2/bench/_table/employees?filter=gender%3DM&order=emp_no&limit=100',
};
const note = { resource: [{ title: 'a note to keep', priority: 3 }] };
const write = { method: 'POST' as const, body: note };
const notes = { reference: '/notes', tenon: '/api/v2/bench/_table/notes' };

/** The house's scenarios, by name. */
export const house: readonly Scenario[] = [
  {
    name: 'get-one',
    question: 'GET one row through the whole path, against a hand-written handler',
    a: { ...bare, name: 'tenon' },
    b: reference,
    path: one,
    goal: { must: 0.7, stretch: 0.85 },
  },
  {
    name: 'metrics',
    question: 'GET one row while requests are counted for Prometheus, against TENON_METRICS=off',
    a: { ...bare, name: 'tenon with metrics' },
    b: { ...bare, name: 'tenon without metrics', environment: { TENON_METRICS: 'off' } },
    path: one,
    goal: { must: 0.97, stretch: 0.99 },
  },
  {
    name: 'get-100',
    question: 'GET 100 rows with filter and sort, against a hand-written handler with JSON.stringify',
    a: { ...bare, name: 'tenon' },
    b: reference,
    path: page,
    goal: { must: 1.0, stretch: 1.2 },
  },
  {
    name: 'post-one',
    question: 'POST one row, against a hand-written handler',
    a: { ...bare, name: 'tenon' },
    b: reference,
    path: notes,
    request: write,
    goal: { must: 0.6, stretch: 0.8 },
  },
  {
    name: 'scripts-two',
    question:
      'GET one row with a pre and a post script in a process of their own, against the same call without',
    a: { ...bare, name: 'tenon with two scripts', scripts: [before, after] },
    b: bare,
    path: one,
    goal: { must: 0.55, stretch: 0.7 },
  },
  {
    name: 'script-one',
    question: 'GET one row with a post script in a process of its own, against the same call without',
    a: { ...bare, name: 'tenon with one script', scripts: [after] },
    b: bare,
    path: one,
    goal: { must: 0.7, stretch: 0.82 },
  },
  {
    name: 'scripts-spawned',
    question: 'GET one row with two scripts, against a hand-written handler that spawns a process per script',
    a: { ...bare, name: 'tenon with two scripts', scripts: [before, after] },
    b: spawn,
    path: one,
    goal: { must: 400, stretch: 1_000 },
  },
  {
    name: 'scripts-inline',
    question: 'CPU of two isolated scripts, against the same functions inside a hand-written handler',
    a: { ...bare, name: 'tenon with two scripts', scripts: [before, after] },
    b: inline,
    path: one,
  },
  {
    name: 'scripts-elsewhere',
    question: 'GET one row while 1,000 scripts are bound elsewhere, against none',
    a: { ...bare, name: 'tenon with 1,000 scripts elsewhere', scripts: elsewhere },
    b: bare,
    path: one,
    goal: { must: 0.97, stretch: 0.99 },
  },
];
