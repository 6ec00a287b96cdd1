// `_spec`, which every service has beside its own paths.
import type { ActionDetails } from '../../core/description.ts';
import type { Endpoint } from '../../core/service.ts';
import { jsonContent } from '../../openapi/envelopes.ts';

const query = (name: string, description: string, schema: Readonly<Record<string, unknown>>) => ({
  ...{ name, in: 'query', description },
  schema: schema as Readonly<Record<string, string>>,
});

/** What is said of reading a description. */
export const documentDetails: ActionDetails = {
  summary: 'Describe the service in OpenAPI 3.1',
  description: 'Only what the caller may do is in it.',
  parameters: [
    {
      ...query('format', 'JSON or YAML.', { type: 'string' }),
      schema: { type: 'string', enum: ['json', 'yaml'] },
    },
    query('compact', 'One path for all tables, no prose: for programs that read it as text.', {
      type: 'boolean',
    }),
    query('tables', 'Only these tables, with commas between them.', { type: 'string' }),
    query('refresh', 'Has the service read its schema anew; for administrators.', { type: 'boolean' }),
  ],
  responses: {
    200: {
      description: 'The description',
      content: { ...jsonContent({ type: 'object' }), 'application/yaml': { schema: { type: 'string' } } },
    },
  },
};

/** The path itself. */
export const specEndpoint: Endpoint = {
  pattern: ['_spec'],
  actions: ['GET'],
  summary: 'Describe the service in OpenAPI 3.1',
  details: () => [{ pattern: ['_spec'], actions: { GET: documentDetails }, tag: '_spec', isAside: true }],
};
