// Writes with an idempotency key on a running server: done once, answered as often as they are asked for.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LimitedWorld, startLimitedWorld } from '../limited-world.ts';
import { saveScript } from '../scenario.ts';
import { addScriptedService, removeScripts } from '../scripted-service.ts';
import type { Answer, Ask } from '../server.ts';

let world: LimitedWorld;
let number = 0;

const items = '/api/v2/shop/_table/item';
const sql = `
  create table item (id integer primary key, name text not null, code text unique);
  create table ran (id integer primary key, what text);`;

beforeAll(async () => {
  world = await startLimitedWorld();
  await world.server.addDatabase('shop', sql);
});

afterEach(async () => {
  await removeScripts(world.server);
  await world.server.ask('/api/v2/system/limit?force=true', { method: 'DELETE' });
  for (const table of ['item', 'ran']) {
    await world.server.ask(`/api/v2/shop/_table/${table}?force=true`, { method: 'DELETE' });
  }
});

afterAll(() => world.close());

const newKey = () => `key-${++number}`;
const keyed = (key: string, ask: Ask = {}): Ask => ({
  method: 'POST',
  body: { resource: [{ name: 'lamp' }] },
  ...ask,
  headers: { 'Idempotency-Key': key, ...ask.headers },
});
const count = async (table = 'item') =>
  (await world.server.ask(`/api/v2/shop/_table/${table}`)).body.resource.length;
const isReplay = (answer: Answer) => answer.headers.get('idempotency-replayed') === 'true';

async function script(event: string, content: string): Promise<void> {
  const { path, method = 'POST', body } = saveScript(event, content);
  const { status, text } = await world.server.ask(path, { method, body });
  expect(status, text).toBe(201);
}

const note = (what: string) =>
  `await platform.api.post('shop/_table/ran', { resource: [{ what: '${what}' }] });`;

