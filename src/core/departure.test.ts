// The path of operations that set off queued runs: when the service may keep them, when they are noted before,
// and what becomes of them when something fails.
import { describe, expect, it } from 'vitest';
import { byRole } from './access.ts';
import { Body } from './body.ts';
import { Dispatcher } from './dispatch.ts';
import { PlatformError } from './errors.ts';
import { type Action, anonymous, type Operation, type Result } from './operation.ts';
import type { Departure, Handoff } from './outbox.ts';
import type { ScriptPlan } from './script.ts';
import type { CallContext, Location, Service } from './service.ts';
import { TransactionScope } from './transaction.ts';

const admin = { ...anonymous, kind: 'user' as const, isAdmin: true };
const ok = (value: unknown): Result => ({ status: 200, headers: {}, body: Body.ofValue(value) });

function ask(action: Action, over: Partial<Operation> = {}): Operation {
  return {
    service: 'shop',
    path: ['orders'],
    action,
    origin: 'http',
    requestor: 'api',
    principal: admin,
    depth: 0,
    request: { parameters: {}, headers: {}, body: undefined },
    uri: '/api/v2/shop/orders',
    apiVersion: '2.0',
    ...over,
  };
}

interface House {
  readonly plan?: Partial<ScriptPlan>;
  readonly isQueued?: boolean;
  readonly keepsOutbox?: boolean;
  readonly handle?: (context: CallContext) => Result | Promise<Result>;
  readonly fails?: 'intend' | 'leave';
  readonly perform?: Service['perform'];
}

/** A service, scripts, and a way out that note what happens, in order. */
function house(given: House) {
  const { plan = {}, isQueued = true, keepsOutbox = false, handle = () => ok('own'), fails, perform } = given;
  const steps: string[] = [];
  const location: Location = { component: 'orders', events: [{ name: 'shop.orders.post', drop: 1 }] };
  const outbox = { due: async () => [], remove: async () => {}, trim: async () => 0 };
  const service: Service = {
    name: 'shop',
    type: 'shop',
    ...(keepsOutbox ? { outbox } : {}),
    perform,
    locate: () => location,
    handle: (_operation, _location, context) => {
      steps.push(context.departure === undefined ? 'handle' : 'handle and keep');
      return handle(context);
    },
    describe: () => [],
  };
  const away = () => new PlatformError('queue.unavailable', 'The queue is away.');
  const departure: Departure = {
    entry: () => ({ id: 'e', runs: [], pendingMs: 1 }),
    kept: () => void steps.push('kept'),
    intend: async () => {
      steps.push('intend');
      if (fails === 'intend') throw away();
    },
  };
  const handoff: Handoff = {
    departure,
    leave: async (result) => {
      steps.push(`leave ${result.status} ${JSON.stringify(result.body?.value)}`);
      if (fails === 'leave') throw away();
    },
  };
  const whole: ScriptPlan = {
    hasBefore: false,
    hasAfter: false,
    before: async () => {},
    after: async () => {},
    ...(isQueued ? { setOff: () => ({ runs: () => [] }) } : {}),
    ...plan,
  };
  const dispatcher = new Dispatcher({
    services: { find: () => service, list: () => [service] },
    access: byRole,
    scripts: { generation: 1, plan: () => whole },
    handoffs: { begin: () => handoff, send: async () => {}, check: () => {} },
    observe: () => {},
  });
  return { steps, dispatch: (operation: Operation) => dispatcher.dispatch(operation) };
}

describe('an operation with queued scripts', () => {
  it('lets a service that keeps an outbox keep them, and hands over the answer that it got', async () => {
    const { steps, dispatch } = house({ keepsOutbox: true });
    expect((await dispatch(ask('POST'))).body?.value).toBe('own');
    expect(steps).toEqual(['handle and keep', 'leave 200 "own"']);
  });

  it.each<Action>(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'notes a %s before it where nothing is kept',
    async (action) => {
      const { steps, dispatch } = house({});
      await dispatch(ask(action));
      expect(steps).toEqual(['intend', 'handle and keep', 'leave 200 "own"']);
    },
  );

  it('notes no read before', async () => {
    const { steps, dispatch } = house({});
    await dispatch(ask('GET'));
    expect(steps).toEqual(['handle and keep', 'leave 200 "own"']);
  });

  it('notes it in a transaction, too, unless it is a script, whose work may be undone with that', async () => {
    const inside = { transaction: new TransactionScope() };
    const plain = house({});
    await plain.dispatch(ask('POST', inside));
    expect(plain.steps).toEqual(['intend', 'handle and keep', 'leave 200 "own"']);
    const scripted = house({ perform: async () => ({ outcome: 'finished' }) });
    await scripted.dispatch(ask('POST', inside));
    expect(scripted.steps).toEqual(['handle and keep', 'leave 200 "own"']);
  });

  it('hands over what after scripts made of the answer', async () => {
    const plan: Partial<ScriptPlan> = {
      hasAfter: true,
      after: async (exchange) => {
        exchange.result = { ...ok('changed'), status: 203 };
      },
    };
    const { steps, dispatch } = house({ plan, keepsOutbox: true });
    expect((await dispatch(ask('POST'))).status).toBe(203);
    expect(steps.at(-1)).toBe('leave 203 "changed"');
  });

  it('hands over errors, too, and answers of before scripts, which write nothing', async () => {
    const failing = house({
      keepsOutbox: true,
      handle: () => {
        throw new PlatformError('request.conflict', 'Taken.');
      },
    });
    expect((await failing.dispatch(ask('POST'))).status).toBe(409);
    expect(failing.steps.at(-1)).toMatch(/^leave 409 .*Taken/);
    const plan: Partial<ScriptPlan> = {
      hasBefore: true,
      before: async (exchange) => {
        exchange.result = ok('short');
      },
    };
    const short = house({ plan });
    await short.dispatch(ask('POST'));
    expect(short.steps).toEqual(['leave 200 "short"']);
  });

  it('writes nothing when it cannot be noted', async () => {
    const { steps, dispatch } = house({ fails: 'intend' });
    expect((await dispatch(ask('POST'))).status).toBe(503);
    expect(steps).toEqual(['intend', expect.stringMatching(/^leave 503/)]);
  });

  it('says so when nothing keeps what it set off', async () => {
    const { dispatch } = house({ fails: 'leave' });
    const answer = await dispatch(ask('GET'));
    expect(answer.status).toBe(503);
    expect(answer.body?.value).toMatchObject({ error: { message: 'The queue is away.' } });
  });
});

describe('an operation without queued scripts', () => {
  it('has nothing to hand over', async () => {
    const { steps, dispatch } = house({ plan: { hasBefore: true }, isQueued: false });
    await dispatch(ask('POST'));
    expect(steps).toEqual(['handle']);
  });
});
