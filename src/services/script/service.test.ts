// The types of scripted services: configuration, what is stored, and what is answered without the script.
import { describe, expect, it } from 'vitest';
import {
  anonymous,
  type Message,
  type Operation,
  type ParameterValue,
  type Requestor,
} from '../../core/operation.ts';
import type { CallContext, ServiceSettings, ServiceType } from '../../core/service.ts';
import { serviceTypeSuite } from '../suite.ts';
import { type PlannedHandlers, plannedHandlers, said } from './handler-fixture.ts';
import { scriptServiceTypes } from './index.ts';

const languages = [
  { name: 'nodejs', label: 'Node.js' },
  { name: 'php', label: 'PHP' },
];

function typeOf(handlers: PlannedHandlers = plannedHandlers()): ServiceType {
  const [type] = scriptServiceTypes(languages, handlers);
  if (type === undefined) throw new Error('no type was made');
  return type;
}

const settings = (config: object = {}, more: Partial<ServiceSettings> = {}): ServiceSettings => ({
  id: 5,
  name: 'math',
  label: 'Math',
  config: { content: 'return 1;', config: null, cache_ttl: 0, ...config },
  ...more,
});

const definition = {
  // All verbs lead to the script, whether or not they are documented.
  content: '{"paths":{"/orders/{id}":{"get":{},"post":{},"put":{},"patch":{},"delete":{}}}}',
  format: 0,
};

serviceTypeSuite({
  name: 'script',
  create: () => ({
    service: typeOf().create(settings({}, { document: definition })),
    cleanup: () => undefined,
  }),
  samples: { id: '7' },
  // Every path leads to the script.
  unknownPaths: [],
});

function open(config: object = {}, handlers: PlannedHandlers = plannedHandlers()) {
  const service = typeOf(handlers).create(settings(config));
  const requestors: (Requestor | undefined)[] = [];
  const context: CallContext = {
    call: async (_call, requestor) => {
      requestors.push(requestor);
      return said('called');
    },
    check: () => undefined,
  };
  const ask = async (over: Partial<Operation> = {}, message: Partial<Message> = {}) => {
    const request = { parameters: {}, headers: {}, body: undefined, ...message };
    const operation: Operation = { ...asked, request, ...over };
    const location = service.locate(operation.path, operation.action);
    if (location === undefined) throw new Error('nowhere');
    return (await service.handle(operation, location, context)).body?.value;
  };
  return { service, ask, handlers, requestors };
}

const asked: Omit<Operation, 'request'> = {
  service: 'math',
  path: [],
  action: 'GET',
  origin: 'http',
  requestor: 'api',
  principal: anonymous,
  depth: 0,
  uri: '/api/v2/math',
  apiVersion: '2.0',
};

describe('the types', () => {
  it('are one per language, in the group Script', () => {
    const types = scriptServiceTypes(languages, plannedHandlers());
    expect(types.map(({ name, label, group }) => [name, label, group])).toEqual([
      ['nodejs', 'Node.js', 'Script'],
      ['php', 'PHP', 'Script'],
    ]);
    expect(types[0]?.config.map((field) => field.name)).toEqual([
      'content',
      'config',
      'run_as_role_id',
      'queued',
      'implements_access_list',
      'cache_enabled',
      'cache_ttl',
      'storage_service_id',
      'storage_path',
      'scm_repository',
      'scm_reference',
    ]);
  });

  it('give the script its name, language and options', () => {
    const { handlers } = open({ config: { timeout_ms: 5 } });
    expect(handlers.made).toEqual([
      { name: 'service.math', language: 'nodejs', content: 'return 1;', config: { timeout_ms: 5 } },
    ]);
  });

  it.each([null, [], undefined])('take %j for no options', (config) => {
    expect(open({ config }).handlers.made[0]?.config).toEqual({});
  });
});

