// Bombs in every language against a whole server under load: no answer of anybody else fails, every bomb gets
// an answer that says so, and the next script of the language runs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixtureSql, startTestServer, type TestServer } from '../server.ts';
import { languages } from './bombs.ts';

let server: TestServer;
let load: Load;

beforeAll(async () => {
  server = await startTestServer({ TENON_RUNNERS_MAX: '4' });
  await server.addDatabase('hr', fixtureSql('script'));
  await bind('hr._table.todo.get.post_process', 'event.response.content = { n: 1 };');
  load = new Load(server);
}, 60_000);

afterAll(async () => {
  await load.stop();
  await server.close();
});

describe.each(Object.entries(languages))('bombs in %s', (type, { bombs, ordinary }) => {
  beforeAll(() => addService(`fine_${type}`, type, ordinary), 60_000);

  const entries = Object.entries(bombs).map(([name, content], i) => ({
    name,
    content,
    service: `${type}_${i}`,
  }));

  test.each(entries)(
    '$name',
    async ({ content, service }) => {
      load.failures.length = 0;
      await addService(service, type, content.replaceAll('SELF', service));
      const answer = await server.ask(`/api/v2/${service}`);
      // A bomb that the sandbox made harmless may well end in peace.
      expect([200, 500, 503, 504, 508]).toContain(answer.status);
      expect(await fine(type)).toEqual({ fine: '5' });
      expect(load.failures).toEqual([]);
    },
    60_000,
  );

  test('four at once', async () => {
    load.failures.length = 0;
    const some = entries.slice(0, 12);
    while (some.length > 0) {
      const asked = some.splice(0, 4).map(({ service }) => server.ask(`/api/v2/${service}`));
      for (const { status } of await Promise.all(asked)) expect([200, 500, 503, 504]).toContain(status);
    }
    expect(await fine(type)).toEqual({ fine: '5' });
    expect(load.failures).toEqual([]);
  }, 120_000);
});

test('the load went on all the time', () => {
  expect(load.answers).toBeGreaterThan(500);
});

async function fine(type: string): Promise<unknown> {
  const answer = await server.ask(`/api/v2/fine_${type}?n=5`);
  return answer.status === 200 ? answer.body : answer;
}

/** Requests of others, one after the other, with and without a script. */
class Load {
  readonly failures: unknown[] = [];
  answers = 0;
  #isStopped = false;
  #done: Promise<void>;

  constructor(asked: TestServer) {
    this.#done = this.#run(asked);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(asked: TestServer): Promise<void> {
    const paths = ['/api/v2/hr/_table/departments?limit=1', '/api/v2/hr/_table/todo?limit=1', '/status'];
    for (let i = 0; !this.#isStopped; i++) {
      const { status, text } = await asked.ask(paths[i % paths.length] ?? '');
      if (status !== 200) this.failures.push({ status, text });
      this.answers++;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

async function addService(name: string, type: string, content: string): Promise<void> {
  const config = { content, config: { timeout_ms: 400 } };
  const resource = [{ name, label: name, type, is_active: true, config }];
  const answer = await server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
  const warning = answer.headers.get('x-tenon-warning');
  if (answer.status !== 201 || warning !== null) throw new Error(`${name}: ${answer.text} ${warning}`);
}

async function bind(name: string, content: string): Promise<void> {
  const body = { name, type: 'nodejs', content, is_active: true, allow_event_modification: true };
  const answer = await server.ask(`/api/v2/system/event_script/${name}`, { method: 'POST', body });
  if (answer.status !== 201) throw new Error(answer.text);
}
