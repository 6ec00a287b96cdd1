// Idempotency keys as a way to what others did, to more than a role shows, to old authority, or to a full disk.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LimitedWorld, startLimitedWorld } from '../limited-world.ts';
import type { Answer, Ask } from '../server.ts';

let world: LimitedWorld;

const people = '/api/v2/hr/_table/person';
const keyed = (key: string, ask: Ask = {}): Ask => ({
  ...{ method: 'POST', body: { resource: [{ name: 'Eve', salary: 7 }] } },
  ...ask,
  headers: { 'Idempotency-Key': key, ...ask.headers },
});
const isReplay = (answer: Answer) => answer.headers.get('idempotency-replayed') !== null;

beforeAll(async () => {
  world = await startLimitedWorld();
  await world.server.addDatabase(
    'hr',
    'create table person (id integer primary key, name text, salary integer);',
  );
});
afterAll(() => world.close());

function kept<Row>(sql: string): Row[] {
  const database = new Database(join(world.server.home, 'system.sqlite'), { readonly: true });
  try {
    return database.prepare(sql).all() as Row[];
  } finally {
    database.close();
  }
}

describe('a known key', () => {
  it('of an administrator gives nobody his answer', async () => {
    const asked = keyed('of the administrator');
    const own = await world.server.ask(`${people}?fields=*`, asked);
    expect(own.body.resource[0].salary).toBe(7);
    for (const ask of [world.app, world.user]) {
      const answer = await ask(`${people}?fields=*`, asked);
      expect([answer.status, isReplay(answer)]).toEqual([200, false]);
      expect(answer.body.resource[0].id).not.toBe(own.body.resource[0].id);
    }
    const stranger = await world.server.ask(people, { ...asked, anonymous: true });
    expect([stranger.status, isReplay(stranger)]).toEqual([400, false]);
  });

  it('shows no field that another role of the same user keeps back', async () => {
    const services = await world.server.ask("/api/v2/system/service?filter=name='hr'&fields=id");
    const role = await world.make('role', {
      name: 'narrow',
      role_service_access_by_role_id: [
        {
          ...{ service_id: services.body.resource[0].id, component: '_table/person' },
          ...{ verb_mask: 31, requestor_mask: 3, fields: [{ field: 'salary', access: 'hidden' }] },
        },
      ],
    });
    const app = await world.make('app', { name: 'narrow', role_id: role.id });
    const narrow = { 'X-DreamFactory-API-Key': app.api_key };
    const wide = await world.app(`${people}?fields=*`, keyed('two roles'));
    expect(wide.body.resource[0].salary).toBe(7);
    const other = await world.app(`${people}?fields=*`, keyed('two roles', { headers: narrow }));
    expect(other.text).not.toContain('salary');
    const path = `/api/v2/system/app/${app.id}`;
    const mine = await world.app(
      people,
      keyed('changed role', { headers: narrow, body: { resource: [{ name: 'x' }] } }),
    );
    expect(mine.status).toBe(200);
    await world.server.ask(path, { method: 'PATCH', body: { role_id: world.roleId } });
    const after = await world.app(
      people,
      keyed('changed role', { headers: narrow, body: { resource: [{ name: 'x' }] } }),
    );
    expect(after.status).toBe(422);
  });

  it('does not give access again that was taken away', async () => {
    const role = await world.make('role', {
      name: 'for a while',
      role_service_access_by_role_id: [
        { service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 },
      ],
    });
    const app = await world.make('app', { name: 'for a while', role_id: role.id });
    const asked = keyed('for a while', { headers: { 'X-DreamFactory-API-Key': app.api_key } });
    expect((await world.app(people, asked)).status).toBe(200);
    expect(isReplay(await world.app(people, asked))).toBe(true);
    const row = { ...(await grantOf(role.id)), verb_mask: 1 };
    const path = `/api/v2/system/role/${role.id}`;
    const body = { role_service_access_by_role_id: [row] };
    expect((await world.server.ask(path, { method: 'PATCH', body })).status).toBe(200);
    const refused = await world.app(people, asked);
    expect([refused.status, isReplay(refused)]).toEqual([401, false]);
  });

  it('gives back a session that was opened with it, but no access that ended with that', async () => {
    const account = { email: 'ann@example.com', password: 'ann is here now' };
    const login = keyed('a login', { body: account, anonymous: true });
    const path = '/api/v2/user/session';
    const first = await world.server.ask(path, login);
    const again = await world.server.ask(path, login);
    expect([again.body.session_token, isReplay(again)]).toEqual([first.body.session_token, true]);
    const wrong = { ...login, body: { ...account, password: 'not hers' } };
    const guess = await world.server.ask(path, wrong);
    expect([guess.status, guess.text.includes('session_token')]).toEqual([422, false]);
    const token = { 'X-DreamFactory-Session-Token': String(first.body.session_token) };
    expect((await world.server.ask(path, { anonymous: true, headers: token })).status).toBe(200);
    await world.server.ask(path, { method: 'DELETE', anonymous: true, headers: token });
    const old = (await world.server.ask(path, login)).body.session_token;
    const headers = { 'X-DreamFactory-Session-Token': String(old) };
    expect((await world.server.ask(path, { anonymous: true, headers })).status).toBe(403);
  });
});

describe('what is kept', () => {
  it('holds no key, no content and no token, in whichever encoding', async () => {
    const secrets = ['canary-key-4711', 'canary-name-4711', 'canary-token'];
    await world.server.ask(
      `${people}?fields=*`,
      keyed(secrets[0] ?? '', { body: { resource: [{ name: secrets[1] }] } }),
    );
    const rows = kept<Record<string, unknown>>('select * from idempotency_key');
    expect(rows.length).toBeGreaterThan(0);
    const texts = rows.flatMap((row) => [
      JSON.stringify(row),
      Buffer.from(String(row.answer), 'base64').toString('latin1'),
    ]);
    for (const text of [...texts, JSON.stringify(world.server.observations)]) {
      expect(text).not.toMatch(/canary|session_token|resource/);
    }
  });

  it('is not filled by strangers whose requests are refused', async () => {
    const count = () => kept('select id from idempotency_key').length;
    const before = count();
    for (let turn = 0; turn < 20; turn++) {
      const asked = keyed(`stranger ${turn}`, { anonymous: true, body: { email: 'x' } });
      const refused = await world.server.ask('/api/v2/user/session', asked);
      expect(refused.status).toBeGreaterThanOrEqual(400);
      await world.server.ask(people, asked);
      await world.server.ask('/api/v2/nowhere', asked);
    }
    expect(count()).toBe(before);
  });

  it('that somebody changed in the database is no answer', async () => {
    const asked = keyed('changed');
    expect((await world.app(people, asked)).status).toBe(200);
    const database = new Database(join(world.server.home, 'system.sqlite'));
    database.exec("update idempotency_key set answer = replace(answer, substr(answer, 9, 1), 'A')");
    database.close();
    const answer = await world.app(people, asked);
    expect([answer.status, isReplay(answer), answer.body.error.message]).toEqual([
      500,
      false,
      expect.stringContaining('key'),
    ]);
  });
});

async function grantOf(roleId: number): Promise<object> {
  const path = `/api/v2/system/role/${roleId}?related=role_service_access_by_role_id`;
  return (await world.server.ask(path)).body.role_service_access_by_role_id[0];
}
