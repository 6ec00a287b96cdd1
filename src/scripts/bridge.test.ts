import { describe, expect, test } from 'vitest';
import { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { InnerCall, Result } from '../core/operation.ts';
import { type BridgeCall, memoMethod, memoStatus } from '../core/runner.ts';
import type { RunMemory } from '../core/script.ts';
import type { OutgoingCall } from '../egress/outgoing.ts';
import { CallBridge, type CallingExchange, innerCall } from './bridge.ts';

const call = (over: Partial<BridgeCall> = {}): BridgeCall => ({
  method: 'GET',
  path: 'db/_table/contact',
  payload: undefined,
  options: undefined,
  ...over,
});

const ok: Result = { status: 200, headers: {}, body: undefined };

describe('innerCall', () => {
  test.each([
    ['db/_table/contact', 'db', ['_table', 'contact'], '/api/v2/db/_table/contact'],
    ['/db/_table/contact', 'db', ['_table', 'contact'], '/api/v2/db/_table/contact'],
    ['/api/v2/db/_table/contact', 'db', ['_table', 'contact'], '/api/v2/db/_table/contact'],
    ['api/v2/db', 'db', [], '/api/v2/db'],
    ['apiary/v2', 'apiary', ['v2'], '/api/v2/apiary/v2'],
    [
      'db/_table/odd%20table/a%2Fb',
      'db',
      ['_table', 'odd table', 'a/b'],
      '/api/v2/db/_table/odd%20table/a%2Fb',
    ],
    ['db/_table/100%', 'db', ['_table', '100%'], '/api/v2/db/_table/100%'],
  ])('path %s', (path, service, rest, uri) => {
    expect(innerCall(call({ path }))).toMatchObject({ service, path: rest, uri, action: 'GET' });
  });

  test('a query in the path is parsed as HTTP does, spaces and all', () => {
    const inner = innerCall(call({ path: "db/_table/contact?filter=name = 'a b'&fields=id%2Cname&x.y=1" }));
    expect(inner.path).toEqual(['_table', 'contact']);
    expect(inner.request.parameters).toEqual({ filter: "name = 'a b'", fields: 'id,name', x_y: '1' });
    expect(inner.uri).toMatch(/\?filter=/);
  });

  test.each<[unknown, Partial<InnerCall['request']>]>([
    [undefined, { headers: {}, parameters: {} }],
    [null, { headers: {}, parameters: {} }],
    ['', { headers: {}, parameters: {} }],
    [{}, { headers: {}, parameters: {} }],
    [{ filter: 'a=1' }, { headers: { filter: 'a=1' }, parameters: {} }],
    [{ headers: { 'X-A': 1, b: null } }, { headers: { 'x-a': '1' }, parameters: {} }],
    [
      { headers: { a: { toString: 1 }, b: [{ toString: 1 }, 2] } },
      { headers: { a: '{"toString":1}', b: '{"toString":1}, 2' }, parameters: {} },
    ],
    [
      { parameters: { limit: 5, flag: true, 'dept.fields': 'id', ids: [1, 2], none: null } },
      {
        headers: {},
        parameters: { limit: '5', flag: 'true', dept_fields: 'id', ids: ['1', '2'], none: null },
      },
    ],
    [
      { headers: { a: 'b' }, parameters: '', c: 'd' },
      { headers: { a: 'b' }, parameters: {} },
    ],
  ])('options %j', (options, expected) => {
    expect(innerCall(call({ options })).request).toMatchObject(expected);
  });

  test('parameters of the options win over those of the path', () => {
    const inner = innerCall(call({ path: 'db?limit=1&a=1', options: { parameters: { limit: 2 } } }));
    expect(inner.request.parameters).toEqual({ limit: '2', a: '1' });
  });

  test.each<[string, string | undefined, Record<string, string>, unknown]>([
    ['POST', undefined, {}, undefined],
    ['POST', '', {}, undefined],
    ['POST', 'null', {}, ['application/json', null]],
    ['GET', 'null', {}, undefined],
    ['DELETE', 'null', {}, undefined],
    ['DELETE', '{"ids":[1]}', {}, ['application/json', { ids: [1] }]],
    ['POST', '{"resource":[]}', {}, ['application/json', { resource: [] }]],
    ['POST', '[1]', { 'content-type': 'application/json; charset=utf-8' }, ['application/json', [1]]],
    ['POST', 'raw text', {}, ['text/plain', 'raw text']],
    ['POST', 'a,b', { 'Content-Type': 'text/csv' }, ['text/csv', 'a,b']],
    [
      'POST',
      'a=1&b[]=2',
      { 'content-type': 'application/x-www-form-urlencoded' },
      ['application/x-www-form-urlencoded', { a: '1', b: ['2'] }],
    ],
  ])('%s with the payload %s %j', (method, payload, headers, expected) => {
    const { body } = innerCall(call({ method, payload, options: { headers } })).request;
    expect(body && [body.mediaType, body.value]).toEqual(expected);
  });

  test('verbs are read in any case', () => {
    expect(innerCall(call({ method: 'patch' })).action).toBe('PATCH');
  });
});

describe('CallBridge', () => {
  const answerTo = (over: Partial<BridgeCall>) => new CallBridge({ call: async () => ok }).call(call(over));

  test.each<[Partial<BridgeCall>, number, RegExp]>([
    [{ method: 'FETCH' }, 400, /not 'FETCH'/],
    [{ path: 'https://example.com/x' }, 403, /other hosts/],
    [{ path: ' HTTP://localhost/api/v2/db' }, 403, /other hosts/],
    [{ path: 'file:///etc/passwd' }, 403, /other hosts/],
    [{ path: '' }, 404, /names no service/],
    [{ path: '/api/v2/' }, 404, /names no service/],
    [{ path: 'db?__proto__=1' }, 400, /__proto__/],
  ])('%j is answered with %d', async (over, status, message) => {
    const answer = await answerTo(over);
    expect(answer.status).toBe(status);
    expect(answer.body?.value).toMatchObject({
      error: { code: status, message: expect.stringMatching(message) },
    });
  });

  test('what the platform answers is handed on, and a failure is a result', async () => {
    expect(await answerTo({})).toBe(ok);
    const failing = new CallBridge({ call: () => Promise.reject(new Error('secret')) });
    const answer = await failing.call(call());
    expect(answer.status).toBe(500);
    expect(answer.body?.text).not.toMatch(/secret/);
  });

  test('options that nest without end are refused, not fatal', async () => {
    const deep: unknown[] = [];
    let at = deep;
    for (let i = 0; i < 100_000; i++) {
      const inner: unknown[] = [];
      at.push(inner);
      at = inner;
    }
    expect((await answerTo({ options: { parameters: { deep } } })).status).toBe(500);
  });

  test('at most so many calls run at once, and all are answered in order', async () => {
    const pending: (() => void)[] = [];
    let most = 0;
    let running = 0;
    const bridge = new CallBridge({
      call: async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => pending.push(resolve));
        running--;
        return ok;
      },
    });
    const count = limits.innerCallsAtOnce * 3;
    const answers = Array.from({ length: count }, () => bridge.call(call()));
    let answered = 0;
    for (const answer of answers) void answer.then(() => answered++);
    while (answered < count) {
      pending.shift()?.();
      await Promise.resolve();
    }
    expect(most).toBe(limits.innerCallsAtOnce);
    expect(running).toBe(0);
  });

  test('the number of calls of one run is bounded', async () => {
    const bridge = new CallBridge({ call: async () => ok });
    for (let i = 0; i < limits.innerCalls; i++) expect(await bridge.call(call())).toBe(ok);
    const answer = await bridge.call(call());
    expect(answer.status).toBe(500);
    expect(answer.body?.text).toMatch(/at most 1000 API calls/);
  });
});

