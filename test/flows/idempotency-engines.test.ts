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
  const marks = async (table: string, mark: string): Promise<number> =>
    (await world.databases.data(`select id from ${table} where mark = '${mark}'`)).length;
  const insist = async (key: string, mark: string, node = 0) => {
    for (;;) {
      const answer = await post(key, mark, node);
      if (answer.status !== 409) return answer;
      await pause(50);
    }
  };

  it('do fifty writes with one key once, and give all the same answer', async () => {
    const first = await Promise.all(Array.from({ length: 50 }, (_, at) => post('fifty', 'fifty', at % 2)));
    // Those that come while the first is being done are told to wait; how many do is a matter of time.
    expect(first.filter(({ status }) => status !== 200 && status !== 409)).toEqual([]);
    expect(first.filter(({ status, replayed }) => status === 200 && replayed === null)).toHaveLength(1);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => insist('fifty', 'fifty', at % 2)),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await marks('item', 'fifty')).toBe(1);
  });

  it('lost between a write and its answer have done it once, and the next try says so', async () => {
    const slow = `
      const marks = event.request.payload.resource.map(({ mark }) => mark);
      if (marks[0].startsWith('lost')) {
        const seen = await platform.api.get("data/_table/effect?filter=mark='after " + marks[0] + "'");
        await platform.api.post('data/_table/effect', { resource: [{ mark: 'after ' + marks[0], event: 'x', attempt: 0 }] });
        if (seen.content.resource.length === 0) await new Promise((done) => setTimeout(done, 60_000));
      }`;
    const event = 'data._table.item.post.post_process';
    const script = { type: 'nodejs', is_active: true, content: slow };
    await world.make(`system/event_script/${event}`, { ...script, timeout_ms: 60_000 });
    // The other node has to know of it, too.
    await pause(1_000);
    const [, node] = world.nodes;
    const broken = post('lost', 'lost', 1).catch(() => 'no answer');
    while ((await marks('effect', 'after lost')) === 0) await pause(20);
    expect(await marks('item', 'lost')).toBe(1);
    await node?.kill();
    expect(await broken).toBe('no answer');
    const answer = await insist('lost', 'lost');
    expect([answer.status, JSON.parse(answer.text).resource]).toEqual([200, [{ id: expect.any(Number) }]]);
    expect([await marks('item', 'lost'), await marks('effect', 'after lost')]).toEqual([1, 2]);
    const again = await insist('lost', 'lost');
    expect([again.text, again.replayed, await marks('effect', 'after lost')]).toEqual([
      answer.text,
      'true',
      2,
    ]);
    // What the write set off is there once as well, although it was tried twice.
    expect(await world.settle()).toBe(0);
    expect(await marks('effect', 'lost')).toBe(1);
    await node?.start();
    expect((await post('lost', 'lost', 1)).text).toBe(answer.text);
  });
});
