// What descriptions say of resources that are no records: what they take, and what they answer.
import type { ActionDetails, PartMap } from '../../core/description.ts';
import type { Action } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import { jsonContent, objectSchema, successResponse } from '../../openapi/envelopes.ts';

/** Gives an endpoint what descriptions show of it. */
export function described(endpoint: Endpoint, actions: Partial<Record<Action, ActionDetails>>): Endpoint {
  const { pattern } = endpoint;
  return { ...endpoint, details: () => [{ pattern, actions, tag: pattern[0] ?? '' }] };
}

/** Gives the same to an endpoint all of whose actions answer success alone. */
export function describedSuccess(endpoint: Endpoint): Endpoint {
  const done: ActionDetails = { summary: endpoint.summary, responses: { 200: successResponse } };
  return described(endpoint, Object.fromEntries(endpoint.actions.map((action) => [action, done])));
}

/** The answer that an object is. */
export function objectAnswer(description: string): PartMap {
  return { 200: { description, content: jsonContent({ type: 'object' }) } };
}

const text = { type: 'string' };
const flag = (name: string, description: string) => ({
  ...{ name, in: 'query', description },
  schema: { type: 'boolean' },
});

/** Listing events. */
export const eventDetails: ActionDetails = {
  summary: 'List the events that can fire',
  parameters: [
    { name: 'service', in: 'query', description: 'Only those of this service.', schema: text },
    {
      ...{ name: 'type', in: 'query', description: 'Only those of paths, or only those of services.' },
      schema: { type: 'string', enum: ['api', 'service'] },
    },
    flag('as_list', 'Answers names alone.'),
    flag('scriptable', 'With the names that scripts can be bound to.'),
    flag('services_only', 'Answers the names of services alone.'),
  ],
  responses: objectAnswer('Events by service and path, or a list of names'),
};

/** Trying a script. */
export const trialDetails: ActionDetails = {
  summary: 'Run a script once, to try it',
  description: 'Nothing is stored but the run in the log of runs. For administrators.',
  requestBody: {
    required: true,
    content: jsonContent(
      objectSchema({
        name: { type: 'string', description: 'A stored event script; or what to call the content.' },
        type: { type: 'string', description: 'The language of the content: `nodejs`, `python3`, `php` …' },
        content: text,
        on: {
          type: 'string',
          description: 'The event with its stage: `hr._table.employees.get.post_process`.',
        },
        timeout_ms: { type: 'integer', minimum: 1 },
        event: {
          type: 'object',
          description: 'What the script sees.',
          properties: {
            request: {
              type: 'object',
              properties: {
                method: text,
                path: text,
                parameters: {},
                headers: {},
                payload: {},
                content: text,
              },
            },
            response: {
              type: 'object',
              properties: { status_code: { type: 'integer' }, headers: {}, content: {} },
            },
          },
        },
      }),
    ),
  },
  responses: objectAnswer('The run, what the script returned, and what it changed'),
};
