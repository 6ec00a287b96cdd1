// The paths of procedures and functions for event names and descriptions (spec §5.8).
import type { ActionDetails, PathDetails } from '../../../core/description.ts';
import type { Action } from '../../../core/operation.ts';
import type { Endpoint } from '../../../core/service.ts';
import { jsonContent, listSchema, objectSchema } from '../../../openapi/envelopes.ts';
import { recordParameters } from '../../../openapi/record-parameters.ts';
import { fieldSchema } from '../description/describe-fields.ts';
import type { Routine, RoutineKind } from './routine.ts';
import type { RoutineDesk } from './routine-desk.ts';

const kinds: readonly { kind: RoutineKind; root: string; placeholder: string; plural: string }[] = [
  { kind: 'procedure', root: '_proc', placeholder: 'procedure_name', plural: 'procedures' },
  { kind: 'function', root: '_func', placeholder: 'function_name', plural: 'functions' },
];

const callable: readonly Action[] = ['GET', 'POST'];

/** The endpoints of the routines that a database has; none where its engine knows none. */
export function describeRoutines(desk: RoutineDesk): readonly Endpoint[] {
  if (!desk.isOffered) return [];
  return kinds.flatMap(({ kind, root, placeholder, plural }) => [
    {
      pattern: [root],
      actions: ['GET'],
      summary: `List the ${plural}`,
      details: () => [listDetails(root, plural)],
    } satisfies Endpoint,
    {
      pattern: [root, `{${placeholder}}`],
      actions: callable,
      summary: `Call a ${kind}`,
      parameters: { [placeholder]: desk.names(kind) },
      details: () => desk.all(kind).map((routine) => routineDetails(root, routine)),
    } satisfies Endpoint,
  ]);
}

function listDetails(root: string, plural: string): PathDetails {
  const { fields, asList, refresh } = recordParameters;
  return {
    pattern: [root],
    actions: {
      GET: {
        summary: `List the ${plural}`,
        parameters: [fields, refresh, asList],
        responses: { 200: { description: 'Done', content: jsonContent(listSchema(objectSchema({}))) } },
      },
    },
    tag: root,
  };
}

function routineDetails(root: string, routine: Routine): PathDetails {
  return {
    pattern: [root, routine.name],
    actions: { GET: callDetails(routine, 'GET'), POST: callDetails(routine, 'POST') },
    tag: root,
  };
}

function callDetails(routine: Routine, action: Action): ActionDetails {
  const inward = routine.parameters.filter(({ mode }) => mode !== 'OUT');
  const shape = {
    summary: `Call the ${routine.kind} ${routine.name}`,
    ...(routine.description === null ? {} : { description: routine.description }),
    responses: { 200: { description: 'What it answers', content: jsonContent({}) } },
  };
  if (action === 'GET') {
    return {
      ...shape,
      parameters: inward.map(({ name, isRequired, field }) => ({
        name,
        in: 'query',
        required: isRequired,
        schema: fieldSchema(field),
      })),
    };
  }
  const params = objectSchema(
    Object.fromEntries(inward.map(({ name, field }) => [name, fieldSchema(field)])),
  );
  return { ...shape, requestBody: { content: jsonContent(objectSchema({ params })) } };
}