describe('the same write again', () => {
  it('is answered as before, in every way of writing, without being done', async () => {
    const post = newKey();
    const first = await world.server.ask(items, keyed(post));
    const again = await world.server.ask(items, keyed(post));
    expect([first.status, isReplay(first)]).toEqual([200, false]);
    expect([again.status, again.text, isReplay(again)]).toEqual([200, first.text, true]);
    const { id } = first.body.resource[0];
    for (const method of ['PUT', 'PATCH']) {
      const change = keyed(newKey(), { method, body: { name: method, code: 'c' } });
      expect(isReplay(await world.server.ask(`${items}/${id}`, change))).toBe(false);
      await world.server.ask(`${items}/${id}`, { method: 'PATCH', body: { name: 'else' } });
      expect(isReplay(await world.server.ask(`${items}/${id}`, change))).toBe(true);
      expect((await world.server.ask(`${items}/${id}`)).body.name).toBe('else');
    }
    const drop = keyed(newKey(), { method: 'DELETE' });
    const dropped = await world.server.ask(`${items}/${id}`, { ...drop, body: undefined });
    const twice = await world.server.ask(`${items}/${id}`, { ...drop, body: undefined });
    expect([dropped.status, twice.status, twice.text, isReplay(twice)]).toEqual([
      200,
      200,
      dropped.text,
      true,
    ]);
    expect(await count()).toBe(0);
  });

  it('runs no scripts again, and gives what they made of the answer', async () => {
    await script('shop._table.item.post.pre_process', note('before'));
    await script(
      'shop._table.item.post.post_process',
      `${note('after')} event.response.content = { made: true }; event.response.headers = { 'X-Made': 'yes' }; event.response.status_code = 202;`,
    );
    const key = newKey();
    const answers = [];
    for (let turn = 0; turn < 3; turn++) answers.push(await world.server.ask(items, keyed(key)));
    expect(answers.map(({ status, body }) => [status, body])).toEqual(Array(3).fill([202, { made: true }]));
    expect(answers.map(isReplay)).toEqual([false, true, true]);
    expect(answers.map(({ headers }) => headers.get('x-made'))).toEqual(['yes', 'yes', 'yes']);
    expect([await count(), await count('ran')]).toEqual([1, 2]);
  });

  it('is given in the form that this request wants', async () => {
    const key = newKey();
    await world.server.ask(items, keyed(key));
    const xml = await world.server.ask(items, keyed(key, { headers: { Accept: 'application/xml' } }));
    expect([xml.status, isReplay(xml), xml.headers.get('content-type')]).toEqual([
      200,
      true,
      expect.stringContaining('xml'),
    ]);
    expect(xml.text).toContain('<id>');
  });

  it('is done once by any service', async () => {
    const role = keyed(newKey(), { body: { resource: [{ name: `role-${number}` }] } });
    const [first, again] = [
      await world.server.ask('/api/v2/system/role', role),
      await world.server.ask('/api/v2/system/role', role),
    ];
    expect([first.status, again.status, again.text, isReplay(again)]).toEqual([201, 201, first.text, true]);
    await addScriptedService(world.server, `${note('service')} return { n: Math.random() };`);
    const call = keyed(newKey(), { body: { a: 1 } });
    const [one, two] = [
      await world.server.ask('/api/v2/math', call),
      await world.server.ask('/api/v2/math', call),
    ];
    expect([one.status, two.text, isReplay(two), await count('ran')]).toEqual([200, one.text, true, 1]);
  });

  it('of a file is known by its bytes, and answers in bytes come back', async () => {
    await addScriptedService(
      world.server,
      "event.response.content_type = 'text/plain'; event.response.content = 'ü ' + Math.random(); return;",
    );
    const ask = keyed(newKey(), { body: 'plain text ü', headers: { 'content-type': 'text/plain' } });
    const one = await world.server.ask('/api/v2/math', ask);
    const two = await world.server.ask('/api/v2/math', ask);
    expect([two.status, two.text, two.headers.get('content-type')]).toEqual([
      one.status,
      one.text,
      one.headers.get('content-type'),
    ]);
    expect(isReplay(two)).toBe(true);
  });

  it('counts for limits like any other call, and tells where they stand', async () => {
    await world.make('limit', { name: 'all', type: 'instance', rate: 3, period: 'minute' });
    const key = newKey();
    const left = [];
    for (let turn = 0; turn < 4; turn++) {
      const { status, headers } = await world.app(items, keyed(key));
      left.push([status, headers.get('x-ratelimit-remaining'), headers.get('idempotency-replayed')]);
    }
    expect(left).toEqual([
      [200, '2', null],
      [200, '1', 'true'],
      [200, '0', 'true'],
      [429, '0', null],
    ]);
    expect(await count()).toBe(1);
  });

  it('does not matter to what only reads', async () => {
    const ask = keyed('', { method: 'GET', body: undefined });
    expect((await world.server.ask(items, ask)).status).toBe(200);
  });
});