describe('XML and CSV', () => {
  const asked: (string | undefined)[] = [];
  const bridge = new CallBridge({
    call: async ({ request }) => {
      asked.push(JSON.stringify(request.body?.value));
      return { status: 200, headers: {}, body: Body.ofText('{"resource":[{"id":1}]}') };
    },
  });

  test('are given to a call that accepts nothing else', async () => {
    const answer = await bridge.call(call({ options: { headers: { Accept: 'text/csv' } } }));
    expect([answer.body?.text, answer.headers]).toEqual([
      'id\n1\n',
      { 'content-type': 'text/csv; charset=UTF-8' },
    ]);
    const plain = await bridge.call(call({ options: { headers: { Accept: '*/*' } } }));
    expect(plain.body?.text).toBe('{"resource":[{"id":1}]}');
  });

  test('are read from a call that says so', async () => {
    asked.length = 0;
    const options = { headers: { 'Content-Type': 'text/csv; charset=utf-8' } };
    await bridge.call(call({ method: 'POST', payload: 'title\nx\n', options }));
    expect(asked).toEqual(['{"resource":[{"title":"x"}]}']);
  });

  test('that can not be read are a refusal', async () => {
    const options = { headers: { 'Content-Type': 'application/xml' } };
    const answer = await bridge.call(call({ method: 'POST', payload: '<a>', options }));
    expect(answer.status).toBe(400);
  });
});

