import { describe, expect, test } from 'vitest';
import { byRole } from './access.ts';
import { Body } from './body.ts';
import { Dispatcher, errorResult } from './dispatch.ts';
import { PlatformError } from './errors.ts';
import { limits } from './limits.ts';
import type { Observation } from './observe.ts';
import {
  anonymous,
  type InnerCall,
  type Operation,
  type Principal,
  type Result,
  type UserView,
} from './operation.ts';
import { Role } from './role.ts';
import type { ScriptPlan } from './script.ts';
import type { CallContext, Location, Service } from './service.ts';

const admin: Principal = { ...anonymous, kind: 'user', isAdmin: true };
const message = { parameters: {}, headers: {}, body: undefined };
const ok = (value: unknown): Result => ({ status: 200, headers: {}, body: Body.ofValue(value) });

function ask(over: Partial<Operation> = {}): Operation {
  return {
    service: 'echo',
    path: ['thing'],
    action: 'GET',
    origin: 'http',
    requestor: 'api',
    principal: admin,
    depth: 0,
    request: message,
    uri: '/api/v2/echo/thing',
    apiVersion: '2.0',
    ...over,
  };
}

/** A house with one service that does `handle` and scripts that do what the test says; records what ran. */
function house(
  handle: (operation: Operation, context: CallContext) => Promise<Result> | Result,
  plan?: ScriptPlan,
  isPublic = false,
) {
  const ran: string[] = [];
  const seen: Observation[] = [];
  const location: Location = { component: 'thing', events: [{ name: 'echo.thing.get', drop: 1 }] };
  const entrance: Location = { ...location, isPublic };
  const service: Service = {
    name: 'echo',
    type: 'echo',
    locate: ([first, second]) =>
      first === 'thing' ? (second === undefined && isPublic ? entrance : location) : undefined,
    handle: (operation, _location, context) => {
      ran.push('handler');
      return handle(operation, context);
    },
    describe: () => [],
  };
  const scripts = {
    generation: 1,
    plans: 0,
    plan: () => {
      scripts.plans++;
      return plan;
    },
  };
  const dispatcher = new Dispatcher({
    services: {
      find: (name) => {
        if (name === 'echo') return service;
        throw new PlatformError('service.not_found', `Could not find a service with the name '${name}'.`);
      },
      list: () => [service],
    },
    access: byRole,
    scripts,
    observe: (observation) => seen.push(observation),
  });
  return { dispatcher, ran, seen, scripts };
}

/** A plan of steps that note themselves. */
function planOf(ran: () => string[], steps: Partial<Pick<ScriptPlan, 'before' | 'after'>>): ScriptPlan {
  return {
    hasBefore: steps.before !== undefined,
    hasAfter: steps.after !== undefined,
    before: async (exchange) => {
      ran().push('before');
      await steps.before?.(exchange);
    },
    after: async (exchange) => {
      ran().push('after');
      await steps.after?.(exchange);
    },
  };
}

