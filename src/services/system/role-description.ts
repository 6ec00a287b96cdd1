// What descriptions say of roles beyond the types of their fields. Invariant: words of requests come from
// where these are read, so that nothing is offered that is refused.
import type { PartMap } from '../../core/description.ts';
import { limits } from '../../core/limits.ts';
import { roleOperators } from '../../core/restriction.ts';
import { objectSchema } from '../../openapi/envelopes.ts';

const id = { type: 'integer' };
const text = { type: 'string', maxLength: limits.labelText };
const read = { readOnly: true };
const cap = { minimum: 1, maximum: limits.roleCap };

const filter = objectSchema(
  {
    name: { ...text, description: 'The field that is compared. It may be one that the role does not see.' },
    operator: { type: 'string', enum: roleOperators },
    value: {
      description: 'Text, a number, true or false; a list for `in` and `not in`. May name `{lookups}`.',
    },
  },
  ['name', 'operator'],
);

const rule = objectSchema(
  {
    field: text,
    access: {
      type: 'string',
      enum: ['hidden', 'masked', 'read_only'],
      description: 'As if it were not there; answered as `mask` and of no other use; never written.',
    },
    mask: { type: ['string', 'null'], maxLength: limits.labelText },
  },
  ['field', 'access'],
);

const access = objectSchema({
  id,
  role_id: { type: ['integer', 'null'], description: 'null takes the row away.' },
  service_id: { type: ['integer', 'null'], description: 'null: all services.' },
  component: {
    type: ['string', 'null'],
    description: '`_table/contact`, `_table/contact/*`, `_table/*`, `*` …',
  },
  verb_mask: { type: 'integer', description: 'GET 1, POST 2, PUT 4, PATCH 8 and DELETE 16, added up.' },
  requestor_mask: { type: 'integer', description: 'API 1 and scripts 2, added up.' },
  filters: { type: 'array', items: filter, description: 'Records of a table that the row is about.' },
  filter_op: { type: 'string', enum: ['AND', 'OR'] },
  fields: { type: 'array', items: rule, description: 'Fields of a table that are kept back.' },
});

const named = { id, name: { type: 'string' }, is_active: { type: 'boolean' } };

/** What is said of fields and relations of a role, by name. */
export const describedRole: Readonly<Record<string, PartMap>> = {
  max_concurrency: {
    ...cap,
    description: 'Most operations of its callers at the same time; null: no bound.',
  },
  max_body_bytes: { ...cap, description: "Most bytes of a request's body; null: as the server allows." },
  role_service_access_by_role_id: { type: 'array', items: access },
  app_by_role_id: { ...read, type: 'array', items: objectSchema(named) },
  service_by_role_service_access: { ...read, type: 'array', items: objectSchema(named) },
  user_to_app_to_role_by_role_id: {
    type: 'array',
    items: objectSchema({ id, user_id: id, app_id: id, role_id: { type: ['integer', 'null'] } }),
  },
};