describe('another write with the same key', () => {
  it('is refused, whatever is different', async () => {
    const key = newKey();
    const { body } = await world.server.ask(items, keyed(key));
    const { id } = body.resource[0];
    const others: [string, Ask][] = [
      [items, { body: { resource: [{ name: 'other' }] } }],
      [items, { method: 'PUT', body: { resource: [{ name: 'lamp' }] } }],
      [`${items}/${id}`, { method: 'PATCH' }],
      [`${items}?fields=*`, {}],
      ['/api/v2/shop/_table/ran', {}],
      ['/api/v2/system/role', {}],
      [
        items,
        { body: 'resource[0][name]=lamp', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      ],
    ];
    for (const [path, ask] of others) {
      const answer = await world.server.ask(path, keyed(key, ask));
      expect([path, answer.status, answer.body.error?.message]).toEqual([
        path,
        422,
        expect.stringContaining('Idempotency-Key'),
      ]);
    }
    expect(await count()).toBe(1);
    expect(isReplay(await world.server.ask(items, keyed(key)))).toBe(true);
  });

  it('of another caller is his own', async () => {
    const key = newKey();
    const answers = [];
    for (const ask of [world.server.ask, world.app, world.user]) answers.push(await ask(items, keyed(key)));
    expect(answers.map((answer) => [answer.status, isReplay(answer)])).toEqual(Array(3).fill([200, false]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(3);
    expect(isReplay(await world.user(items, keyed(key)))).toBe(true);
  });

  it('of the same user by another app is refused, for that may show him less', async () => {
    const other = await world.make('app', { name: `app-${number}`, role_id: world.roleId });
    const key = newKey();
    expect((await world.user(items, keyed(key))).status).toBe(200);
    const elsewhere = await world.user(
      items,
      keyed(key, { headers: { 'X-DreamFactory-API-Key': other.api_key } }),
    );
    expect(elsewhere.status).toBe(422);
    expect(await count()).toBe(1);
  });
});

describe('what is not kept', () => {
  it('is an answer that says that the caller may not, came too often, collided or that it failed', async () => {
    for (const status of [401, 403, 408, 409, 425, 429, 500, 502, 503]) {
      const content = `event.setResponse({ no: true }, ${status}, 'application/json');`;
      await script('shop._table.item.post.pre_process', content);
      const key = newKey();
      expect((await world.server.ask(items, keyed(key))).status).toBe(status);
      await removeScripts(world.server);
      const done = await world.server.ask(items, keyed(key));
      expect([status, done.status, isReplay(done)]).toEqual([status, 200, false]);
    }
  });

  it('is no refusal of the content: that is an answer, and another try needs another key', async () => {
    const key = newKey();
    const wrong = keyed(key, { body: { resource: [{ nme: 'lamp' }] } });
    const first = await world.server.ask(items, wrong);
    const again = await world.server.ask(items, wrong);
    expect([first.status, again.status, again.text, isReplay(again)]).toEqual([400, 400, first.text, true]);
    expect((await world.server.ask(items, keyed(key))).status).toBe(422);
  });

  it('is anything before the access check, which replays have to pass as well', async () => {
    const key = newKey();
    expect((await world.app(items, keyed(key))).status).toBe(200);
    const path = `/api/v2/system/role/${world.roleId}`;
    await world.server.ask(path, { method: 'PATCH', body: { is_active: false } });
    try {
      const refused = await world.app(items, keyed(key));
      expect([refused.status, isReplay(refused)]).toEqual([403, false]);
    } finally {
      await world.server.ask(path, { method: 'PATCH', body: { is_active: true } });
    }
    expect(isReplay(await world.app(items, keyed(key)))).toBe(true);
  });
});

describe('a write that was done, and whose answer failed after it', () => {
  it('is not done again with its key, whose answer is then made anew', async () => {
    await script(
      'shop._table.item.post.post_process',
      `${note('after')}
      const ran = await platform.api.get('shop/_table/ran');
      if (ran.content.resource.length === 1) throw new Error('not yet');`,
    );
    const key = newKey();
    expect((await world.server.ask(items, keyed(key))).status).toBe(500);
    expect([await count(), await count('ran')]).toEqual([1, 1]);
    const other = keyed(key, { body: { resource: [{ name: 'other' }] } });
    expect((await world.server.ask(items, other)).status).toBe(422);
    const again = await world.server.ask(items, keyed(key));
    expect([again.status, again.body.resource]).toEqual([200, [{ id: expect.any(Number) }]]);
    const third = await world.server.ask(items, keyed(key));
    expect([third.text, isReplay(third), await count()]).toEqual([again.text, true, 1]);
  });

  it('of a batch of which a part failed keeps that part', async () => {
    const key = newKey();
    const body = { resource: [{ name: 'a', code: 'x' }, { name: 'b', code: 'x' }, { name: 'c' }] };
    const first = await world.server.ask(`${items}?continue=true`, keyed(key, { body }));
    expect(first.status).toBeGreaterThanOrEqual(400);
    const again = await world.server.ask(`${items}?continue=true`, keyed(key, { body }));
    expect([again.status, again.text, await count()]).toEqual([first.status, first.text, 2]);
  });
});

describe('many at the same time', () => {
  it('are done once: one is answered, the others are told to wait, and get its answer then', async () => {
    await script('shop._table.item.post.post_process', 'await new Promise((done) => setTimeout(done, 300));');
    const key = newKey();
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.server.ask(items, keyed(key))));
    const done = answers.filter(({ status }) => status === 200);
    expect(done.filter((answer) => !isReplay(answer))).toHaveLength(1);
    const busy = answers.filter(({ status }) => status === 409);
    expect([done.length + busy.length, busy.length > 0]).toEqual([50, true]);
    for (const { headers } of busy) expect(headers.get('retry-after')).toBe('1');
    expect(isReplay(await world.server.ask(items, keyed(key)))).toBe(true);
    expect(await count()).toBe(1);
  });
});

describe('a key', () => {
  const malformed = ['', ' ', 'x'.repeat(256)];
  it.each(malformed)('that cannot be taken is refused by name: %j', async (key) => {
    const { status, body } = await world.server.ask(items, keyed(key));
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('Idempotency-Key')]);
    expect(await count()).toBe(0);
  });

  it('may be anything else, up to 255 characters', async () => {
    for (const key of [
      'x'.repeat(255),
      '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
      "'; drop table item; --",
      'ü€'.slice(0, 1),
      '__proto__',
      'a, b',
      '%00',
    ]) {
      expect((await world.server.ask(items, keyed(key))).status, key).toBe(200);
      expect(isReplay(await world.server.ask(items, keyed(key))), key).toBe(true);
    }
  });

  it('lies nowhere in the system database, and neither does what was asked and answered', async () => {
    const key = 'a-key-that-nobody-may-read';
    const body = { resource: [{ name: 'a-name-that-nobody-may-read' }] };
    expect((await world.server.ask(`${items}?fields=*`, keyed(key, { body }))).status).toBe(200);
    const database = new Database(join(world.server.home, 'system.sqlite'), { readonly: true });
    const rows = database.prepare('select * from idempotency_key').all();
    database.close();
    expect(rows.length).toBeGreaterThan(0);
    for (const text of [JSON.stringify(rows), JSON.stringify(world.server.observations)]) {
      expect(text).not.toContain('nobody-may-read');
    }
  });
});