describe('the path', () => {
  test('without scripts the handler answers', async () => {
    const { dispatcher, ran } = house(() => ok({ a: 1 }));
    const result = await dispatcher.dispatch(ask());
    expect(result.body?.value).toEqual({ a: 1 });
    expect(ran).toEqual(['handler']);
  });

  test('before, handler, after, in this order', async () => {
    let ran: string[] = [];
    const built = house(
      (operation) => ok(operation.request.parameters),
      planOf(() => ran, {
        before: async (exchange) => {
          exchange.request = { ...exchange.request, parameters: { limit: 1 } };
        },
        after: async (exchange) => {
          exchange.result = ok({ seen: exchange.result?.body?.value });
        },
      }),
    );
    ran = built.ran;
    const result = await built.dispatcher.dispatch(ask());
    expect(ran).toEqual(['before', 'handler', 'after']);
    expect(result.body?.value).toEqual({ seen: { limit: 1 } });
  });

  test.each<[string, { before?: true; after?: true }, unknown]>([
    ['without scripts', {}, 'texts'],
    ['with a script before', { before: true }, 'texts'],
    ['not with a script after, which needs a whole answer', { after: true }, undefined],
    ['not with both', { before: true, after: true }, undefined],
  ])('a service hears that its caller takes streams: %s', async (_what, { before, after }, expected) => {
    const heard: unknown[] = [];
    const handle = (_operation: Operation, context: CallContext) => {
      heard.push(context.streams);
      return ok(1);
    };
    const steps = {
      ...(before && { before: async () => undefined }),
      ...(after && { after: async () => undefined }),
    };
    const { dispatcher } = house(handle, before || after ? planOf(() => [], steps) : undefined);
    await dispatcher.dispatch(ask(), 'texts');
    await dispatcher.dispatch(ask());
    expect(heard).toEqual([expected, undefined]);
  });

  test('calls inside of an operation are answered whole', async () => {
    const heard: unknown[] = [];
    const { dispatcher } = house(async (operation, context) => {
      heard.push([operation.depth, context.streams]);
      const inner = { service: 'echo', path: ['thing'], action: 'GET', request: message, uri: '' } as const;
      return operation.depth < 2 ? context.call(inner) : ok(1);
    });
    await dispatcher.dispatch(ask(), 'values');
    expect(heard).toEqual([
      [0, 'values'],
      [1, undefined],
      [2, undefined],
    ]);
  });

  test('a before script that makes a result skips the handler; after scripts still run', async () => {
    let ran: string[] = [];
    const built = house(
      () => ok('never'),
      planOf(() => ran, {
        before: async (exchange) => {
          exchange.result = ok('short');
        },
        after: async () => undefined,
      }),
    );
    ran = built.ran;
    expect((await built.dispatcher.dispatch(ask())).body?.value).toBe('short');
    expect(ran).toEqual(['before', 'after']);
  });

  test('a before script that fails refuses the call, and after scripts see the error as a response', async () => {
    let ran: string[] = [];
    const statuses: (number | undefined)[] = [];
    const built = house(
      () => ok('never'),
      planOf(() => ran, {
        before: async () => {
          throw new PlatformError('script.not_loaded', 'Script can not be loaded.');
        },
        after: async (exchange) => {
          statuses.push(exchange.result?.status);
        },
      }),
    );
    ran = built.ran;
    const result = await built.dispatcher.dispatch(ask());
    expect(ran).toEqual(['before', 'after']);
    expect(statuses).toEqual([500]);
    expect(result.body?.value).toMatchObject({ error: { message: 'Script can not be loaded.' } });
  });

  test('an error of the handler is a result too, and is observed', async () => {
    const { dispatcher, seen } = house(() => {
      throw new Error('secret detail');
    });
    const result = await dispatcher.dispatch(ask());
    expect(result.status).toBe(500);
    expect(result.body?.text).not.toMatch(/secret/);
    expect(seen).toMatchObject([{ kind: 'operation.failed', service: 'echo', action: 'GET' }]);
  });

  test('access is checked before any script, and a refusal fires none', async () => {
    let ran: string[] = [];
    const built = house(
      () => ok(1),
      planOf(() => ran, { before: async () => undefined, after: async () => undefined }),
    );
    ran = built.ran;
    const result = await built.dispatcher.dispatch(ask({ principal: anonymous }));
    expect(result.status).toBe(400);
    expect(ran).toEqual([]);
  });

  test('a service may ask what its caller may do at other paths, and no script hears of it', async () => {
    const nobody = ask({ principal: anonymous });
    const { dispatcher, ran } = house((_operation, context) => {
      context.check(['thing', 'else'], 'DELETE');
      expect(() => context.check(['_proc'], 'GET')).toThrow("Resource '_proc' not found for service 'echo'.");
      return ok(1);
    });
    expect((await dispatcher.dispatch(ask())).status).toBe(200);
    expect(ran).toEqual(['handler']);
    const open = house(
      (_operation, context) => {
        context.check(['thing', 'else'], 'DELETE');
        return ok(1);
      },
      undefined,
      true,
    );
    expect((await open.dispatcher.dispatch(nobody)).status).toBe(400);
  });

  test('unknown services and resources are 404', async () => {
    const { dispatcher } = house(() => ok(1));
    expect((await dispatcher.dispatch(ask({ service: 'nope' }))).status).toBe(404);
    const missing = await dispatcher.dispatch(ask({ path: ['_proc'] }));
    expect(missing.body?.value).toMatchObject({
      error: { code: 404, message: "Resource '_proc' not found for service 'echo'." },
    });
  });

  test('the plan of a location is made once per generation of scripts', async () => {
    const { dispatcher, scripts } = house(() => ok(1));
    await dispatcher.dispatch(ask());
    await dispatcher.dispatch(ask());
    expect(scripts.plans).toBe(1);
    scripts.generation++;
    await dispatcher.dispatch(ask());
    expect(scripts.plans).toBe(2);
  });
});

