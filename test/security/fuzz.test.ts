// Requests that nobody would write by hand, byte by byte. fast-check prints seed and request of a failure.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fc } from '../properties.ts';
import { startTestServer, type TestServer } from '../server.ts';
import { almostGood } from './almost-good.ts';
import { canaries, canaryEnvironment, faultsOf, hasScriptFailed, pollution } from './decency.ts';
import { hostileBody, hostileHeaders, hostilePath, hostileQuery } from './hostile-requests.ts';
import { bytesOf, type Reply, type Sent, send, sendBytes } from './wire.ts';

const tables = `
  create table item (id integer primary key autoincrement, name varchar(40) not null unique, price decimal(8,2),
    made date, at timestamp, clock time, active boolean not null default 1, data json, raw blob, ratio double,
    any, part_of integer references item(id));
  create view cheap as select id, name from item where price < 2;
  create table pair (a integer, b text, note text, primary key (a, b));
  create table loose (a, b);
  insert into item (name, price) values ('pen', 1.5), ('ink', 4.25);
  insert into item (name, price, part_of) values ('nib', 0.5, 1);
  insert into pair values (1, 'x', 'first');`;

let server: TestServer;
/** Sessions to go on with when a request has closed the one in use. */
let spare: string[] = [];
let token = '';

async function build(): Promise<void> {
  server = await startTestServer(canaryEnvironment);
  await server.addDatabase('shop', tables);
  const body = { email: 'admin@example.com', password: canaries.password };
  const login = () => server.ask('/api/v2/system/admin/session', { method: 'POST', body });
  spare = [];
  for (let i = 0; i < 6; i++) spare.push((await login()).body.session_token);
  token = server.token;
}

beforeAll(build);
afterAll(() => server.close());

const shop = '/api/v2/shop/_table/item?limit=1';

// Requests may close the session, or delete the service: then others are used, or a fresh house is built.
async function repair(): Promise<void> {
  const isGood = async () => {
    const headers = { 'X-DreamFactory-Session-Token': token };
    return (await server.ask(shop, { anonymous: true, headers })).status === 200;
  };
  while (!(await isGood())) {
    const next = spare.pop();
    if (next === undefined) {
      await server.close();
      await build();
      return;
    }
    token = next;
  }
}

const method = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE') },
  { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'get', 'QUERY', 'MERGE') },
);

function requests(of: 'table' | 'system'): fc.Arbitrary<Sent> {
  const parts = {
    path: hostilePath(of),
    query: hostileQuery,
    headers: hostileHeaders,
    body: hostileBody(of),
  };
  const wild = fc
    .record({ method, ...parts })
    .map(({ path, query, ...rest }) => ({ ...rest, path: path + query }));
  return fc.oneof(wild, almostGood(of));
}

function ask(sent: Sent): Promise<Reply> {
  return send(server.url, { ...sent, headers: [['X-DreamFactory-Session-Token', token], ...sent.headers] });
}

/** What an answer may repeat: the request as sent, and decoded as far as it can be. */
function written({ path, headers, body }: Sent): string {
  const decoded = path.replace(/%[0-9a-f]{2}/gi, (code) =>
    String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  );
  return [path, decoded, headers.join(), String(body ?? '')].join('\n');
}

function expectDecent(reply: Reply, sent: Sent): void {
  const asked = { method: sent.method, path: sent.path, sent: written(sent) };
  const faults = faultsOf(reply, asked, hasScriptFailed(server));
  if (reply.status === 0) faults.push('no answer');
  if (reply.text.includes(token) && !/session/i.test(written(sent))) faults.push('tells a token');
  if (server.observations.some((seen) => seen.kind === 'http.failed')) faults.push('failed inside');
  expect(faults, `${reply.head}\n${reply.text.slice(0, 600)}`).toEqual([]);
}

async function expectWell(): Promise<void> {
  expect(pollution()).toEqual([]);
  expect((await server.ask('/status')).body).toMatchObject({ status: 'ok' });
  await repair();
}

async function hunt(of: 'table' | 'system', numRuns: number): Promise<void> {
  let writes = 0;
  const property = fc.asyncProperty(requests(of), async (sent) => {
    server.observations.length = 0;
    expectDecent(await ask(sent), sent);
    if (sent.method !== 'GET' && ++writes % 20 === 0) await repair();
  });
  await fc.assert(property, { numRuns });
  await expectWell();
}

describe('whatever is asked', () => {
  test('of tables', () => hunt('table', 2_500), 120_000);
  test('of the system', () => hunt('system', 900), 120_000);
});

describe('bytes that were a request once', () => {
  const change = fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.nat(3),
    fc.uint8Array({ maxLength: 4 }),
  );

  test('are answered decently, or not at all', async () => {
    const property = fc.asyncProperty(
      almostGood('table'),
      fc.array(change, { maxLength: 3 }),
      async (sent, changes) => {
        const session = ['X-DreamFactory-Session-Token', token] as const;
        let bytes = bytesOf({ ...sent, headers: [session, ...sent.headers] });
        for (const [where, removed, put] of changes) {
          const at = Math.floor(where * bytes.length);
          bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);
        }
        const reply = await sendBytes(server.url, bytes, {
          method: bytes.toString('latin1').split(' ', 1)[0] ?? '',
          ends: true,
        });
        const faults = faultsOf(reply, {
          method: 'any',
          path: sent.path,
          sent: `${bytes}\n${written(sent)}`,
        });
        expect(faults, `${reply.head}\n${reply.text.slice(0, 600)}`).toEqual([]);
      },
    );
    await fc.assert(property, { numRuns: 600 });
    await expectWell();
  }, 120_000);
});
