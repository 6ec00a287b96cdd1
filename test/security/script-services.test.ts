// Hostile records, definitions and calls of scripted services: nothing of them is a failure of ours, and the
// server goes on. fast-check prints the seed of a failure.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { fc } from '../properties.ts';
import { type Answer, startTestServer, type TestServer } from '../server.ts';
import { hostileText, hostileValue } from './hostile-values.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

const type = fc.constantFrom('nodejs', 'typescript', 'v8js');
const member = fc.constantFrom(
  ...['content', 'config', 'queued', 'implements_access_list', 'cache_enabled', 'cache_ttl'],
  ...['storage_service_id', 'storage_path', 'scm_repository', 'scm_reference'],
);
const option = fc.constantFrom('timeout_ms', 'lookups', 'delay', 'QUEUED_DELAY', 'queue', 'connection');
const config = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(member, hostileValue, { maxKeys: 3 }) },
  { weight: 2, arbitrary: fc.record({ config: fc.dictionary(option, hostileValue, { maxKeys: 2 }) }) },
  { weight: 1, arbitrary: hostileValue },
);
const path = fc.array(hostileText, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
const definition = fc.oneof(
  fc
    .dictionary(path, fc.dictionary(fc.constantFrom('get', 'post', 'x', 'summary'), hostileValue))
    .map((paths) => {
      return { content: JSON.stringify({ paths }), format: 0 };
    }),
  fc.record({ content: fc.oneof(hostileText, hostileValue), format: fc.constantFrom(0, 1, 1, 2, null) }),
  fc.array(hostileText, { maxLength: 5 }).map((lines) => ({ content: lines.join('\n'), format: 1 })),
  hostileValue,
);

// What an answer of the system API may be: done, or refused with a reason that a person understands.
function faultOf({ status, text, body }: Answer): string | undefined {
  if (status >= 500) return `status ${status}: ${text.slice(0, 300)}`;
  if (status < 400) return undefined;
  if (typeof body?.error?.message !== 'string' || body.error.message === '') return `no reason: ${text}`;
  return /node_modules|node:internal|\bat [\w.]+ \(|\.[jt]s:\d+|is not a function/.exec(text)?.[0];
}

async function made(record: object): Promise<Answer> {
  const body = { resource: [{ name: 'hostile', is_active: true, ...record }] };
  return server.ask('/api/v2/system/service', { method: 'POST', body });
}

async function removed(answer: Answer): Promise<void> {
  const id = answer.body?.resource?.[0]?.id;
  if (id !== undefined) await server.ask(`/api/v2/system/service/${id}`, { method: 'DELETE' });
}

test('records are stored or refused with a reason', async () => {
  await fc.assert(
    fc.asyncProperty(type, config, async (kind, given) => {
      const answer = await made({ type: kind, config: given });
      const again = answer.status === 201 ? await server.ask('/api/v2/hostile?as_access_list=true') : answer;
      const listed = await server.ask('/api/v2/system/service?related=*');
      await removed(answer);
      expect([faultOf(answer), listed.status]).toEqual([undefined, 200]);
      // What was stored says what is wrong with it, or answers.
      expect([200, 400, 500]).toContain(again.status);
    }),
    { numRuns: 150 },
  );
});

test('definitions are stored or refused with a reason, and what is stored is listed and found', async () => {
  await fc.assert(
    fc.asyncProperty(definition, path, async (given, asked) => {
      const answer = await made({
        type: 'nodejs',
        config: { content: 'return event.resource;' },
        service_doc_by_service_id: given,
      });
      const faults = [faultOf(answer)];
      if (answer.status === 201) {
        for (const seen of ['system/event?service=hostile', 'hostile?as_access_list=true']) {
          const { status } = await server.ask(`/api/v2/${seen}`);
          if (status !== 200) faults.push(`${seen}: ${status}`);
        }
        faults.push(faultOf(await server.ask(`/api/v2/hostile${encodeURI(asked.toWellFormed())}`)));
      }
      await removed(answer);
      expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

test('answers that scripts make of hostile values are sent, or are the error of the script', async () => {
  const answer = await made({
    type: 'nodejs',
    config: {
      content:
        'const { how, value } = event.request.payload;\n' +
        "if (how === 'response') event.response = value;\n" +
        "else if (how === 'content') event.response.content = value;\n" +
        "else if (how === 'headers') event.response.headers = value;\n" +
        "else if (how === 'status') event.response.status_code = value;\n" +
        "else if (how === 'type') event.response.content_type = value;\n" +
        "else return how === 'whole' ? { response: value } : value;",
    },
  });
  const ways = fc.constantFrom('response', 'content', 'headers', 'status', 'type', 'whole', 'value');
  await fc.assert(
    fc.asyncProperty(ways, hostileValue, async (how, value) => {
      const { status, text } = await server.ask('/api/v2/hostile', { method: 'POST', body: { how, value } });
      expect(status).toBeGreaterThanOrEqual(200);
      expect(text).not.toMatch(/An internal error occurred|node_modules|node:internal/);
    }),
    { numRuns: 300 },
  );
  await removed(answer);
});
