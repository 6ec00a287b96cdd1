import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../core/operation.ts';
import { Role } from '../../core/role.ts';
import { type House, openHouse, principalOf } from './scenario.ts';

interface Limit {
  readonly id: number;
  readonly key_text: string;
}

let house: House;
let user: Principal;
let echo: number;

beforeEach(async () => {
  house = await openHouse();
  const service = { name: 'echo', label: 'Echo', type: 'echo', config: { database: 'x' } };
  echo = ((await house.ask('POST', 'service', { body: service })).body as { resource: [{ id: number }] })
    .resource[0].id;
  await house.ask('POST', 'role', { body: { name: 'reader' } });
  const person = { email: 'u@example.com', first_name: 'U', last_name: 'Ser' };
  await house.ask('POST', 'user', { body: person });
  const record = (await house.store.users.list()).find(({ email }) => email === person.email);
  if (record === undefined) throw new Error('no user');
  const grants = [{ ...grant, component: '*' }, grant];
  const role = new Role({ id: 1, name: 'reader', isActive: true, grants });
  user = { ...principalOf(record), role };
});

afterEach(() => house.store.close());

const grant = {
  ...{ id: 1, serviceId: null, service: null, component: '', verbMask: 31, requestorMask: 3 },
  ...{ filters: [], filterOp: 'AND', fields: [], createdDate: '', lastModifiedDate: '' },
  ...{ createdById: null, lastModifiedById: null },
};

const plain = { name: 'all', type: 'instance', rate: 2, period: 'minute' };

async function make(over: Record<string, unknown> = {}): Promise<Limit> {
  const made = await house.ask('POST', 'limit?fields=*', { body: { resource: [{ ...plain, ...over }] } });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return (made.body as { resource: [Limit] }).resource[0];
}

const asUser = (as: Principal = user) => house.as('echo').reply('GET', '', { principal: as });

async function statuses(times: number, as: Principal = user): Promise<number[]> {
  const found: number[] = [];
  for (let turn = 0; turn < times; turn++) found.push((await asUser(as)).status);
  return found;
}

