// Idempotency keys on two servers over one system database, on every engine: many at once, and a server that
// is lost between a write and its answer.
// Invariant: what counts is the number of rows in the database.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canTest } from '../databases.ts';
import { QueueWorld } from '../recovery/queue-world.ts';

const live = (['postgres', 'mysql'] as const).filter((kind) => canTest(kind));
const account = { email: 'admin@example.com', password: 'correct horse battery' };

describe.each(['sqlite', ...live] as const)('two servers on %s', (engine) => {
  let world: QueueWorld;
  let token: string;

  beforeAll(async () => {
    world = await QueueWorld.open({ engine, nodes: 2 });
    const login = await world.ask('POST', 'system/admin/session', account);
    token = JSON.parse(login.text).session_token;
  });
  afterAll(() => world.close());

  const post = async (key: string, mark: string, node = 0) => {
    const answer = await fetch(`${world.urls[node]}/api/v2/data/_table/item`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-dreamfactory-session-token': token,
        'idempotency-key': key,
      },
      body: JSON.stringify({ resource: [{ mark }] }),
    });
    const replayed = answer.headers.get('idempotency-replayed');
    return { status: answer.status, text: await answer.text(), replayed };
  };
  const rows = async (mark: string): Promise<number> => {
    const path = `data/_table/item?filter=${encodeURIComponent(`mark=${mark}`)}`;
    return JSON.parse((await world.ask('GET', path)).text).resource.length;
  };
  const insist = async (key: string, mark: string, node = 0) => {
    for (;;) {
      const answer = await post(key, mark, node);
      if (answer.status !== 409) return answer;
      await pause(50);
    }
  };

  it('do fifty writes with one key once, and give all the same answer', async () => {
    const first = await Promise.all(Array.from({ length: 50 }, (_, at) => post('fifty', 'fifty', at % 2)));
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([200, 409]));
    expect(first.filter(({ status, replayed }) => status === 200 && replayed === null)).toHaveLength(1);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => insist('fifty', 'fifty', at % 2)),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await rows('fifty')).toBe(1);
  });
});