describe('calls of scripts', () => {
  const service = (content: string, name = 'math') => addScriptedService(world.server, content, { name });

  it('may have keys of their own', async () => {
    await service(`
      const headers = { 'Idempotency-Key': 'order-7' };
      const made = [];
      for (let turn = 0; turn < 3; turn++) {
        const { status_code, content, headers: got } = await platform.api.post('shop/_table/item', { resource: [{ name: 'x' }] }, { headers });
        made.push([status_code, content.resource[0].id]);
      }
      return made;`);
    const { status, body } = await world.server.ask('/api/v2/math', { method: 'POST', body: {} });
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body).toEqual(Array(3).fill(body[0]));
    expect(await count()).toBe(1);
  });

  it('with the key of their caller are not what their caller asked for', async () => {
    await service(`
      const key = event.request.headers['idempotency-key'];
      return (await platform.api.post('shop/_table/item', { resource: [{ name: 'x' }] }, { headers: { 'Idempotency-Key': key } })).content;`);
    const key = newKey();
    const one = await world.server.ask('/api/v2/math', keyed(key, { body: {} }));
    const two = await world.server.ask('/api/v2/math', keyed(key, { body: {} }));
    expect([one.status, two.text, isReplay(two), await count()]).toEqual([200, one.text, true, 1]);
  });

  it('inherit no key', async () => {
    await service(`
      for (let turn = 0; turn < 2; turn++) await platform.api.post('shop/_table/item', { resource: [{ name: 'x' }] });
      return 1;`);
    await world.server.ask('/api/v2/math', keyed(newKey(), { body: {} }));
    expect(await count()).toBe(2);
  });
});
