// What a SQL service offers, in the recorded order: for event names, OpenAPI and the role editor.
import type { Action } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';

const all: readonly Action[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const withoutDelete: readonly Action[] = ['GET', 'POST', 'PUT', 'PATCH'];
const withoutPost: readonly Action[] = ['GET', 'PUT', 'PATCH', 'DELETE'];

const endpoints: readonly (readonly [path: string, allowed: readonly Action[], summary: string])[] = [
  ['', ['GET'], 'List the resources of the service'],
  ['_schema', withoutDelete, 'List tables and views'],
  ['_schema/{table_name}', all, 'Describe a table'],
  ['_schema/{table_name}/_field', all, 'Describe the fields of a table'],
  ['_schema/{table_name}/_field/{field_name}', withoutPost, 'Describe a field'],
  ['_schema/{table_name}/_related', all, 'Describe the relationships of a table'],
  ['_schema/{table_name}/_related/{relationship_name}', withoutPost, 'Describe a relationship'],
  ['_table', ['GET'], 'List tables and views'],
  ['_table/{table_name}', all, 'Find, create, change or delete records'],
  ['_table/{table_name}/{id}', withoutPost, 'Read, change or delete a record'],
];

/** The endpoints of a service that has these tables. */
export function describeEndpoints(tables: readonly string[]): readonly Endpoint[] {
  return endpoints.map(([path, actions, summary]) => {
    const endpoint = { pattern: path === '' ? [] : path.split('/'), actions, summary };
    return path.includes('{table_name}') ? { ...endpoint, parameters: { table_name: tables } } : endpoint;
  });
}
