// What descriptions say of packages.
import type { Endpoint } from '../../../core/service.ts';
import { jsonContent, objectSchema } from '../../../openapi/envelopes.ts';
import { described, objectAnswer } from '../describe-resource.ts';

const flag = (name: string, description: string) => ({
  ...{ name, in: 'query', description },
  schema: { type: 'boolean' },
});

const text = (name: string, description: string) => ({
  ...{ name, in: 'query', description },
  schema: { type: 'string' },
});

const parameters = [
  flag('dry_run', 'Import: answer what would change, and change nothing.'),
  flag('overwrite', 'Import: change records that are there (the default), or skip them.'),
  flag('delete_missing', 'Import: remove records of the kinds in the package that it does not hold.'),
  text('import_url', 'Import what this address gives.'),
  text('only', 'Export: kinds of records, separated by commas.'),
  flag('include_keys', 'Export: with the API keys of apps.'),
  flag('include_users', 'Export: with users and administrators.'),
  {
    ...text('format', 'Export: the form of the answer.'),
    schema: { type: 'string', enum: ['json', 'yaml', 'zip'] },
  },
  {
    ...{ name: 'X-Tenon-Passphrase', in: 'header', schema: { type: 'string' } },
    description: 'What secrets are sealed under; without, they are left out of exports.',
  },
];

const manifest = objectSchema({
  service: {
    type: 'object',
    description: 'What to export: `{"system": {"role": ["readers"], "app": true}}`; all unless given.',
  },
  secured: { type: 'boolean', description: 'Whether secrets are exported, sealed under the password.' },
  password: { type: 'string' },
});

/** The endpoint of packages. */
export function describedPackage(name: string): Endpoint {
  return described(
    { pattern: [name], actions: ['GET', 'POST'], summary: 'the configuration as a package' },
    {
      GET: { summary: 'List what can be exported', responses: objectAnswer('Names of records by kind') },
      POST: {
        summary: 'Export what a manifest names, or import a package',
        description: 'For administrators. A package is imported as a whole or not at all.',
        parameters,
        requestBody: {
          required: false,
          content: { ...jsonContent(manifest), 'application/yaml': {}, 'application/zip': {} },
        },
        responses: objectAnswer('The package; or what the import changed'),
      },
    },
  );
}
