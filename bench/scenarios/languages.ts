// The speed questions of the languages: scripts in Python and PHP around a call, each against the same call
// without scripts, and against a process per script, which is how DreamFactory runs Python.
import type { Scenario, Variant } from '../scenario.ts';

const bare: Variant = { name: 'tenon without scripts', server: 'tenon' };
const beforeEvent = 'bench._table.employees.{id}.get.pre_process';
const afterEvent = 'bench._table.employees.{id}.get.post_process';
const one = { reference: '/employees/10777', tenon: '/api/v2/bench/_table/employees/10777' };

interface Language {
  readonly name: string;
  readonly type: string;
  readonly before: string;
  readonly after: string;
  /** Goals of two scripts, of one, and of two against processes: must and stretch. */
  readonly two: readonly [number, number];
  readonly single: readonly [number, number];
  readonly spawned: readonly [number, number];
}

const python: Language = {
  name: 'python',
  type: 'python3',
  before: "if 'limit' not in event.request.parameters: event.request.parameters.limit = '10'",
  after: `row = event.response.content
row.name = row.first_name + ' ' + row.last_name
del row['first_name']
del row['last_name']`,
  two: [0.4, 0.5],
  single: [0.55, 0.65],
  spawned: [250, 500],
};

const php: Language = {
  name: 'php',
  type: 'php',
  before: `if (!isset($event['request']['parameters']['limit'])) {
  $event['request']['parameters']['limit'] = '10';
}`,
  after: `$row = &$event['response']['content'];
$row['name'] = $row['first_name'] . ' ' . $row['last_name'];
unset($row['first_name'], $row['last_name']);`,
  two: [0.55, 0.7],
  single: [0.7, 0.8],
  spawned: [500, 1_000],
};

/** The scenarios of Python and PHP; those of Node are the house's. */
export const languages: readonly Scenario[] = [python, php].flatMap(scenariosOf);

function scenariosOf(language: Language): Scenario[] {
  const { name, type } = language;
  const before = { event: beforeEvent, content: language.before, type };
  const after = { event: afterEvent, content: language.after, type };
  const both = { ...bare, name: `tenon with two scripts in ${name}`, scripts: [before, after] };
  const spawn: Variant = {
    name: `a process of ${name} per script`,
    server: 'reference',
    environment: { BENCH_SCRIPTS: 'spawn', BENCH_LANGUAGE: name },
  };
  return [
    {
      name: `${name}-two`,
      question: `GET one row with a pre and a post script in ${name}, against the same call without`,
      a: both,
      b: bare,
      path: one,
      goal: goalOf(language.two),
    },
    {
      name: `${name}-one`,
      question: `GET one row with a post script in ${name}, against the same call without`,
      a: { ...bare, name: `tenon with one script in ${name}`, scripts: [after] },
      b: bare,
      path: one,
      goal: goalOf(language.single),
    },
    {
      name: `${name}-spawned`,
      question: `GET one row with two scripts in ${name}, against a handler that spawns a process per script`,
      a: both,
      b: spawn,
      path: one,
      goal: goalOf(language.spawned),
    },
  ];
}

function goalOf([must, stretch]: readonly [number, number]): { must: number; stretch: number } {
  return { must, stretch };
}
