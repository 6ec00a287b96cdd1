import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { play, saveScript } from '../scenario.ts';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(async () => {
  await server.close();
});

const items = `create table item (id integer primary key autoincrement, name varchar(40) not null, price decimal(8,2));
  insert into item (name, price) values ('pen', 1.5), ('ink', 4.25);
  create table note (id integer primary key autoincrement, text varchar(80));`;

describe('the first minute', () => {
  test('a database, a service, a TypeScript script on one endpoint', async () => {
    await server.addDatabase('shop', items);
    const event = 'shop._table.item.get.post_process';
    await play(server, [
      { path: '/api/v2/shop/_table/item/1', status: 200, answer: { id: 1, name: 'pen', price: 1.5 } },
      saveScript(
        event,
        `interface Item { name: string; price: number }
const { resource } = event.response.content as { resource: Item[] };
event.response.content = { total: resource.reduce((sum: number, item: Item) => sum + item.price, 0) };`,
        { type: 'typescript' },
      ),
      { path: '/api/v2/shop/_table/item', status: 200, answer: { total: 5.75 }, ran: [event] },
      { path: '/api/v2/shop/_table/item/1', status: 200, answer: { id: 1 } },
      {
        method: 'DELETE',
        path: `/api/v2/system/event_script/${event}`,
        status: 200,
        answer: { name: event },
      },
      {
        path: '/api/v2/shop/_table/item?fields=id',
        status: 200,
        answer: { resource: [{ id: 1 }, { id: 2 }] },
      },
    ]);
  });
});

describe('scripts that call the API', () => {
  test('with a promise, under the authority of the caller, and firing events themselves', async () => {
    await server.addDatabase('shop2', items);
    const outer = 'shop2._table.item.get.post_process';
    const inner = 'shop2._table.note.post.pre_process';
    await play(server, [
      saveScript(
        outer,
        `const count = event.response.content.resource.length;
const made = await platform.api.post('shop2/_table/note', { resource: [{ text: 'seen ' + count }] });
event.response.headers = { 'X-Note': String(JSON.parse(made.body).resource[0].id), 'X-Status': made.statusCode };`,
      ),
      saveScript(inner, "event.request.payload.resource[0].text += ' by ' + platform.session.user.email;"),
      { path: '/api/v2/shop2/_table/item?fields=id', status: 200, ran: [inner, outer] },
      {
        path: '/api/v2/shop2/_table/note/1',
        status: 200,
        answer: { text: 'seen 2 by admin@example.com' },
      },
    ]);
  });

  test('a script that calls the call that runs it ends with 508 and says why', async () => {
    await server.addDatabase('loop', items);
    const event = 'loop._table.item.get.pre_process';
    const answer = await play(server, [
      saveScript(
        event,
        `const inner = await platform.api.get('loop/_table/item');
if (inner.statusCode >= 400) event.response = { status_code: inner.statusCode, content: JSON.parse(inner.body) };`,
      ),
      {
        path: '/api/v2/loop/_table/item',
        status: 508,
        ran: Array.from({ length: 9 }, () => event),
      },
    ]);
    expect(answer?.body.error.message).toMatch(/deeper than 8 levels/);
    await play(server, [{ path: '/api/v2/loop/_table/note', status: 200, answer: { resource: [] } }]);
  });
});

describe('scripts that fail', () => {
  test('a script that cannot be loaded refuses the call, and nothing is written', async () => {
    await server.addDatabase('broken', items);
    const event = 'broken._table.item.post.pre_process';
    const answer = await play(server, [
      saveScript(event, 'if (true {\n  return;\n}', { allow_event_modification: false }),
      {
        method: 'POST',
        path: '/api/v2/broken/_table/item',
        body: { resource: [{ name: 'x' }] },
        status: 500,
        ran: [event],
      },
    ]);
    expect(answer?.body.error.message).toMatch(/can not be loaded.*line 1, column/s);
    await play(server, [
      { path: '/api/v2/broken/_table/item?include_count=true', status: 200, answer: { meta: { count: 2 } } },
    ]);
  });

  test('an endless loop is ended and answered while other calls go on', async () => {
    await server.addDatabase('endless', items);
    const event = 'endless._table.item.get.pre_process';
    await play(server, [saveScript(event, 'for (;;) {}')]);
    const stuck = server.ask('/api/v2/endless/_table/item');
    const others = await Promise.all(
      Array.from({ length: 20 }, () => server.ask('/api/v2/endless/_table/note')),
    );
    expect(others.map((answer) => answer.status)).toEqual(Array(20).fill(200));
    const answer = await stuck;
    expect(answer.status).toBe(504);
    expect(answer.body.error.message).toMatch(/did not end within/);
    expect(answer.text).not.toMatch(/SIGKILL|pid|\/tmp/);
  });

  test('a script that kills its process fails alone', async () => {
    await server.addDatabase('crash', items);
    await play(server, [
      saveScript('crash._table.item.get.pre_process', 'process.kill(process.pid, "SIGKILL"); for (;;) {}'),
      { path: '/api/v2/crash/_table/item', status: 500, ran: ['crash._table.item.get.pre_process'] },
      saveScript('crash._table.note.get.post_process', 'event.response.status_code = 203;'),
      { path: '/api/v2/crash/_table/note', status: 203, ran: ['crash._table.note.get.post_process'] },
    ]);
  });

  test('nothing of one run is seen by the next', async () => {
    await server.addDatabase('bleed', items);
    const event = 'bleed._table.note.get.post_process';
    await play(server, [
      saveScript(
        event,
        'event.response.content = { seen: typeof leaked }; leaked = 1; Array.prototype.leak = 1;',
      ),
      { path: '/api/v2/bleed/_table/note', status: 200, answer: { seen: 'undefined' }, ran: [event] },
      { path: '/api/v2/bleed/_table/note', status: 200, answer: { seen: 'undefined' }, ran: [event] },
    ]);
  });
});
