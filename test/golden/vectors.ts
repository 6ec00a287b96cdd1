// Replays script vectors over HTTP: makes what a vector needs, asks, and holds answer, stored rows, log and
// foreign calls against the record. Invariant: every vector starts from the same rows, without scripts,
// roles, apps and users of the one before.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, fixtureSql, startTestServer, type TestServer } from '../server.ts';
import { difference } from './compare.ts';
import { differences, unescapedMessages } from './differences.ts';
import { type ForeignServer, startForeignServer } from './foreign-server.ts';
import {
  answerDifference,
  askAgain,
  type Bindings,
  filledText,
  type RecordedScript,
  recorded,
  type Setup,
  type Vector,
} from './records.ts';

/** What is expected of the vectors of one language. */
export interface Expected {
  readonly language: string;
  readonly replayed: number;
}

/** Declares the tests of one language. */
export function replayVectors({ language, replayed }: Expected): void {
  const all = recorded<Vector>(`vectors-${language}.json`);
  const replay = new Replay();
  beforeAll(() => replay.open());
  afterAll(() => replay.close());

  describe(`recorded scripts: ${language}`, () => {
    test('all are replayed', () => {
      expect(all.length).toBe(replayed);
    });

    test.each(all.map((vector) => [vector.id, vector] as const))('%s', async (_id, vector) => {
      expect(await replay.differencesOf(vector)).toEqual([]);
    });
  });
}

/** A server and the foreign server that its scripts call. */
class Replay {
  #server: TestServer | undefined;
  #foreign: ForeignServer | undefined;
  #bindings: Bindings = new Map();
  #undo: string[] = [];

  async open(): Promise<void> {
    this.#foreign = await startForeignServer();
    this.#server = await startTestServer({ TENON_EGRESS_ALLOW: this.#foreign.address });
  }

  async close(): Promise<void> {
    await this.#server?.close();
    await this.#foreign?.close();
  }

  /** Where our behaviour differs from the record, in words. */
  async differencesOf(vector: Vector): Promise<string[]> {
    const { server, foreign } = this.#parts();
    try {
      await this.#prepare(vector);
      foreign.requests.length = 0;
      server.observations.length = 0;
      const answer = await askAgain(server, vector.request, this.#bindings);
      if (vector.worker_log !== undefined) await isWorked(server);
      const found = [
        staleDifference(vector, answer),
        answerDifference(expectedOf(vector), answer),
        foreignDifference(vector, foreign),
        logDifference(vector, server),
        workerDifference(vector, server),
      ];
      await this.#removeScripts();
      for (const { request, response } of vector.after ?? []) {
        found.push(answerDifference(response, await askAgain(server, request, this.#bindings)));
      }
      return found.filter((told) => told !== undefined);
    } finally {
      await this.#tidyUp();
    }
  }

  #parts(): { server: TestServer; foreign: ForeignServer } {
    if (this.#server === undefined || this.#foreign === undefined) throw new Error('not opened');
    return { server: this.#server, foreign: this.#foreign };
  }

  async #prepare(vector: Vector): Promise<void> {
    const { server, foreign } = this.#parts();
    this.#bindings = new Map([
      ['admin_password', 'correct horse battery'],
      ['admin_token', server.token],
      ['echo', foreign.address],
      ['host', new URL(server.url).host],
    ]);
    await server.addDatabase('hr', fixtureSql('script'));
    await this.#rememberService('hr');
    await this.#setUp(vector.setup ?? {});
    const { kind, lang, script, config, attach } = vector;
    if (kind === 'service') {
      await this.#addService({ name: 'math', type: lang, content: script, config });
    } else {
      await this.#attach({ event: attach ?? '', lang, script }, vector);
    }
    for (const more of [...(vector.event_scripts ?? []), ...(vector.more_scripts ?? [])]) {
      await this.#attach(more);
    }
  }

  async #setUp({ lookups = [], role, app, user, services = [] }: Setup): Promise<void> {
    for (const lookup of lookups) await this.#create('lookup', { ...lookup, script_visible: lookup.private });
    for (const service of services) await this.#addService(service);
    let roleId: number | undefined;
    if (role !== undefined) roleId = (await this.#create('role', await this.#roleOf(role))).id;
    if (app !== undefined) await this.#addApp({ name: app.name, role_id: roleId });
    if (user !== undefined) await this.#logIn(user);
  }

  async #addApp(app: { name: string; role_id: number | undefined }): Promise<void> {
    const { id } = await this.#create('app', { ...app, is_active: true });
    const answer = await this.#parts().server.ask(`/api/v2/system/app/${id}`);
    this.#bindings.set('api_key', answer.body.api_key);
  }

  async #logIn(user: NonNullable<Setup['user']>): Promise<void> {
    const password = 'a password of their own';
    await this.#create('user', { ...user, password, is_active: true });
    const answer = await this.#parts().server.ask('/api/v2/user/session', {
      method: 'POST',
      anonymous: true,
      headers: { 'X-DreamFactory-API-Key': this.#bindings.get('api_key') ?? '' },
      body: { email: user.email, password },
    });
    if (answer.status !== 200) throw new Error(`login failed: ${answer.text}`);
    this.#bindings.set('user_token', answer.body.session_token);
  }

  async #roleOf({ name, access }: NonNullable<Setup['role']>): Promise<Record<string, unknown>> {
    const rows = [];
    for (const { service, component, verbs, requestors } of access) {
      rows.push({
        service_id: await this.#idOf('service', service),
        component,
        verb_mask: mask(verbs, ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
        requestor_mask: mask(requestors, ['API', 'SCRIPT']),
      });
    }
    return { name, is_active: true, role_service_access_by_role_id: rows };
  }

  #addService(given: {
    name: string;
    type: string;
    content: string;
    config?: Readonly<Record<string, unknown>> | undefined;
  }): Promise<{ id: number }> {
    const { name, type, config = {} } = given;
    const content = filledText(given.content, this.#bindings);
    return this.#create('service', {
      name,
      label: name,
      type,
      is_active: true,
      config: { ...config, content },
    });
  }

  async #attach({ event, lang, script }: RecordedScript, switches: Partial<Vector> = {}): Promise<void> {
    const { is_active = true, allow_event_modification = true } = switches;
    const path = `/api/v2/system/event_script/${encodeURIComponent(event)}`;
    const content = filledText(script, this.#bindings);
    const body = { name: event, type: lang, content, is_active, allow_event_modification };
    const answer = await this.#parts().server.ask(path, { method: 'POST', body });
    if (answer.status !== 201) throw new Error(`script not saved: ${answer.text}`);
    this.#undo.push(path);
  }

  async #create(kind: string, record: unknown): Promise<{ id: number }> {
    const path = `/api/v2/system/${kind}`;
    const answer = await this.#parts().server.ask(path, { method: 'POST', body: { resource: [record] } });
    if (answer.status !== 201) throw new Error(`${kind} not created: ${answer.text}`);
    const { id } = answer.body.resource[0];
    this.#undo.push(`${path}/${id}`);
    return { id };
  }

  async #rememberService(name: string): Promise<void> {
    this.#undo.push(`/api/v2/system/service/${await this.#idOf('service', name)}`);
  }

  async #idOf(kind: string, name: string): Promise<number> {
    const answer = await this.#parts().server.ask(`/api/v2/system/${kind}?filter=name='${name}'&fields=id`);
    return answer.body.resource[0].id;
  }

  async #removeScripts(): Promise<void> {
    const isScript = (path: string) => path.includes('/event_script/');
    for (const path of this.#undo.filter(isScript)) await this.#remove(path);
    this.#undo = this.#undo.filter((path) => !isScript(path));
  }

  async #tidyUp(): Promise<void> {
    for (const path of this.#undo.splice(0).reverse()) await this.#remove(path);
  }

  async #remove(path: string): Promise<Answer> {
    const answer = await this.#parts().server.ask(path, { method: 'DELETE' });
    if (answer.status >= 300) throw new Error(`${path} not removed: ${answer.text}`);
    return answer;
  }
}

