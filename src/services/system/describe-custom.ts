// What descriptions say of values that clients keep.
import type { ActionDetails } from '../../core/description.ts';
import type { Action } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import { jsonContent } from '../../openapi/envelopes.ts';
import { described, objectAnswer } from './describe-resource.ts';

const writing = (summary: string, isNew: boolean): ActionDetails => ({
  summary,
  requestBody: {
    required: true,
    content: jsonContent({ description: 'Records of `name` and `value`, or values by name.' }),
  },
  responses: isNew ? { 201: { description: 'Their names' } } : objectAnswer('Their names'),
});

const actions: Partial<Record<Action, ActionDetails>> = {
  GET: { summary: 'Read values', responses: objectAnswer('Names and values') },
  POST: writing('Keep values', true),
  PUT: writing('Keep or replace values', false),
  PATCH: writing('Keep or replace values', false),
  DELETE: { summary: 'Drop values', responses: objectAnswer('Their names') },
};

/** Gives endpoints of such values what descriptions show of them. */
export function describedCustom(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints.map((endpoint) => described(endpoint, actions));
}
