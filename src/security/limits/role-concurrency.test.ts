import { describe, expect, it } from 'vitest';
import { fc } from '../../../test/properties.ts';
import { byRole } from '../../core/access.ts';
import { Body } from '../../core/body.ts';
import { Dispatcher } from '../../core/dispatch.ts';
import { PlatformError } from '../../core/errors.ts';
import type { Operation, Principal, Result } from '../../core/operation.ts';
import { Role } from '../../core/role.ts';
import type { Service } from '../../core/service.ts';
import { CallLimits } from './call-limits.ts';
import { callOf, userOf } from './limits-fixture.ts';
import { RoleConcurrency } from './role-concurrency.ts';

const grant = {
  ...{ id: 1, serviceId: null, service: null, component: '*', verbMask: 31, requestorMask: 3 },
  ...{ filters: [], filterOp: 'AND', fields: [], createdDate: '', lastModifiedDate: '' },
  ...{ createdById: null, lastModifiedById: null },
};

const roleOf = (maxConcurrency: number | null, id = 1) =>
  new Role({ id, name: 'few', isActive: true, grants: [grant], maxConcurrency });

const ok: Result = { status: 200, headers: {}, body: Body.ofValue([]) };

/** A dispatcher whose service does what the test says, under limits of concurrency alone. */
function house(handle: Service['handle']) {
  const concurrency = new RoleConcurrency();
  const service: Service = {
    ...{ name: 'db', type: 'test', describe: () => [], handle },
    locate: () => ({ component: '_table/todo', events: [] }),
  };
  const dispatcher = new Dispatcher({
    services: { find: () => service, list: () => [service] },
    access: byRole,
    callLimits: new CallLimits({ rates: { take: () => undefined }, concurrency }),
    scripts: { generation: 1, plan: () => undefined },
    observe: () => undefined,
  });
  const ask = (principal: Principal, over: Partial<Operation> = {}) =>
    dispatcher.dispatch(callOf(principal, over), 'texts');
  return { ask, concurrency };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function streamed(close: () => void): Result {
  const portions = (async function* () {
    yield ['{}'];
  })();
  return { ...ok, body: undefined, stream: { form: 'texts', portions, meta: async () => undefined, close } };
}

describe('the operations of a role at the same time', () => {
  it('are refused at once beyond its bound, and let in again when one is over', async () => {
    const ends: (() => void)[] = [];
    const { ask, concurrency } = house(() => new Promise((resolve) => ends.push(() => resolve(ok))));
    const user = userOf(1, 1, { role: roleOf(2) });
    const running = [ask(user), ask(user)];
    const refused = await ask(user);
    expect(refused).toMatchObject({ status: 429, headers: { 'Retry-After': '1' } });
    expect(refused.body?.text).toContain("The role 'few' allows 2 requests at the same time");
    await turn();
    expect(ends).toHaveLength(2);
    ends.shift()?.();
    await running[0];
    const next = ask(user);
    await turn();
    expect(concurrency.busy(1)).toBe(2);
    for (const end of ends) end();
    expect((await Promise.all([running[1], next])).map((result) => result?.status)).toEqual([200, 200]);
    expect(concurrency.busy(1)).toBe(0);
  });

  it('are counted by role, not by user; other roles and administrators are let in', async () => {
    const ends: (() => void)[] = [];
    const { ask } = house(() => new Promise((resolve) => ends.push(() => resolve(ok))));
    const role = roleOf(1);
    const running = [ask(userOf(1, 1, { role }))];
    expect((await ask(userOf(2, 1, { role }))).status).toBe(429);
    running.push(ask(userOf(3, 2, { role: roleOf(1, 2) })), ask(userOf(4, 3, { role: roleOf(null, 3) })));
    running.push(ask(userOf(5, 1, { role, isAdmin: true })));
    await turn();
    expect(ends).toHaveLength(4);
    for (const end of ends) end();
    await Promise.all(running);
  });

  it('do not count what scripts ask for inside them, which would wait for itself', async () => {
    const { ask, concurrency } = house(async (_operation, _location, context) => {
      const inner = { service: 'db', path: [], action: 'GET', uri: '/', request: callOf(userOf(1)).request };
      return _operation.depth === 0 ? context.call(inner as never, 'script') : ok;
    });
    expect((await ask(userOf(1, 1, { role: roleOf(1) }))).status).toBe(200);
    expect(concurrency.busy(1)).toBe(0);
  });

  it('do not begin for who is refused access', async () => {
    const { ask, concurrency } = house(() => ok);
    const role = new Role({ id: 1, name: 'none', isActive: true, grants: [], maxConcurrency: 1 });
    expect((await ask(userOf(1, 1, { role }))).status).toBe(403);
    expect(concurrency.busy(1)).toBe(0);
  });

  it('last as long as a stream is read, and end when it is closed, however often', async () => {
    let closed = 0;
    const { ask, concurrency } = house(() => streamed(() => closed++));
    const user = userOf(1, 1, { role: roleOf(1) });
    const { stream } = await ask(user);
    expect(concurrency.busy(1)).toBe(1);
    for await (const portion of stream?.portions ?? []) expect(portion).toEqual(['{}']);
    expect((await ask(user)).status).toBe(429);
    stream?.close();
    stream?.close();
    expect(closed).toBe(2);
    expect(concurrency.busy(1)).toBe(0);
    expect((await ask(user)).stream).toBeDefined();
    expect((await ask(user)).status).toBe(429);
  });

  it('give their place back when counting refuses them', async () => {
    const concurrency = new RoleConcurrency();
    const refusal = new PlatformError('limit.exceeded', 'no');
    const limits = new CallLimits({ rates: { take: () => Promise.reject(refusal) }, concurrency });
    const call = callOf(userOf(1, 1, { role: roleOf(1) }));
    await expect(limits.take(call, { component: '', events: [] })).rejects.toBe(refusal);
    expect(concurrency.busy(1)).toBe(0);
  });

  it('come back to zero whatever happens, and are never more than the bound', async () => {
    const outcomes = fc.constantFrom('at once', 'later', 'throws', 'rejects', 'foreign', 'stream', 'timeout');
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcomes, { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        async (all, most) => {
          let busy = 0;
          let highest = 0;
          const { ask, concurrency } = house((operation) => {
            highest = Math.max(highest, ++busy);
            const outcome = operation.uri;
            if (outcome !== 'stream') void Promise.resolve().then(() => busy--);
            if (outcome === 'at once') return ok;
            if (outcome === 'stream') return streamed(() => busy--);
            if (outcome === 'throws') throw new PlatformError('request.not_found', 'no');
            if (outcome === 'foreign') throw new TypeError('boom');
            if (outcome === 'timeout') {
              return turn().then(() => Promise.reject(new PlatformError('script.timeout', 'too long')));
            }
            return turn().then(() => (outcome === 'later' ? ok : Promise.reject(new Error('no'))));
          });
          const user = userOf(1, 1, { role: roleOf(most) });
          const results = await Promise.all(all.map((uri) => ask(user, { uri })));
          expect(highest).toBeLessThanOrEqual(most);
          for (const { stream } of results) stream?.close();
          expect(concurrency.busy(1)).toBe(0);
        },
      ),
    );
  });
});