describe('a limit', () => {
  it('is made with its fields, and composes its key text itself', async () => {
    expect(await make({ key_text: 'mine', description: 'few' })).toEqual({
      ...{ id: 1, ...plain, description: 'few', is_active: true, key_text: 'instance.minute' },
      ...{ user_id: null, role_id: null, service_id: null, endpoint: null, verb: null },
      ...{ created_date: expect.any(String), last_modified_date: expect.any(String) },
      ...{ created_by_id: 1, last_modified_by_id: null },
    });
  });

  it('of each type names what it needs', async () => {
    const ids = { user_id: 2, role_id: 1, service_id: echo, endpoint: '/_table/Todo/' };
    const types: Record<string, (keyof typeof ids)[]> = {
      instance: [],
      'instance.user': ['user_id'],
      'instance.each_user': [],
      'instance.role': ['role_id'],
      'instance.service': ['service_id'],
      'instance.user.service': ['user_id', 'service_id'],
      'instance.each_user.service': ['service_id'],
      'instance.service.endpoint': ['service_id', 'endpoint'],
      'instance.user.service.endpoint': ['user_id', 'service_id', 'endpoint'],
      'instance.each_user.service.endpoint': ['service_id', 'endpoint'],
    };
    for (const [type, needed] of Object.entries(types)) {
      const given = Object.fromEntries(needed.map((name) => [name, ids[name]]));
      for (const name of needed) {
        const lacking = { ...plain, name: type, type, ...given, [name]: null };
        const refused = await house.ask('POST', 'limit', { body: lacking });
        expect(refused.status).toBe(400);
        expect(JSON.stringify(refused.body)).toContain(`'${name}' is required in a limit of type '${type}'`);
      }
      for (const name of Object.keys(ids).filter((each) => !(needed as string[]).includes(each))) {
        const odd = { ...plain, name: type, type, ...given, [name]: ids[name as keyof typeof ids] };
        const refused = await house.ask('POST', 'limit', { body: odd });
        expect(refused.status).toBe(400);
        expect(JSON.stringify(refused.body)).toContain(`'${name}' has no meaning`);
      }
      await make({ name: type, type, ...given });
    }
    const listed = await house.ask('GET', 'limit?fields=key_text&order=id');
    expect((listed.body as { resource: Limit[] }).resource.map(({ key_text }) => key_text)).toEqual([
      'instance.minute',
      'instance.user:2.minute',
      'instance.each_user.minute',
      'instance.role:1.minute',
      `instance.service:${echo}.minute`,
      `instance.user:2.service:${echo}.minute`,
      `instance.each_user.service:${echo}.minute`,
      `instance.service:${echo}.endpoint:_table/todo.minute`,
      `instance.user:2.service:${echo}.endpoint:_table/todo.minute`,
      `instance.each_user.service:${echo}.endpoint:_table/todo.minute`,
    ]);
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(65) }, 'name'],
    [{ type: 'instance.app' }, 'type'],
    [{ type: 5 }, 'type'],
    [{ rate: 0 }, 'rate'],
    [{ rate: -1 }, 'rate'],
    [{ rate: 1.5 }, 'rate'],
    [{ rate: '5' }, 'rate'],
    [{ rate: 1e12 }, 'rate'],
    [{ rate: null }, 'rate'],
    [{ period: 'second' }, 'period'],
    [{ period: 'toString' }, 'period'],
    [{ verb: 'HEAD' }, 'verb'],
    [{ is_active: 'yes' }, 'is_active'],
    [{ type: 'instance.user', user_id: 99 }, 'user_id'],
    [{ type: 'instance.user', user_id: 1 }, 'user_id'],
    [{ type: 'instance.user', user_id: '2' }, 'user_id'],
    [{ type: 'instance.role', role_id: 99 }, 'role_id'],
    [{ type: 'instance.service', service_id: 99 }, 'service_id'],
    [{ type: 'instance.service.endpoint', service_id: 1, endpoint: '/' }, 'endpoint'],
    [{ type: 'instance.service.endpoint', service_id: 1, endpoint: 'a?b=c' }, 'endpoint'],
  ])('refuses %j, naming the field', async (over, field) => {
    const refused = await house.ask('POST', 'limit', { body: { ...plain, ...over } });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain(`'${field}'`);
    await make();
    expect((await house.ask('PATCH', 'limit/1', { body: over })).status).toBe(400);
  });

  it('needs a name, a type, a rate and a period', async () => {
    for (const name of ['name', 'type', 'rate', 'period']) {
      const refused = await house.ask('POST', 'limit', { body: { ...plain, [name]: undefined } });
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain(`'${name}' is required`);
    }
  });

  it('that counts what another counts is refused, naming that one; verb and period make it another', async () => {
    await make();
    const same = await house.ask('POST', 'limit', { body: { ...plain, name: 'again', rate: 9 } });
    expect(same.status).toBe(409);
    expect(JSON.stringify(same.body)).toContain("Limit 'all' counts the same already (instance.minute)");
    const named = await house.ask('POST', 'limit', { body: { ...plain, period: 'hour' } });
    expect(named.status).toBe(409);
    await make({ name: 'b', period: 'hour' });
    await make({ name: 'c', verb: 'post' });
    expect((await house.ask('PATCH', 'limit/2', { body: { period: 'minute' } })).status).toBe(409);
    expect((await house.ask('PATCH', 'limit/2', { body: { name: 'd' } })).status).toBe(200);
  });

  it('changes its type with what that needs; what it no longer needs is forgotten', async () => {
    await make({ type: 'instance.user', user_id: 2 });
    const lacking = await house.ask('PATCH', 'limit/1', { body: { type: 'instance.user.service' } });
    expect(lacking.status).toBe(400);
    const body = { type: 'instance.service', service_id: echo, verb: 'get' };
    expect(
      (await house.ask('PATCH', 'limit/1?fields=user_id,service_id,verb,key_text', { body })).body,
    ).toEqual({
      ...{ user_id: null, service_id: echo, verb: 'GET' },
      key_text: `instance.service:${echo}.verb:GET.minute`,
    });
  });

  it('goes with what it names', async () => {
    await make({ type: 'instance.service', service_id: echo });
    await house.ask('DELETE', `service/${echo}`);
    expect((await house.ask('GET', 'limit')).body).toEqual({ resource: [] });
  });

  it('is told to whoever watches', async () => {
    await make();
    expect(house.observations).toContainEqual({ kind: 'config.changed', record: 'limit/1', by: 1 });
  });
});

