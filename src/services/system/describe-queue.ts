// What descriptions say of queues and their runs.
import type { ActionDetails, PartMap } from '../../core/description.ts';
import type { Endpoint } from '../../core/service.ts';
import { jsonContent, objectSchema, successResponse } from '../../openapi/envelopes.ts';
import { formParameters, recordParameters } from '../../openapi/record-parameters.ts';
import { describedRecords } from './describe-collection.ts';
import { described } from './describe-resource.ts';
import type { RunVerb } from './queued-run-change.ts';
import { logRelation, queuedRunSet } from './queued-run-row.ts';
import type { RowSet } from './selection.ts';

const { ids, filter, params, limit, fields, force, rollback } = recordParameters;

/** Reading queued runs, and dropping them. */
export function describedRuns(): Endpoint[] {
  return describedRecords({ ...queuedRunSet, noun: 'queued run', described: told }, [
    {
      pattern: ['queued_run'],
      actions: ['GET', 'DELETE'],
      summary: 'runs of queues; DELETE drops ended ones',
    },
    {
      pattern: ['queued_run', '{id}'],
      actions: ['GET', 'DELETE'],
      summary: 'one run, by its id or its short number; DELETE drops it once it has ended',
    },
  ]);
}

const told: Readonly<Record<string, PartMap>> = {
  id: { description: 'The id of the event, the same in every attempt.' },
  position: { description: 'A short number for people, which stands for the id wherever one is asked for.' },
  state: {
    enum: ['ready', 'running', 'done', 'failed', 'cancelled', 'quarantined'],
    description:
      'One that waits for its time or for another try is `ready` with a later `available_date`. ' +
      '`quarantined`: it cost too many workers.',
  },
  attempt: { description: 'How often the script failed.' },
  crashes: { description: 'How often its worker was lost; that uses up none of its tries.' },
  version: { description: 'The text of the script that it was queued with; null: the one there is.' },
  payload: { description: 'What it was queued with. In lists only where `fields` names it.' },
  log_id: { description: 'The record of its last failure in `system/run`.' },
  [logRelation]: {
    description: `Its attempts in the log of runs, where \`related=${logRelation}\` asks for them.`,
  },
};

const summaries: Readonly<Record<RunVerb, readonly [one: string, many: string]>> = {
  retry: ['Start a run anew that failed or was stopped', 'Start runs anew that failed or were stopped'],
  cancel: ['Stop a run that waits or runs', 'Stop runs that wait or run'],
  forget: ['Drop a run that has ended', 'Drop runs that have ended'],
};

/** Doing something with one queued run, or with many. */
export function describedRunChange(pattern: readonly string[], verb: RunVerb): Endpoint {
  const isOne = pattern.includes('{id}');
  const [one, many] = summaries[verb];
  const summary = isOne ? one : many;
  const POST: ActionDetails = isOne
    ? { summary, parameters: [fields, ...formParameters], responses: rowAnswer(summary) }
    : {
        summary,
        description: 'Runs that a filter chooses and with which it cannot be done are left as they are.',
        parameters: [ids, filter, params, fields, limit, after, recordParameters.continue, rollback, force],
        requestBody: { required: false, content: jsonContent(choice) },
        responses: countAnswer(summary),
      };
  return described({ pattern, actions: ['POST'], summary }, { POST });
}

const after = {
  ...{ name: 'after', in: 'query' },
  description: 'Only runs with greater positions: `next` of the answer before.',
  schema: { type: 'integer', minimum: 0 },
};

const choice = objectSchema({
  resource: { type: 'array', items: { type: 'object' }, description: 'Runs with their `id` or `position`.' },
  ids: { type: 'array', items: { type: ['string', 'integer'] } },
  filter: { type: 'string' },
  limit: { type: 'integer', minimum: 0 },
  force: { type: 'boolean', description: 'All of them, where nothing says which.' },
});

const state = { type: 'string' };
const row = objectSchema({ id: { type: 'string' }, position: { type: 'integer' }, state });

function rowAnswer(description: string): PartMap {
  return { 200: { description, content: jsonContent(row) } };
}

function countAnswer(description: string): PartMap {
  const count = { type: 'integer', description: 'With how many it was done.' };
  const next = {
    type: 'integer',
    description: 'There may be more behind this position: ask again with it as `after`.',
  };
  const resource = { type: 'array', items: row, description: 'Where runs were named.' };
  return { 200: { description, content: jsonContent(objectSchema({ resource, count, next }, ['count'])) } };
}

/** Queues: looking at them, changing what they allow, and what is done with the runs of one. */
export function describedQueues(set: RowSet): Endpoint[] {
  const read = describedRecords({ ...set, noun: 'queue', described: queueTold }, [
    { pattern: ['queue'], actions: ['GET'], summary: 'how much waits, runs and failed in each queue' },
    {
      pattern: ['queue', '{name}'],
      actions: ['GET', 'PATCH'],
      summary: 'one queue, as `connection:name`, or by its name alone on the default connection',
    },
  ]);
  return [
    ...read,
    described(
      { pattern: ['queue', 'restart'], actions: ['POST'], summary: 'let all workers begin anew' },
      {
        POST: {
          summary: 'Let all workers begin anew once their runs are over',
          responses: { 200: successResponse },
        },
      },
    ),
    describedPause('pause', 'Start no more runs of a queue'),
    describedPause('resume', 'Start runs of a queue again'),
    describedBulk('retry', 'Start all runs of a queue anew that failed for good'),
    describedBulk('flush', 'Drop all runs of a queue that failed for good'),
  ];
}

const queueTold: Readonly<Record<string, PartMap>> = {
  id: { description: '`connection:name`.' },
  concurrency: { description: 'How many runs there may be at once, of all workers; null: any number.' },
  rate: {
    description:
      'How many runs may start per period, of all workers: `{"count": 100, "per": "minute"}`; `per` is ' +
      '`second`, `minute`, `hour`, `day` or a number of seconds. null: any number.',
  },
  ready: { description: 'Runs that could start now.' },
  delayed: { description: 'Runs that wait for their time or for another try.' },
  quarantined: { description: 'Runs that cost too many workers.' },
  lag_ms: { description: 'For how long the oldest run that could start has waited.' },
};

function describedPause(verb: string, summary: string): Endpoint {
  const pattern = ['queue', '{name}', verb];
  const told200 = { 200: { description: summary, content: jsonContent({ type: 'object' }) } };
  return described({ pattern, actions: ['POST'], summary }, { POST: { summary, responses: told200 } });
}

function describedBulk(verb: string, summary: string): Endpoint {
  const pattern = ['queue', '{name}', verb];
  const POST: ActionDetails = { summary, parameters: [limit, after], responses: countAnswer(summary) };
  return described({ pattern, actions: ['POST'], summary }, { POST });
}