describe('inner calls', () => {
  const again: InnerCall = {
    service: 'echo',
    path: ['thing'],
    action: 'GET',
    request: message,
    uri: 'echo/thing',
  };

  test('a call that asks for itself ends with 508 at depth 8', async () => {
    const depths: number[] = [];
    const { dispatcher } = house(async (operation, context) => {
      depths.push(operation.depth);
      return await context.call(again);
    });
    const result = await dispatcher.dispatch(ask());
    expect(result.status).toBe(508);
    expect(depths).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(depths.length - 1).toBe(limits.callDepth);
    expect(result.body?.value).toMatchObject({
      error: { message: expect.stringMatching(/deeper than 8 levels/) },
    });
  });

  test('calls of a service keep the requestor, calls of a script are marked', async () => {
    const requestors: string[] = [];
    const built = house(
      (operation) => {
        requestors.push(`${operation.origin}/${operation.requestor}/${operation.depth}`);
        return ok(1);
      },
      {
        hasBefore: true,
        hasAfter: false,
        before: async (exchange) => {
          if (exchange.operation.depth === 0) await exchange.call(again);
        },
        after: async () => undefined,
      },
    );
    await built.dispatcher.dispatch(ask());
    expect(requestors).toEqual(['script/script/1', 'http/api/0']);
  });

  test('a service whose script asks says so', async () => {
    const requestors: string[] = [];
    const built = house(async (operation, context) => {
      requestors.push(`${operation.origin}/${operation.requestor}/${operation.depth}`);
      return operation.depth === 0 ? await context.call(again, 'script') : ok(1);
    });
    await built.dispatcher.dispatch(ask());
    expect(requestors).toEqual(['http/api/0', 'script/script/1']);
  });

  test('an inner call acts for the same principal', async () => {
    const built = house(async (operation, context) =>
      operation.depth === 0 ? await context.call(again) : ok(operation.principal === admin),
    );
    expect((await built.dispatcher.dispatch(ask())).body?.value).toBe(true);
  });
});