describe('calls', () => {
  it('are refused beyond the rate, with the headers and the context of the limit', async () => {
    await make();
    expect((await asUser()).headers).toMatchObject({
      ...{ 'X-RateLimit-Limit': '2', 'X-RateLimit-Remaining': '1' },
      'X-RateLimit-Reset': expect.stringMatching(/^\d{10}$/),
    });
    await asUser();
    const { status, body, headers } = await asUser();
    expect(status).toBe(429);
    expect(body?.value).toEqual({
      error: {
        ...{ code: 429, status_code: 429, message: 'API limit(s) exceeded. ' },
        context: [{ id: 1, ...plain, retry_after: expect.any(Number) }],
      },
    });
    expect(headers).toMatchObject({ 'X-RateLimit-Remaining': '0', 'Retry-After': expect.any(String) });
    expect(house.observations).toContainEqual(
      expect.objectContaining({ kind: 'operation.failed', service: 'echo' }),
    );
  });

  it('of administrators are not counted', async () => {
    await make();
    expect(await statuses(5, house.admin)).toEqual([200, 200, 200, 200, 200]);
    expect((await asUser(house.admin)).headers).toEqual({});
    expect(await statuses(3)).toEqual([200, 200, 429]);
  });

  it('that fail are counted and told what is left, too', async () => {
    await make();
    const failed = await house.reply('GET', 'admin/session', { principal: user });
    expect(failed.status).toBe(401);
    expect(failed.headers).toMatchObject({ 'X-RateLimit-Remaining': '1' });
  });

  it('to log in are limited as well', async () => {
    await make({ type: 'instance.each_user', rate: 1 });
    const { role: _none, ...nobody } = { ...user, user: undefined, kind: 'anonymous' as const };
    const principal = { ...nobody, role: null };
    const body = { email: 'u@example.com', password: 'wrong' };
    const login = () => house.ask('POST', 'admin/session', { principal, body, remoteAddress: '192.0.2.1' });
    expect([(await login()).status, (await login()).status]).toEqual([401, 429]);
  });

  it('are let through again when the limit is switched off or deleted', async () => {
    await make({ rate: 1 });
    expect(await statuses(2)).toEqual([200, 429]);
    await house.ask('PATCH', 'limit/1', { body: { is_active: false } });
    expect(await statuses(2)).toEqual([200, 200]);
    await house.ask('PATCH', 'limit/1', { body: { is_active: true } });
    expect(await statuses(1)).toEqual([429]);
    await house.ask('DELETE', 'limit/1');
    expect(await statuses(1)).toEqual([200]);
    await make({ rate: 1 });
    expect(await statuses(2)).toEqual([200, 429]);
  });

  it('that were counted for another period or caller say nothing of a limit that changed', async () => {
    await make({ rate: 1 });
    expect(await statuses(2)).toEqual([200, 429]);
    await house.ask('PATCH', 'limit/1?rollback=true', { body: { period: 'hour' } });
    expect(await statuses(2)).toEqual([200, 429]);
    await house.ask('PATCH', 'limit/1', { body: { rate: 2 } });
    expect(await statuses(2)).toEqual([429, 429]);
  });
});

