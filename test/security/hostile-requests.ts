// Paths, queries, headers and bodies of which nearly every part is hostile.
// Invariant: the services that bodies make have no file to create.
import { fc } from '../properties.ts';
import { encoded, fields, hostileText, hostileValue, options, systemFields } from './hostile-values.ts';

/** A record, mostly with the fields of our tables. */
const record = fc.dictionary(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...fields) },
    { weight: 1, arbitrary: fc.constantFrom(...systemFields) },
    { weight: 1, arbitrary: hostileText },
  ),
  hostileValue,
  { maxKeys: 5 },
);

/** A record of the service `system`; services it makes have no file to create. */
const systemRecord = fc
  .tuple(
    fc.dictionary(fc.constantFrom('id', 'name', ...systemFields), hostileValue, { maxKeys: 4 }),
    fc.record(
      {
        name: fc.constantFrom('thing', 'shop', 'shop._table.item.get.post_process', 'shop.get.pre_process'),
        type: fc.constantFrom('sqlite', 'nodejs', 'typescript', 'system', 'nope'),
        is_active: fc.constantFrom(true, false, 1, 0, 'yes'),
        content: fc.constantFrom('return 1;', 'throw new Error("x")', '(((', 'event.response = 5;', ''),
        config: fc.oneof(
          hostileValue,
          fc.record({ database: fc.oneof(hostileText, fc.constant(':memory:')) }, { requiredKeys: [] }),
        ),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([given, plausible]): Record<string, unknown> => ({ ...given, ...plausible }));

const beside = fc.dictionary(fc.constantFrom(...options), hostileValue, { maxKeys: 3 });

function wrapped(one: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(beside, fc.array(one, { maxLength: 3 }))
        .map(([more, resource]) => ({ ...more, resource })),
    },
    { weight: 2, arbitrary: one },
    { weight: 1, arbitrary: fc.array(one, { maxLength: 3 }) },
    { weight: 2, arbitrary: beside },
    { weight: 1, arbitrary: hostileValue },
  );
}

const truncated = (whole: fc.Arbitrary<string>) =>
  fc
    .tuple(whole, fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([text, part]) => text.slice(0, text.length * part));

/** Content: JSON of records, broken JSON, other formats, bytes. */
export function hostileBody(of: 'table' | 'system'): fc.Arbitrary<Buffer | undefined> {
  const json = wrapped(of === 'table' ? record : systemRecord).map((value) => JSON.stringify(value));
  const text = fc.oneof(
    { weight: 8, arbitrary: json },
    { weight: 1, arbitrary: truncated(json) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...[
          '{"resource":[{"name":"x","__proto__":{"polluted":1}}]}',
          '{"constructor":{"prototype":{"polluted":1}}}',
        ],
        ...['[', '{"a":', 'NaN', "{'a':1}", '{"a":1}{"b":2}', '\ufeff{"name":"bom"}', `${'['.repeat(500)}`],
        ...[
          'name,price\nx,1\n',
          '<item><name>x</name></item>',
          '<!DOCTYPE a [<!ENTITY b SYSTEM "file:c">]><a>&b;</a>',
        ],
        ...['name=x&price=1&a[b][c]=d', 'resource[0][name]=x', `${'a[b]='.repeat(50)}`, 'a='.repeat(2_000)],
        '--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--x--\r\n',
        '{"resource":[{"name":"\\ud800"}],"ids":["\\udfff"]}',
        `{"resource":[{"price":${'9'.repeat(400)}}]}`,
        `{"ids":[${Array.from({ length: 1_500 }, (_, i) => i).join()}]}`,
      ),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 60 }) },
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 8, arbitrary: text.map((content) => Buffer.from(content)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  );
}

const spellings: readonly ((text: string) => string)[] = [
  (text) => text,
  encoded,
  encoded,
  encoded,
  (text) => encoded(encoded(text)),
  (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  (text) => text.toUpperCase(),
  (text) => `${text}%2f..`,
  (text) => `.%2f${text}`,
  (text) => `${text};a=b`,
  (text) => `${text}%00`,
  (text) => `${text}%c0%af`,
  (text) => `${text}.json`,
];

const segment = (known: readonly string[]) =>
  fc
    .tuple(
      fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...known) }, { weight: 2, arbitrary: hostileText }),
      fc.oneof(
        { weight: 12, arbitrary: fc.constant(encoded) },
        { weight: 1, arbitrary: fc.constantFrom(...spellings) },
      ),
    )
    .map(([text, spelling]) => spelling(text));

