// Two installations, each with a system database of its own, over one database of data: what the writes of one
// set off is run by that one, also when it was lost in between.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterEach, expect, it } from 'vitest';
import { freePort, QueueNode } from '../recovery/queue-fleet.ts';

const account = { email: 'admin@example.com', password: 'correct horse battery' };
const bounds = { outboxPendingMs: 1_000, outboxPollMs: 100, queueLeaseMs: 1_500, queueSweepMs: 250 };
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function house(name: string, file: string) {
  const home = mkdtempSync(join(tmpdir(), `house-${name}-`));
  const node = new QueueNode(await freePort(), {
    ...{ TENON_HOME: home, TENON_LOG_LEVEL: 'silent', PROOF_LIMITS: JSON.stringify(bounds) },
    ...{ TENON_ADMIN_EMAIL: account.email, TENON_ADMIN_PASSWORD: account.password },
  });
  closers.push(
    () => rmSync(home, { recursive: true }),
    () => node.kill(),
  );
  const ask = async (method: string, path: string, body: unknown, token = '') => {
    const answer = await fetch(`${node.url}/api/v2/${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-dreamfactory-session-token': token },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json() as Promise<{ session_token: string }>;
  };
  expect(await node.start()).toBe(true);
  const token = (await ask('POST', 'system/admin/session', account)).session_token;
  const service = {
    name: 'data',
    label: 'data',
    type: 'sqlite',
    is_active: true,
    config: { database: file },
  };
  await ask('POST', 'system/service', { resource: [service] }, token);
  const bind = async (event: string, content: string) => {
    const script = { type: 'nodejs', is_active: true, content };
    await ask('POST', `system/event_script/${event}`, script, token);
  };
  return {
    node,
    bind,
    post: (mark: string) => ask('POST', 'data/_table/item', { resource: [{ mark }] }, token),
  };
}

it('the runs of an installation that was lost wait for it, whoever else looks into the database', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'houses-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'data.sqlite');
  const database = new Database(file);
  closers.push(() => database.close());
  database.exec(`create table item (id integer primary key, mark text);
    create table effect (id integer primary key, mark text);`);
  const marks = (table: string) => database.prepare(`select mark from ${table} order by id`).pluck().all();
  const first = await house('first', file);
  await first.bind(
    'data._table.item.post.queued',
    `await platform.api.post('data/_table/effect', { resource: [{ mark: 'of ' + event.request.payload.resource[0].mark }] });`,
  );
  await first.bind(
    'data._table.item.post.post_process',
    `if (event.request.payload.resource[0].mark === 'lost') await new Promise((done) => setTimeout(done, 20_000));`,
  );
  await first.post('seen');
  await expect.poll(() => marks('effect'), { timeout: 10_000 }).toEqual(['of seen']);
  const other = await house('other', file);
  const broken = first.post('lost').catch(() => 'no answer');
  await expect.poll(() => marks('item'), { timeout: 10_000 }).toEqual(['seen', 'lost']);
  await first.node.kill();
  expect(await broken).toBe('no answer');
  // The other one has no such script, and looks into the database all the time.
  await other.post('of the other');
  await pause(2_500);
  expect(marks('effect')).toEqual(['of seen']);
  expect(await first.node.start()).toBe(true);
  await expect.poll(() => marks('effect'), { timeout: 15_000 }).toEqual(['of seen', 'of lost']);
});