function mask(names: readonly string[], bits: readonly string[]): number {
  return names.reduce((sum, name) => sum + 2 ** bits.indexOf(name), 0);
}

// A difference that is none any more must leave the list.
function staleDifference({ id, response }: Vector, answer: Answer): string | undefined {
  const listed = differences[id];
  if (listed === undefined || listed.foreign !== undefined || listed.log !== undefined) return undefined;
  const isAsRecorded = answerDifference(unescapedMessages(response), answer) === undefined;
  return isAsRecorded ? 'listed as a difference, but answered as recorded' : undefined;
}

function expectedOf({ id, response }: Vector) {
  return unescapedMessages({ ...response, ...differences[id]?.ours });
}

function foreignDifference({ id, echo }: Vector, { requests }: ForeignServer): string | undefined {
  const expected = differences[id]?.foreign ?? echo ?? [];
  return difference(expected, requests, 'foreign requests');
}

function logDifference(
  { id, log: own = [], worker_log: later = [] }: Vector,
  { observations }: TestServer,
): string | undefined {
  const output = observations.flatMap((seen) => {
    if (seen.kind !== 'script.finished' && seen.kind !== 'script.failed') return [];
    return seen.log.map(({ text }) => text);
  });
  const recordedOutput = [...own, ...later].flatMap(({ message }) => {
    const text = /^Script '[^']+' output:\n([\s\S]*)$/.exec(message)?.[1];
    return text === undefined ? [] : [text];
  });
  const expected = differences[id]?.log ?? recordedOutput.join('\n');
  return expected === '' ? undefined : difference(expected.trim(), output.join('\n').trim(), 'log');
}

async function isWorked({ observations }: TestServer): Promise<void> {
  const isOver = () => observations.some(({ kind }) => kind === 'queue.done' || kind === 'queue.failed');
  await expect.poll(isOver, { timeout: 30_000 }).toBe(true);
}

// The original's worker logs that it took a run and that it went well.
function workerDifference({ worker_log: log }: Vector, { observations }: TestServer): string | undefined {
  if (log === undefined) return undefined;
  const recordedSteps = log.flatMap(({ message }) => {
    if (message.startsWith('Queued Script handled')) return ['queue.started'];
    return message.startsWith('Queued Script success') ? ['queue.done'] : [];
  });
  const steps = observations.map(({ kind }) => kind).filter((kind) => kind.startsWith('queue.'));
  return difference(recordedSteps, steps, 'worker');
}