describe('platform.once', () => {
  const queued = { id: '0199-7', attempt: 2, isUncertain: false };
  const never = async () => ok;

  /** A run's bridge with a memory that writes down what it is asked; `isHeld`: the run is still ours. */
  function remembering({ isHeld = true } = {}) {
    const kept = new Map<string, string>();
    const asked: string[] = [];
    const memory: RunMemory = {
      recall: async (key) => {
        asked.push(`recall ${key}`);
        return kept.get(key);
      },
      remember: async (key, value) => {
        asked.push(`remember ${key}`);
        if (isHeld) kept.set(key, value);
        return isHeld;
      },
    };
    return { kept, asked, bridge: new CallBridge({ call: never, queued, memory }) };
  }
  const once = (path: string, payload?: string) => call({ method: memoMethod, path, payload });
  const messageOf = ({ body }: Result) =>
    (body?.value as { error: { message: string } } | undefined)?.error.message;

  test('asks, remembers, and knows', async () => {
    const { kept, bridge } = remembering();
    expect(await bridge.call(once('k'))).toMatchObject({ status: memoStatus.unknown, body: undefined });
    expect(await bridge.call(once('k', '{"a":1}'))).toMatchObject({ status: memoStatus.unknown });
    const known = await bridge.call(once('k'));
    expect([known.status, known.body?.text]).toEqual([memoStatus.known, '{"a":1}']);
    expect([...kept]).toEqual([['k', '{"a":1}']]);
  });

  test('knows an empty value', async () => {
    const { bridge } = remembering();
    await bridge.call(once('k', 'null'));
    expect(await bridge.call(once('k'))).toMatchObject({ status: memoStatus.known });
  });

  test('says that a run remembers nothing when it is no queued one', async () => {
    const bridge = new CallBridge({ call: never });
    expect(await bridge.call(once('k'))).toMatchObject({ status: memoStatus.forgetful });
  });

  test('says that the run is somebody else’s by now', async () => {
    const { bridge } = remembering({ isHeld: false });
    const refused = await bridge.call(once('k', '1'));
    expect(refused.status).toBe(409);
    expect(messageOf(refused)).toMatch(/somebody else/);
  });

  test.each(['', '   ', 'k'.repeat(limits.queueKeyChars + 1), 'a\0b'])('refuses the key %j', async (key) => {
    const { asked, bridge } = remembering();
    for (const made of [bridge, new CallBridge({ call: never })]) {
      const refused = await made.call(once(key));
      expect(refused.status).toBe(400);
      expect(messageOf(refused)).toBe('platform.once: It takes a key of 1 to 255 characters and a function.');
    }
    expect(asked).toEqual([]);
  });

  test('takes keys and values up to their limits, and no longer values', async () => {
    const { kept, bridge } = remembering();
    const key = 'k'.repeat(limits.queueKeyChars);
    expect(await bridge.call(once(key, '1'.repeat(limits.queueMemoChars)))).toMatchObject({ status: 204 });
    const refused = await bridge.call(once('long', '1'.repeat(limits.queueMemoChars + 1)));
    expect(refused.status).toBe(400);
    expect(messageOf(refused)).toContain("under the key 'long' is longer than 65536 characters");
    expect([...kept.keys()]).toEqual([key]);
  });

  test('tells what its memory refuses, and nothing of what breaks there', async () => {
    const broken = (error: Error): RunMemory => ({
      recall: () => Promise.reject(error),
      remember: () => Promise.reject(error),
    });
    const full = new PlatformError('request.invalid_parameter', 'A run may remember 1000 keys.');
    const refusing = new CallBridge({ call: never, queued, memory: broken(full) });
    expect(messageOf(await refusing.call(once('k', '1')))).toBe('A run may remember 1000 keys.');
    const failing = new CallBridge({ call: never, queued, memory: broken(new Error('SELECT secret')) });
    const failed = await failing.call(once('k'));
    expect(failed.status).toBe(500);
    expect(messageOf(failed)).not.toContain('SELECT');
  });

  test('is none of the calls that are counted', async () => {
    const { bridge } = remembering();
    for (let i = 0; i < limits.innerCalls; i++) await bridge.call(once('k'));
    expect(await bridge.call(call())).toEqual(ok);
  });
});

