import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixtureSql, startTestServer, type TestServer } from '../server.ts';
import { askAgain, type FiredEvents, recorded } from './records.ts';

/** Recorded quirks and things that later parts bring; see the reasons. */
const left: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /_field|_related/,
    reason: 'fires the advertised names instead of {field} and the root of _schema',
  },
  { pattern: /service\/8/, reason: 'the number of a service of the recording installation' },
];

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('hr', fixtureSql('script'));
  const config = { content: 'return {hello: "world"};' };
  const resource = [{ name: 'snode', label: 'snode', type: 'nodejs', is_active: true, config }];
  await server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
});

afterAll(async () => {
  await server.close();
});

describe('events that requests fire, in order', () => {
  const all = recorded<FiredEvents & { request: { path: string } }>('events-fired.json');
  const cases = all.filter((entry) => !left.some(({ pattern }) => pattern.test(entry.request.path)));

  test('most of the records are replayed', () => {
    expect(cases.length).toBeGreaterThan(20);
  });

  test.each(cases.map((entry) => [`${entry.request.method} ${entry.request.path}`, entry] as const))(
    '%s',
    async (_title, entry) => {
      const names = [...new Set(entry.events.map(({ name }) => name))].filter((name) =>
        /_process$/.test(name),
      );
      for (const name of names) await attach(name);
      server.observations.length = 0;
      await askAgain(server, { ...entry.request, auth: 'admin' }, new Map());
      const ran = server.observations.flatMap((seen) =>
        seen.kind === 'script.finished' && seen.script !== 'service.snode' ? [seen.script] : [],
      );
      for (const name of names) await server.ask(path(name), { method: 'DELETE' });
      const expected = entry.events.map(({ name }) => name).filter((name) => /_process$/.test(name));
      expect(ran).toEqual(expected);
    },
  );
});

async function attach(name: string): Promise<void> {
  const body = { name, type: 'nodejs', content: 'var seen = event.resource;', is_active: true };
  const answer = await server.ask(path(name), { method: 'POST', body });
  if (answer.status !== 201) throw new Error(answer.text);
}

function path(name: string): string {
  return `/api/v2/system/event_script/${encodeURIComponent(name)}`;
}
