// Requests that would be good but for one part or two: these get deepest.
// Invariant: what is good about them is good for the tables of the fuzz test.
import { fc } from '../properties.ts';
import { encoded, fields, hostileText, hostileValue, options, systemFields } from './hostile-values.ts';

const goodParameters = [
  ...[
    'fields=id,name',
    'filter=price%20%3E%201',
    'limit=2',
    'offset=1',
    'order=name%20desc',
    'related=*',
    'continue=1',
  ],
  ...[
    'include_count',
    'include_schema=1',
    'rollback=true',
    'as_list=0',
    'params[x]=1',
    'filter=name%20%3D%20:x',
  ],
];

const goodQuery = fc.array(fc.constantFrom(...goodParameters), { maxLength: 2 });
const badParameter = fc
  .tuple(
    fc.constantFrom(...options),
    fc.constantFrom('', '', '', '', '', '[]', '[x]', '[toString]'),
    hostileText,
  )
  .map(([name, nesting, value]) => `${name}${nesting}=${encoded(value)}`);

const tablePath = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'item',
      'item',
      'item',
      'item/1',
      'item/2',
      'cheap',
      'pair',
      'pair/1,x',
      'loose',
    ),
  },
  { weight: 1, arbitrary: hostileText.map((id) => `item/${encoded(id)}`) },
);

/** A good record with a new name, and one hostile field. */
const almostGoodRecord = fc
  .tuple(fc.uuid(), fc.constantFrom(undefined, 1, 2, 3), fc.constantFrom(...fields), hostileValue)
  .map(([name, id, field, value]) => ({ ...(id === undefined ? { name } : { id }), [field]: value }));

const almostGoodBody = fc.oneof(
  almostGoodRecord,
  fc.array(almostGoodRecord, { minLength: 1, maxLength: 3 }).map((resource) => ({ resource })),
  fc
    .tuple(almostGoodRecord, fc.constantFrom(...options), hostileValue)
    .map(([one, name, value]) => ({ resource: [one], [name]: value })),
  fc.tuple(fc.constantFrom(...options), hostileValue).map(([name, value]) => ({ [name]: value })),
  fc.array(hostileValue, { maxLength: 3 }).map((ids) => ({ ids })),
  fc.tuple(hostileText, hostileValue).map(([filter, x]) => ({ filter, params: { x } })),
  fc
    .tuple(
      fc.constantFrom('name', 'id', 'price', 'made', 'at', 'data', 'any'),
      fc.constantFrom('=', 'like', 'in', '>'),
      hostileValue,
    )
    .map(([field, op, x]) => ({
      filter: op === 'in' ? `${field} in (:x, :x)` : `${field} ${op} :x`,
      params: { x },
    })),
);

const almostGoodSystemBody = fc
  .tuple(
    fc.constantFrom(
      { name: 'thing', type: 'sqlite', config: { database: ':memory:' } },
      { id: 3, label: 'Thing' },
      { email: 'eve@example.com', password: 'long enough a password' },
      { name: 'shop._table.item.get.post_process', type: 'nodejs', content: 'return 1;' },
      { email: 'admin@example.com', password: 'wrong' },
    ),
    fc.constantFrom('id', 'name', 'config', 'is_active', 'type', ...systemFields),
    hostileValue,
    fc.boolean(),
  )
  .map(([good, name, value, isWrapped]) => {
    const one = { ...good, [name]: value };
    return isWrapped ? { resource: [one] } : one;
  });

const nested = {
  role: [
    'role_service_access_by_role_id',
    ...['service_id', 'component', 'verb_mask', 'requestor_mask', 'filters'],
  ],
  app: ['lookup_by_app_id', ...['name', 'value', 'private', 'script_visible', 'id', 'app_id']],
  user: ['user_to_app_to_role_by_user_id', ...['app_id', 'role_id', 'id', 'user_id']],
} as const;

/** Records of authority of which one member is hostile: their own, or one of a record inside them. */
const almostGoodAuthorityBody = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        'name',
        'value',
        'private',
        'role_id',
        'api_key',
        'is_active',
        'type',
        'email',
        'password',
      ),
      hostileValue,
    )
    .map(([name, value]) => ({ name: 'thing', email: 'eve@example.com', value: 'x', [name]: value })),
  fc.constantFrom('role' as const, 'app' as const, 'user' as const).chain((of) => {
    const [list, ...members] = nested[of];
    return fc.tuple(fc.constantFrom(...members), hostileValue).map(([member, value]) => {
      const row = { service_id: 1, verb_mask: 1, app_id: 1, role_id: 1, name: 'color', value: 'x' };
      return { name: `${of} thing`, email: 'eve@example.com', [list]: [{ ...row, [member]: value }] };
    });
  }),
  fc
    .tuple(fc.constantFrom(nested.role[0], nested.app[0], nested.user[0]), hostileValue)
    .map(([list, value]) => ({ name: 'thing', email: 'eve@example.com', [list]: value })),
);

const systemPath = fc.constantFrom(
  ...[
    'service',
    'service',
    'service/2',
    'service/3',
    'event_script',
    'event_script/shop._table.item.get.post_process',
  ],
  ...[
    'admin',
    'admin/2',
    'admin/session',
    'admin/profile',
    'admin/password',
    'event',
    'script_type',
    'service_type',
  ],
  ...['role', 'role', 'role/1', 'app', 'app/1', 'user', 'user', 'user/2', 'lookup', 'lookup/1'],
);

/** Requests of which only one part is hostile, or two. */
export function almostGood(of: 'table' | 'system') {
  const path =
    of === 'table'
      ? tablePath.map((rest) => `/shop/_table/${rest}`)
      : systemPath.map((rest) => `/system/${rest}`);
  const ofSystem = fc.oneof(almostGoodSystemBody, almostGoodAuthorityBody);
  const content: fc.Arbitrary<unknown> = of === 'table' ? almostGoodBody : ofSystem;
  return fc
    .record({
      method: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'PATCH', 'PUT', 'DELETE'),
      path,
      good: goodQuery,
      bad: fc.option(badParameter, { nil: undefined, freq: 1 }),
      content,
      tunnels: fc.boolean(),
    })
    .map(({ method, path, good, bad, content, tunnels }) => {
      const query = [...good, ...(bad === undefined ? [] : [bad])].join('&');
      const hasBody = method !== 'GET' || tunnels;
      const headers: [string, string][] = [['Content-Type', 'application/json']];
      if (method === 'GET' && tunnels) headers.push(['X-HTTP-Method', 'GET']);
      return {
        method: method === 'GET' && tunnels ? 'POST' : method,
        path: `/api/v2${path}${query === '' ? '' : `?${query}`}`,
        headers,
        body: hasBody ? Buffer.from(JSON.stringify(content)) : undefined,
      };
    });
}