describe('counters', () => {
  const cache = async (path = 'limit_cache') => (await house.ask('GET', path)).body;

  it('show how much of a limit is used up', async () => {
    await make({ rate: 5 });
    const unused = { id: 1, key: 'instance.minute', max: 5, attempts: 0, remaining: 5 };
    expect(await cache()).toEqual({ resource: [unused] });
    await statuses(3);
    expect(await cache()).toEqual({ resource: [{ ...unused, attempts: 3, remaining: 2 }] });
    await statuses(4);
    expect(await cache('limit_cache/1')).toEqual({ ...unused, attempts: 5, remaining: 0 });
    expect(await cache('limit_cache?fields=id,remaining&ids=1')).toEqual({
      resource: [{ id: 1, remaining: 0 }],
    });
  });

  it('are one per caller where each is counted', async () => {
    await make({ type: 'instance.each_user', rate: 5 });
    expect(await cache()).toEqual({ resource: [] });
    const unused = { id: 1, key: 'instance.each_user.minute', max: 5, attempts: 0, remaining: 5 };
    expect(await cache('limit_cache/1')).toEqual(unused);
    await statuses(2);
    await statuses(1, { ...user, kind: 'app', user: undefined, app: { id: 7, name: 'a', isActive: true } });
    const own = { id: 1, key: 'instance.user:2.minute', max: 5, attempts: 2, remaining: 3 };
    const ofApp = { id: 1, key: 'instance.app:7.minute', max: 5, attempts: 1, remaining: 4 };
    expect(await cache()).toEqual({ resource: [own, ofApp] });
    expect(await cache('limit_cache?filter=(attempts=1)')).toEqual({ resource: [ofApp] });
    expect(await cache('limit_cache/1')).toEqual(own);
  });

  it('come with their limits where that is asked for', async () => {
    await make({ rate: 5 });
    await make({ name: 'none', type: 'instance.each_user' });
    await statuses(1, { ...user, user: undefined, kind: 'anonymous' });
    const own = { id: 1, key: 'instance.minute', max: 5, attempts: 1, remaining: 4 };
    const inside = { id: 2, key: 'instance.address:inside.minute', max: 2, attempts: 1, remaining: 1 };
    expect(await cache('limit?fields=id&related=limit_cache_by_limit_id')).toEqual({
      resource: [
        { id: 1, limit_cache_by_limit_id: [own] },
        { id: 2, limit_cache_by_limit_id: [inside] },
      ],
    });
    const path = 'limit/1?fields=id&related=limit_cache_by_limit_id';
    const body = { limit_cache_by_limit_id: [{ id: 1, attempts: 0 }], description: 'x' };
    expect((await house.ask('PATCH', path, { body })).body).toEqual({
      id: 1,
      limit_cache_by_limit_id: [own],
    });
  });

  it('begin anew when they are deleted: one, some, or all', async () => {
    await make({ rate: 1 });
    await make({ name: 'each', type: 'instance.each_user', rate: 1 });
    for (const path of ['limit_cache/1', 'limit_cache?ids=1,2', 'limit_cache?allow_delete=true']) {
      expect(await statuses(2)).toEqual([200, 429]);
      expect((await house.ask('DELETE', path)).body).toEqual({ success: true });
      if (path.endsWith('/1')) await house.ask('DELETE', 'limit_cache/2');
    }
    expect(await statuses(2)).toEqual([200, 429]);
  });

  it('are not all deleted by mistake, and not looked for where there is no limit', async () => {
    await make({ rate: 1 });
    await statuses(1);
    for (const path of ['limit_cache', 'limit_cache?allow_delete=false', 'limit_cache?force=true']) {
      const refused = await house.ask('DELETE', path);
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain('allow_delete=true');
    }
    expect((await house.ask('DELETE', 'limit_cache', { body: { allow_delete: true } })).status).toBe(200);
    for (const action of ['GET', 'DELETE'] as const) {
      expect((await house.ask(action, 'limit_cache/9')).status).toBe(404);
      expect((await house.ask(action, 'limit_cache?ids=1,9')).status).toBe(404);
    }
    expect((await house.ask('POST', 'limit_cache', { body: {} })).status).toBe(400);
    expect((await house.ask('GET', 'limit_cache?fields=secret')).status).toBe(400);
  });
});
