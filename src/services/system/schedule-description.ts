// What descriptions say of schedules, what can be done with them, and their runs.
import type { ActionDetails, PartMap } from '../../core/description.ts';
import { limits } from '../../core/limits.ts';
import type { Endpoint } from '../../core/service.ts';
import { jsonContent, objectSchema } from '../../openapi/envelopes.ts';
import { formParameters, recordParameters } from '../../openapi/record-parameters.ts';
import { describedRecords } from './describe-collection.ts';
import { described } from './describe-resource.ts';
import { derivedFields, taskLog } from './schedule-row.ts';
import { scheduleRunSet } from './schedule-run-row.ts';

const { fields, limit, offset, includeCount } = recordParameters;

const readOnly = Object.fromEntries(derivedFields.map((name) => [name, { readOnly: true }]));

/** What is said of the fields of schedules. */
export const describedSchedule: Readonly<Record<string, PartMap>> = {
  ...readOnly,
  component: { description: 'Path below the service, perhaps with a query: `_table/contact?limit=10`.' },
  verb_mask: { enum: [1, 2, 4, 8, 16], description: '1 GET, 2 POST, 4 PUT, 8 PATCH, 16 DELETE.' },
  verb: { description: 'What `verb_mask` says, in a word; may be written in its place.' },
  payload: { description: 'JSON text that is sent; may be written as the JSON itself.' },
  frequency: { minimum: 1, description: 'Minutes between runs, counted in UTC; where there is no `cron`.' },
  cron: {
    description: 'Minute, hour, day, month and weekday, perhaps with seconds before them, or `@daily`.',
  },
  time_zone: { description: 'Whose clock `cron` is about: an IANA name. UTC unless another is given.' },
  overlap: {
    enum: ['skip', 'queue', 'allow'],
    description: 'What becomes of a slot while the run of an earlier one is not over.',
  },
  missed: {
    enum: ['skip', 'last', 'all'],
    description: 'Which slots are run late that no server was there for.',
  },
  missed_count: { description: 'How many of them at most, the latest ones; for `all`.' },
  jitter: { description: 'Each run is begun so many seconds after its slot at most, at random.' },
  app_id: { description: 'With the rights of which app the calls are made that it leads to.' },
  user_id: { description: 'As which user, with the role that he has in the app.' },
  is_privileged: {
    description: 'Whether the call itself may do everything, and only what it leads to is by those rights.',
  },
  connection: { description: 'Where its runs are queued; null: on the default connection.' },
  tries: { description: 'How often the call may fail before it is given up.' },
  timeout: { description: 'Seconds that it may take; null: as its worker has it.' },
  delivery: { enum: ['effects-once', 'at-least-once', 'at-most-once'] },
  next_run_date: { readOnly: true, description: 'Its next slot; null where it is not active.' },
  last_run_date: { readOnly: true, description: 'When its latest run was queued.' },
  last_run_status: { readOnly: true, description: 'How that was answered; null: not yet.' },
  [taskLog]: { description: 'Its latest failure; null once a later run went well.' },
};

const changed = objectSchema({
  id: { type: 'integer' },
  is_active: { type: 'boolean' },
  next_run_date: { type: ['string', 'null'], format: 'date-time' },
});

const queued = objectSchema({
  id: { type: 'string', description: 'Of the run; the same in `system/queued_run`.' },
  schedule_id: { type: 'integer' },
  state: { type: 'string' },
});

const moments = objectSchema({
  resource: { type: 'array', items: { type: 'string', format: 'date-time' }, description: 'In UTC.' },
  local: { type: 'array', items: { type: 'string' }, description: 'On the clock of the zone.' },
  time_zone: { type: 'string' },
});

const countSchema = { type: 'integer', minimum: 1, maximum: limits.schedulePreview, default: 5 };
const count = {
  ...{ name: 'count', in: 'query', description: 'How many moments are told at most.' },
  schema: countSchema,
};

const timing = objectSchema({
  cron: { type: ['string', 'null'] },
  time_zone: { type: ['string', 'null'] },
  frequency: { type: 'integer', minimum: 1 },
  count: countSchema,
});

/** What can be done with schedules beside writing them. */
export function describedVerbs(): Endpoint[] {
  const one = ['scheduler', '{id}'];
  const runs = { parameters: [fields, limit, offset, includeCount, ...formParameters] };
  return [
    verb(['scheduler', 'next'], 'POST', {
      summary: 'Tell when a schedule would come that is not stored',
      requestBody: { required: true, content: jsonContent(timing) },
      responses: answered('The next moments', moments),
    }),
    ...describedRecords({ ...scheduleRunSet, noun: 'run of schedules', described: describedRun }, [
      { pattern: ['scheduler', 'runs'], actions: ['GET'], summary: 'what became of slots' },
    ]).map((endpoint) => narrowed(endpoint, runs)),
    verb([...one, 'run'], 'POST', {
      summary: 'Run a schedule now, active or not',
      responses: answered('The run is queued', queued, 202),
    }),
    verb([...one, 'pause'], 'POST', {
      summary: 'Let a schedule come no more; runs that were queued go on',
      responses: answered('The schedule', changed),
    }),
    verb([...one, 'resume'], 'POST', {
      summary: 'Let a schedule come again, from now on',
      responses: answered('The schedule', changed),
    }),
    verb([...one, 'next'], 'GET', {
      summary: 'Tell when a schedule comes, or would if it were active',
      parameters: [count],
      responses: answered('The next moments', moments),
    }),
    verb([...one, 'runs'], 'GET', {
      summary: 'Tell what became of the slots of a schedule, the newest first',
      ...runs,
      responses: answered('Its runs', { type: 'object' }),
    }),
    verb([...one, 'runs', '{run_id}'], 'GET', {
      summary: 'Tell what became of one run of a schedule',
      parameters: [fields, ...formParameters],
      responses: answered('The run', { type: 'object' }),
    }),
  ];
}

const describedRun: Readonly<Record<string, PartMap>> = {
  id: { description: 'That of the queued run, where there is one.' },
  slot: { description: 'The moment that it is for; null: somebody asked for it.' },
  cause: {
    enum: ['slot', 'missed', 'manual'],
    description: 'At its slot, late because no server was there, or because somebody asked for it.',
  },
  state: {
    description:
      '`queued`, `running`, `retrying`, `done`, `failed`, `cancelled`, `quarantined`, `skipped`, or ' +
      '`dropped`: the queue does not know it any more, and it was not answered.',
  },
  skipped: { description: 'Why it was not run: `overlap` or `missed`; null: it was.' },
  slots: { description: 'For how many slots it stands, `slot` being the last of them.' },
};

function verb(pattern: readonly string[], action: 'GET' | 'POST', details: ActionDetails): Endpoint {
  const { summary = '' } = details;
  return described({ pattern, actions: [action], summary }, { [action]: details });
}

// These lists know neither filters nor orders.
function narrowed(endpoint: Endpoint, details: Pick<ActionDetails, 'parameters'>): Endpoint {
  const told = endpoint.details;
  if (told === undefined) return endpoint;
  return {
    ...endpoint,
    details: (...given) =>
      told(...given).map((path) => ({
        ...path,
        actions: Object.fromEntries(
          Object.entries(path.actions).map(([action, own]) => [action, { ...own, ...details }]),
        ),
      })),
  };
}

function answered(description: string, schema: PartMap, status = 200): PartMap {
  return { [status]: { description, content: jsonContent(schema) } };
}