const versions = ['/api/v2', '/api/v2', '/api/v2', '/api/v2.0', '/api', '/api/v9', '/api/v2.', '/API/v2'];
const houses = {
  table: {
    service: 'shop',
    names: '_table _table _schema item item Item _field _related 1 2 id pen'.split(' '),
    typical: ['/_table/item', '/_table/item/1', '/_schema/item'],
  },
  system: {
    service: 'system',
    names: (
      'service event_script event admin session password profile environment cache script_type ' +
      'service_type 1 2 3 _test shop shop.get.pre_process'
    ).split(' '),
    typical: ['/service', '/admin/session', '/event_script'],
  },
};
const oddPaths = [
  ...['/', '/status', '/api', '/api/', '//api//v2//', '/api/v2/..', '/api/v99999.1/shop', '/status/x', '*'],
  ...[`/api/v2/${'a/'.repeat(90)}`, `/api/v2/${'é'.repeat(9_000)}`],
];

/** Paths of tables and schemas, and of the system, mostly such that exist. */
export function hostilePath(of: 'table' | 'system'): fc.Arbitrary<string> {
  const { service, names, typical } = houses[of];
  const within = fc
    .tuple(fc.constantFrom(...versions), fc.array(segment(names), { maxLength: 5 }))
    .map(([version, parts]) => [version, service, ...parts].join('/'));
  const known = fc.constantFrom(...typical).map((rest) => `/api/v2/${service}${rest}`);
  const anywhere = fc
    .array(segment([...names, 'api', 'v2', 'status', service]), { maxLength: 6 })
    .map((parts) => `/${parts.join('/')}`);
  return fc.oneof(
    { weight: 6, arbitrary: within },
    { weight: 6, arbitrary: known },
    { weight: 1, arbitrary: anywhere },
    { weight: 1, arbitrary: fc.constantFrom(...oddPaths) },
  );
}

const parameterName = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...options) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...options, 'a'),
        fc.constantFrom(
          '[]',
          '[a]',
          '[toString]',
          '[a][b][c]',
          '[0][length]',
          '[',
          '[__proto__][x]',
          `${'[a]'.repeat(12)}`,
          '.a',
          '[valueOf][]',
        ),
      )
      .map(([name, nesting]) => name + nesting),
  },
  { weight: 1, arbitrary: hostileText.map(encoded) },
);

/** A query with its `?`, or ''. */
export const hostileQuery: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.tuple(parameterName, hostileText, fc.nat(20)), { maxLength: 4 }),
    fc.nat(100).map((dice) => (dice === 0 ? 600 : dice === 1 ? 40 : 1)),
  )
  .map(([pairs, times]) => {
    const one = pairs.map(([name, value, style]) =>
      style === 0 ? name : `${name}=${style === 1 ? value.replace(/[\s\0#]/g, '') : encoded(value)}`,
    );
    const text = new Array<string>(times).fill(one.join('&')).join('&');
    return text === '' ? '' : `?${text}`;
  });

const mediaTypes = [
  ...[
    'application/json',
    'application/json',
    'application/json',
    'application/json; charset=utf-16',
    'text/plain',
  ],
  ...['text/csv', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'],
  ...['application/vnd.api+json', 'nonsense', '/', 'a/b;;;=', `application/${'x'.repeat(2_000)}`, ''],
];

const header = fc.oneof(
  fc.tuple(fc.constant('Content-Type'), fc.constantFrom(...mediaTypes)),
  fc.tuple(
    fc.constant('Accept'),
    fc.constantFrom(...mediaTypes, '*/*', 'text/html', 'text/csv;q=0.5, */*', ',;q='),
  ),
  fc.tuple(
    fc.constantFrom('X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override'),
    fc.constantFrom('GET', 'PATCH', 'PUT', 'DELETE', 'MERGE', 'nope', 'TRACE', ' get ', '__proto__', 'é'),
  ),
  fc.tuple(
    fc.constantFrom(
      'X-DreamFactory-API-Key',
      'X-Forwarded-For',
      'Origin',
      'Cookie',
      'Range',
      'If-None-Match',
    ),
    fc.constantFrom(
      'x',
      'null',
      '*',
      'a'.repeat(5_000),
      '127.0.0.1',
      'https://evil.example',
      'bytes=0-1',
      'é',
    ),
  ),
  fc.tuple(
    fc.constantFrom('Upgrade', 'Set-Cookie', '__proto__', 'constructor', 'Host', 'If-Modified-Since', 'TE'),
    fc.constantFrom('gzip', 'identity', 'websocket', 'x', ''),
  ),
);

/** Headers in their order; now and then many. */
export const hostileHeaders: fc.Arbitrary<[string, string][]> = fc
  .tuple(fc.array(header, { maxLength: 4 }), fc.nat(200))
  .map(([some, dice]) => {
    if (dice === 0) return Array.from({ length: 110 }, (): [string, string] => ['X-A', 'b']);
    if (dice === 1) return [...some, ['Expect', 'wonders']];
    return dice === 2 ? [...some, ['Content-Encoding', 'gzip']] : some;
  });