describe('what is stored', () => {
  const store = (config: object, isActive = true) =>
    typeOf().prepare?.({ name: 'math', isActive, config: { ...config } });

  it('is the text without what stands around it', () => {
    expect(store({ content: '\n\n  return 1;  \n', queued: false })).toEqual({
      content: 'return 1;',
      queued: false,
    });
    expect(store({ queued: false })).toEqual({ queued: false });
    expect(store({ content: null })).toEqual({ content: '' });
  });

  it('may be unreadable; whoever stores it is told', async () => {
    expect(store({ content: '(((' })).toEqual({ content: '(((' });
    expect(await typeOf().flaw?.(settings({ content: '(((' }))).toBe(
      "Script 'service.math' can not be loaded: too many “(” (line 1, column 3).",
    );
    expect(await typeOf().flaw?.(settings())).toBeUndefined();
  });

  it('may be linked or queued while it is inactive', () => {
    expect(() => store({ queued: true, storage_service_id: 3, storage_path: 'a.js' }, false)).not.toThrow();
    expect(() => store({ content: 'x', storage_service_id: 3 })).not.toThrow();
  });

  it.each([
    [{ content: 'forbidden' }, true, /It is forbidden/],
    [{ storage_service_id: 3 }, true, /'config\.content' is empty while 'math' is active: .* is linked/],
    [{ storage_path: 'a.js', content: ' ' }, true, /is linked/],
    [{ scm_repository: 'r' }, true, /is linked/],
    [{ cache_ttl: -1 }, false, /'config\.cache_ttl' must be from 0 to/],
    [{ cache_ttl: 1e9 }, false, /'config\.cache_ttl' must be from 0 to/],
  ])('is refused by name: %j', (config, isActive, message) => {
    expect(() => store(config, isActive)).toThrow(message);
    expect(() => store(config, isActive)).toThrow(expect.objectContaining({ status: 400 }));
  });

  it.each([
    { delay: 5, queue: 'high', connection: 'redis' },
    { QUEUED_DELAY: '5', QUEUED_QUEUE: 'high', QUEUED_CONNECTION: '' },
    { delay: null, other: [] },
  ])('takes options of the queue: %j', (config) => {
    expect(() => store({ config })).not.toThrow();
  });
});

describe('a call', () => {
  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const)(
    '%s of any path runs the script',
    async (action) => {
      const { ask, handlers } = open();
      for (const path of [[], ['a'], ['a', 'b', 'c']]) expect(await ask({ action, path })).toBe('ran');
      expect(handlers.asked.map(({ path }) => path.length)).toEqual([0, 1, 3]);
    },
  );

  it('lets the script call others as a script', async () => {
    const { service: name, path, action, uri } = asked;
    const request = { parameters: {}, headers: {}, body: undefined };
    const handlers = plannedHandlers((_operation, call) =>
      call({ service: name, path, action, uri, request }),
    );
    const { ask, requestors } = open({}, handlers);
    expect(await ask()).toBe('called');
    expect(requestors).toEqual(['script']);
  });

  it('can be tried: what can not be loaded is told', async () => {
    await expect(open({ content: '(((' }).service.test?.()).rejects.toThrow(/too many/);
    await expect(open().service.test?.()).resolves.toBeUndefined();
  });
});

describe('as_access_list', () => {
  it.each(['true', '1', '', null])('%j: is answered without the script', async (value) => {
    const { ask, handlers } = open();
    expect(await ask({}, { parameters: { as_access_list: value } })).toEqual({ resource: ['', '*'] });
    expect(handlers.asked).toEqual([]);
  });

  it.each<[string, object, Partial<Operation>, ParameterValue]>([
    ['when it is switched off', {}, {}, 'false'],
    ['when it is a map', {}, {}, { toString: '1' }],
    ['when it is a list', {}, {}, ['true']],
    ['when the script implements it', { implements_access_list: true }, {}, 'true'],
    ['when nothing is read', {}, { action: 'POST' }, 'true'],
  ])('is left to the script %s', async (_when, config, operation, value) => {
    const { ask } = open(config);
    expect(await ask(operation, { parameters: { as_access_list: value } })).toBe('ran');
  });
});

describe('kept answers', () => {
  const counting = () => {
    let runs = 0;
    return plannedHandlers(async () => said(++runs));
  };

  it('are given again until they are forgotten', async () => {
    const { ask, service } = open({ cache_enabled: true }, counting());
    expect([await ask(), await ask(), await ask({ path: ['a'] })]).toEqual([1, 1, 2]);
    service.refresh?.();
    expect(await ask()).toBe(3);
  });

  it.each([{}, { cache_enabled: false }, { cache_enabled: false, cache_ttl: 5 }])(
    'there are none: %j',
    async (config) => {
      const { ask } = open(config, counting());
      expect([await ask(), await ask()]).toEqual([1, 2]);
    },
  );
});
