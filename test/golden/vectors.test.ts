import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, fixtureSql, startTestServer, type TestServer } from '../server.ts';
import { differences, unescapedMessages } from './differences.ts';
import { answerDifference, askAgain, type Bindings, recorded, type Vector } from './records.ts';

const vectors = recorded<Vector>('vectors-node-events.json');
const bindings: Bindings = new Map([['admin_password', 'correct horse battery']]);
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  bindings.set('admin_token', server.token);
});

afterAll(async () => {
  await server.close();
});

/** What a vector needs that is not built yet, or undefined. */
function needs(vector: Vector): string | undefined {
  const languages = [vector.lang, ...(vector.more_scripts ?? []).map((script) => script.lang)];
  const missing = languages.find((language) => language !== 'nodejs');
  if (missing !== undefined) return `the language ${missing}`;
  if (vector.setup !== undefined) return Object.keys(vector.setup).join(', ');
  if (vector.response.status === 401) return 'roles and apps';
  if (/xml|csv/.test(vector.id)) return 'XML and CSV';
  return undefined;
}

describe('recorded event scripts in Node', () => {
  const ready = vectors.filter((vector) => needs(vector) === undefined);
  const waiting = vectors.filter((vector) => needs(vector) !== undefined);

  test('most of the records are replayed', () => {
    expect(ready.length).toBeGreaterThan(75);
    expect(waiting.map((vector) => `${vector.id}: ${needs(vector)}`)).toMatchSnapshot();
  });

  test.each(ready.map((vector) => [vector.id, vector] as const))('%s', async (id, vector) => {
    await freshFixture();
    const scripts = [
      { event: vector.attach, script: vector.script, vector },
      ...(vector.more_scripts ?? []).map(({ event, script }) => ({ event, script, vector: undefined })),
    ];
    let answer: Answer;
    try {
      for (const script of scripts) await attach(script);
      answer = await askAgain(server, vector.request, bindings);
    } finally {
      for (const script of scripts) await server.ask(scriptPath(script.event), { method: 'DELETE' });
    }
    const found = answerDifference(
      unescapedMessages({ ...vector.response, ...differences[id]?.ours }),
      answer,
    );
    const afterwards: (string | undefined)[] = [];
    for (const { request, response } of vector.after ?? []) {
      afterwards.push(answerDifference(response, await askAgain(server, request, bindings)));
    }
    expect([found, ...afterwards].filter((difference) => difference !== undefined)).toEqual([]);
  });
});

async function attach(given: { event: string; script: string; vector: Vector | undefined }): Promise<void> {
  const answer = await server.ask(scriptPath(given.event), {
    method: 'POST',
    body: {
      name: given.event,
      type: 'nodejs',
      content: given.script,
      is_active: given.vector?.is_active ?? true,
      allow_event_modification: given.vector?.allow_event_modification ?? true,
    },
  });
  if (answer.status !== 201) throw new Error(`script not saved: ${answer.text}`);
}

function scriptPath(event: string): string {
  return `/api/v2/system/event_script/${encodeURIComponent(event)}`;
}

/** Every case starts from the same rows: the service is made anew over a new file. */
async function freshFixture(): Promise<void> {
  const found = await server.ask("/api/v2/system/service?filter=name='hr'&fields=id");
  for (const { id } of found.body.resource)
    await server.ask(`/api/v2/system/service/${id}`, { method: 'DELETE' });
  await server.addDatabase('hr', fixtureSql('script'));
}