describe('keys of calls to other hosts', () => {
  const url = 'https://pay.example/charge';

  /** A bridge whose calls to other hosts are answered with nothing; their keys by method, in order. */
  function abroad(exchange: Partial<CallingExchange>, style: 'plain' | 'curl' = 'plain') {
    const sent: string[] = [];
    const outgoing = {
      call: async ({ method, headers }: OutgoingCall) => {
        sent.push(`${method} ${headers['idempotency-key'] ?? 'none'}`);
        return { status: 200, headers: {}, body: '' };
      },
    };
    const parts = { by: 'some.script', outgoing, style, hops: 1 };
    return { sent, bridge: new CallBridge({ call: async () => ok, ...exchange }, parts) };
  }
  const queued = { id: '0199-7', attempt: 1, isUncertain: false };

  const post = (payload: string, once?: string) =>
    call({ method: 'POST', path: url, payload, ...(once === undefined ? {} : { once }) });
  const keysOf = (sent: readonly string[]) => sent.map((line) => line.split(' ')[1] ?? '');

  test('are the same in every attempt, for all calls that may change something', async () => {
    const attempts = [1, 2].map(async (attempt) => {
      const { sent, bridge } = abroad({ queued: { ...queued, attempt } });
      for (const method of ['POST', 'GET', 'HEAD', 'DELETE', 'PATCH', 'PUT', 'POST']) {
        await bridge.call(call({ method, path: url }));
      }
      return sent;
    });
    const [first = [], second] = await Promise.all(attempts);
    expect(second).toEqual(first);
    expect(first.filter((line) => line.endsWith('none'))).toEqual(['GET none', 'HEAD none']);
    const keys = keysOf(first).filter((key) => key !== 'none');
    expect(new Set(keys).size).toBe(5);
    for (const key of keys) expect(key).toMatch(/^0199-7:[\w-]{22}:[12]$/);
  });

  test('differ for calls that say different things, whatever was called before', async () => {
    const [first, second] = [abroad({ queued }), abroad({ queued })];
    for (const payload of ['a', 'b', 'a', 'c']) await first.bridge.call(post(payload));
    // This attempt does not need the first call any more.
    for (const payload of ['b', 'c', 'd']) await second.bridge.call(post(payload));
    const [a1, b, a2, c] = keysOf(first.sent);
    expect(keysOf(second.sent).slice(0, 2)).toEqual([b, c]);
    expect([a1, b, a2, c]).not.toContain(keysOf(second.sent)[2]);
    expect(a1?.slice(0, -1)).toBe(a2?.slice(0, -1));
    expect(a1).not.toBe(a2);
    const elsewhere = abroad({ queued });
    await elsewhere.bridge.call(call({ method: 'POST', path: `${url}/2`, payload: 'a' }));
    expect(keysOf(elsewhere.sent)[0]?.slice(0, -2)).not.toBe(a1?.slice(0, -2));
  });

  test('of what is done once do not depend on what is done elsewhere', async () => {
    const [first, second] = [abroad({ queued }), abroad({ queued })];
    for (const once of ['a', 'b', undefined]) await first.bridge.call(post('', once));
    // What was done for the first key is remembered.
    for (const once of ['b', undefined]) await second.bridge.call(post('', once));
    expect(keysOf(second.sent)).toEqual(keysOf(first.sent).slice(1));
    expect(new Set(keysOf(first.sent)).size).toBe(3);
  });

  test('are those of the script where it has its own', async () => {
    const { sent, bridge } = abroad({ queued });
    const options = { headers: { 'Idempotency-Key': 'mine' } };
    await bridge.call(call({ method: 'POST', path: url, options }));
    expect(sent).toEqual(['POST mine']);
  });

  test('go by what PHP says the method is', async () => {
    const { sent, bridge } = abroad({ queued }, 'curl');
    await bridge.call(call({ path: url, options: { CURLOPT_CUSTOMREQUEST: 'DELETE' } }));
    await bridge.call(
      call({ method: 'POST', path: url, options: { CURLOPT_HTTPHEADER: ['idempotency-key: mine'] } }),
    );
    expect(sent).toEqual([expect.stringMatching(/^DELETE 0199-7:.*:1$/), 'POST mine']);
  });

  test('are the same for the same form, which is sent as the same bytes', async () => {
    const fields = { a: '1', b: ['2', '3'] };
    const options = { CURLOPT_POSTFIELDS: fields };
    const made = [1, 2].map(async () => {
      const { sent, bridge } = abroad({ queued }, 'curl');
      await bridge.call(call({ method: 'POST', path: url, options }));
      await bridge.call(call({ method: 'POST', path: url, options: { CURLOPT_POSTFIELDS: { a: '2' } } }));
      return sent;
    });
    const [first = [], second] = await Promise.all(made);
    expect(second).toEqual(first);
    expect(first[0]).not.toBe(first[1]);
  });

  test('count calls at the same time as well', async () => {
    const { sent, bridge } = abroad({ queued });
    await Promise.all(Array.from({ length: 40 }, () => bridge.call(post('same'))));
    expect(keysOf(sent).map((key) => key.split(':')[2])).toEqual(sent.map((_, i) => String(i + 1)));
  });

  test('are for queued runs alone', async () => {
    const { sent, bridge } = abroad({});
    await bridge.call(call({ method: 'POST', path: url }));
    expect(sent).toEqual(['POST none']);
  });
});
