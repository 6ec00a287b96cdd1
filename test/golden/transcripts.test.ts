import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixtureSql, startTestServer, type TestServer } from '../server.ts';
import { differences, standIns, unescapedMessages } from './differences.ts';
import { answerDifference, askAgain, type Bindings, recorded, type Transcript } from './records.ts';

const all = recorded<Transcript>('transcripts.json');
const bindings: Bindings = new Map([
  ['admin_password', 'correct horse battery'],
  ['user_password', 'another long password'],
]);
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('hr', fixtureSql('transcripts'));
  // A second service of the fixture over the same data, only seen in the list of events.
  await server.addDatabase('hrphp', fixtureSql('transcripts'));
  const services = await server.ask("/api/v2/system/service?filter=name='hr'&fields=id");
  bindings.set('service_id:hr', String(services.body.resource[0].id));
  bindings.set('admin_token', server.token);
});

afterAll(async () => {
  await server.close();
});

describe('recorded REST transcripts', () => {
  for (const entry of all) {
    test(entry.id, async () => {
      for (const request of standIns[entry.id] ?? []) await askAgain(server, request, bindings);
      if (isNewScript(entry)) await askAgain(server, { ...entry.request, method: 'DELETE' }, bindings);
      const answer = await askAgain(server, entry.request, bindings);
      for (const [name, path] of Object.entries(entry.captures ?? {})) bind(name, path, answer.body);
      const expected = { ...entry.response, ...differences[entry.id]?.ours };
      const isShape = entry.compare === 'shape';
      const found = answerDifference(unescapedMessages(expected), answer, isShape);
      for (const request of entry.cleanup_after ?? []) await askAgain(server, request, bindings);
      expect(found).toBeUndefined();
    });
  }
});

/**
 * Whether a script is made: the one before it may be left, when what removed it was a quirk and is not here.
 */
function isNewScript({ request, response }: Transcript): boolean {
  return response.status === 201 && request.path.startsWith('/api/v2/system/event_script/');
}

/** Keeps a value of an answer under a placeholder's name; the path is like `$.resource[0].id`. */
function bind(name: string, path: string, body: unknown): void {
  let value: unknown = body;
  for (const [, key] of path.matchAll(/[.[]([^.[\]]+)\]?/g)) {
    value = (value as Record<string, unknown> | undefined)?.[key ?? ''];
  }
  bindings.set(name, String(value));
}