describe('calls of a run that acts as somebody else', () => {
  const again: InnerCall = {
    ...{ service: 'echo', path: ['thing'], action: 'GET', request: message, uri: 'echo/thing' },
  };
  const grants = [{ id: 1, serviceId: null, service: null, component: '*', verbMask: 31, requestorMask: 3 }];
  const stamps = { createdDate: '', lastModifiedDate: '', createdById: null, lastModifiedById: null };
  const rest = { filters: [], filterOp: 'AND', fields: [], ...stamps };
  const role = new Role({
    ...{ id: 1, name: 'keeper', isActive: true },
    grants: grants.map((grant) => ({ ...grant, ...rest })),
  });
  const keeper: Principal = { ...anonymous, role };
  const elevation = { by: 'script x', to: 'role keeper' };
  const run = { id: 'r', acting: { principal: keeper, elevation } };

  /** What every level of a chain of calls saw; `next` makes the call of a level. */
  async function chain(next: (context: CallContext, depth: number) => Promise<Result> | undefined) {
    const seen: (string | undefined)[][] = [];
    const built = house(async (operation, context) => {
      const { principal, elevation: given } = operation;
      seen.push([principal === keeper ? 'keeper' : 'admin', given?.to, operation.remoteAddress]);
      return (await next(context, operation.depth)) ?? ok(1);
    });
    await built.dispatcher.dispatch(ask({ remoteAddress: '203.0.113.9' }));
    return seen;
  }

  const outside = ['admin', undefined, '203.0.113.9'];
  const elevated = ['keeper', 'role keeper', '203.0.113.9'];

  test('are made by that one, and so is what becomes of them', async () => {
    const seen = await chain((context, depth) => {
      if (depth === 0) return context.call(again, 'script', run);
      return depth < 3 ? context.call(again) : undefined;
    });
    expect(seen).toEqual([outside, elevated, elevated, elevated]);
  });

  test('stay with it when another run inside makes calls of its own', async () => {
    const seen = await chain((context, depth) => {
      if (depth === 0) return context.call(again, 'script', run);
      return depth === 1 ? context.call(again, 'script', { id: 'other' }) : undefined;
    });
    expect(seen).toEqual([outside, elevated, elevated]);
  });

  test('are not those of others: a service without a run asks as its caller', async () => {
    const seen = await chain((context, depth) => (depth === 0 ? context.call(again, 'script') : undefined));
    expect(seen).toEqual([outside, outside]);
  });

  test('do not count where somebody else was put in its place on the way', async () => {
    // As the system does for a mail: the run that set it off must not take its place again.
    const seen: string[] = [];
    const built = house(async (operation, context) => {
      seen.push(operation.principal === keeper ? 'keeper' : 'admin');
      return seen.length === 1 ? await context.call(again) : ok(1);
    });
    await built.dispatcher.dispatch(ask({ run, principal: admin }));
    expect(seen).toEqual(['admin', 'admin']);
  });

  test('are refused beyond its role, in words that name both', async () => {
    const built = house(async (operation, context) =>
      operation.depth === 0
        ? await context.call({ ...again, action: 'DELETE' }, 'script', {
            id: 'r',
            acting: { principal: { ...keeper, role: new Role({ ...role, grants: [] }) }, elevation },
          })
        : ok(1),
    );
    const { status, body } = await built.dispatcher.dispatch(ask());
    expect([status, body?.value]).toMatchObject([
      403,
      {
        error: {
          message: expect.stringContaining('not allowed by the role keeper, as which the script x runs'),
        },
      },
    ]);
  });
});

describe('refusals of spec §5.2', () => {
  const role = new Role({ id: 2, name: 'reader', isActive: true, grants: [] });
  const off = new Role({ ...role, isActive: false });
  const view = { id: 1, name: 'web', isActive: true };
  const app: Principal = { ...anonymous, kind: 'app', apiKey: 'k', app: view, role };
  const user: UserView = {
    id: 7,
    name: 'Uma',
    username: 'uma',
    displayName: 'Uma',
    firstName: 'Uma',
    lastName: '',
    email: 'uma@example.com',
    isAdmin: false,
    lastLogin: null,
  };
  test.each([
    ['nothing at all', anonymous, 400, /^No session token \(JWT\) or API Key detected/],
    ['an unknown key', { ...anonymous, apiKey: '0000' }, 400, /^No session token \(JWT\) provided/],
    ['a user without key and role', { ...anonymous, kind: 'user' as const }, 400, /^No API Key provided/],
    ['a key without role and user', { ...app, role: null }, 400, /^No session token \(JWT\) provided/],
    [
      'key and user without role',
      { ...app, kind: 'user' as const, user, role: null },
      403,
      /^Role not found/,
    ],
    [
      'an inactive role',
      { ...app, role: off },
      403,
      /^Access Forbidden\. The role assigned .* is not active/,
    ],
    [
      'an inactive app',
      { ...app, app: { ...view, isActive: false } },
      403,
      /the application itself is not active/,
    ],
    [
      'a role that does not allow it',
      { ...app, kind: 'user' as const, user },
      403,
      /^Access Forbidden\. GET access to component/,
    ],
    ['a role but nobody', app, 401, /^Unauthorized\. User is not authenticated\./],
  ])('%s', async (_name, principal, status, text) => {
    const { dispatcher } = house(() => ok(1));
    const result = await dispatcher.dispatch(ask({ principal }));
    expect(result.status).toBe(status);
    expect(result.body?.value).toMatchObject({ error: { message: expect.stringMatching(text) } });
  });

  test('an error without a cause is still an envelope', () => {
    expect(errorResult(undefined).body?.value).toMatchObject({ error: { code: 500, status_code: 500 } });
  });
});
