// What every service type must do, whatever it reaches. A type's test calls it with a factory in a few lines.
// Invariant: it looks at a service only as the path does: locate, handle, describe, close.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalog, PlatformError } from '../core/errors.ts';
import { type Action, actions, anonymous, type Operation, type Result } from '../core/operation.ts';
import type { CallContext, Endpoint, Service } from '../core/service.ts';

/** A service made for the suite, over a source of its own. */
export interface SuiteSubject {
  readonly service: Service;
  /** Releases what the source needs; the suite has closed the service by then. */
  cleanup(): Promise<void> | void;
}

/** A service type as the suite sees it. */
export interface SuiteOptions {
  readonly name: string;
  create(): Promise<SuiteSubject> | SuiteSubject;
  /** Texts that no answer or error may hold: passwords, paths, connection strings. */
  readonly secrets?: readonly string[];
  /** Values to fill `{placeholders}` with where describe() lists none, e.g. `{ id: '1' }`. */
  readonly samples?: Readonly<Record<string, string>>;
  /** Paths that exist in no source; default: one unlikely segment. */
  readonly unknownPaths?: readonly (readonly string[])[];
}

/**
 * Segments that tools and attackers send; each must end in a location, in undefined or in a PlatformError.
 */
const hostileSegments: readonly string[] = [
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  "x' OR '1'='1",
  'x"; DROP TABLE todo; --',
  '%00',
  'a\0b',
  '{id}',
  '*',
  '\u{1F600}',
  '\uD800',
  '\u202Eabc',
  'a'.repeat(5_000),
  '-1',
  '9'.repeat(40),
  'NaN',
  '<script>alert(1)</script>',
];

/** Declares the tests. Call it inside a test file. */
export function serviceTypeSuite(options: SuiteOptions): void {
  describe(`service type ${options.name}`, () => {
    let subject: SuiteSubject;
    beforeAll(async () => {
      subject = await options.create();
    });
    afterAll(async () => {
      await subject.service.close?.();
      await subject.cleanup();
    });
    const service = () => subject.service;
    describing(options, service);
    locating(options, service);
    handling(options, service);
    closing(options);
  });
}

function describing(options: SuiteOptions, service: () => Service): void {
  it('describes endpoints that it locates', async () => {
    const endpoints = await service().describe();
    expect(endpoints.length).toBeGreaterThan(0);
    for (const endpoint of endpoints) {
      expect(endpoint.summary).not.toBe('');
      expect(endpoint.actions.length, endpoint.pattern.join('/')).toBeGreaterThan(0);
      for (const action of endpoint.actions) {
        const path = filled(endpoint, options.samples ?? {});
        const location = service().locate(path, action);
        expect(location, `${action} ${path.join('/')}`).toBeDefined();
        expect(location?.events.length).toBeGreaterThan(0);
      }
    }
  });

  it('fires names of its own, in lower case verbs, generic before specific', async () => {
    for (const { path, action } of await everyCall(options, service())) {
      const names = service().locate(path, action)?.events ?? [];
      for (const { name } of names) {
        expect(name.startsWith(service().name.toLowerCase()), name).toBe(true);
        expect(name.endsWith(`.${action.toLowerCase()}`), name).toBe(true);
      }
      expect(new Set(names.map(({ name }) => name)).size).toBe(names.length);
    }
  });
}

function locating(options: SuiteOptions, service: () => Service): void {
  it('gives the same location for the same kind of request', async () => {
    for (const { path, action } of await everyCall(options, service())) {
      expect(service().locate([...path], action)).toBe(service().locate(path, action));
    }
  });

  it('does not know resources that do not exist', async () => {
    for (const path of options.unknownPaths ?? [['no_such_resource_here']]) {
      await expect(answer(service(), { path, action: 'GET' }), path.join('/')).resolves.toMatchObject({
        refused: 404,
      });
    }
  });

  it('meets hostile segments with a location or a refusal', async () => {
    const patterns = (await service().describe()).map(({ pattern }) => pattern);
    for (const segment of hostileSegments) {
      const paths = [[segment], [segment, segment], ...patterns.map((pattern) => hostile(pattern, segment))];
      for (const path of paths) expectCallersError(await answer(service(), { path, action: 'GET' }), options);
    }
  });
}

function handling(options: SuiteOptions, service: () => Service): void {
  it('answers at its root', async () => {
    const got = await answer(service(), { path: [], action: 'GET' });
    if (got.refused === undefined) expect(got.result?.status).toBe(200);
    else expect(got.refused).toBeLessThan(500);
  });

  it('refuses verbs that a resource does not have', async () => {
    const listed = new Map<string, Set<Action>>();
    for (const { path, action } of await everyCall(options, service())) {
      const known = listed.get(path.join('\0')) ?? new Set();
      listed.set(path.join('\0'), known.add(action));
    }
    for (const [key, known] of listed) {
      const path = key === '' ? [] : key.split('\0');
      for (const action of actions.filter((each) => !known.has(each))) {
        const got = await answer(service(), { path, action });
        expect([400, 404, 405], `${action} ${path.join('/')}`).toContain(got.refused);
        expectCallersError(got, options);
      }
    }
  });

  it('meets strange parameters and headers with an answer or a refusal', async () => {
    const strange = {
      filter: [{ a: "'" }],
      fields: { a: '1' },
      limit: '-1',
      offset: '1e9',
      order: null,
      ids: '\0',
      related: '__proto__',
    };
    for (const { path, action } of await everyCall(options, service())) {
      if (action !== 'GET') continue;
      for (const [name, value] of Object.entries(strange)) {
        expectCallersError(await answer(service(), { path, action, parameters: { [name]: value } }), options);
      }
    }
  });
}

function closing(options: SuiteOptions): void {
  it('closes twice, and closes without ever having been used', async () => {
    const { service, cleanup } = await options.create();
    await service.close?.();
    await service.close?.();
    await cleanup();
  });
}

interface Call {
  readonly path: readonly string[];
  readonly action: Action;
  readonly parameters?: Operation['request']['parameters'];
}

async function everyCall(options: SuiteOptions, service: Service): Promise<Call[]> {
  const endpoints = await service.describe();
  return endpoints.flatMap((endpoint) =>
    endpoint.actions.map((action) => ({ path: filled(endpoint, options.samples ?? {}), action })),
  );
}

function filled(endpoint: Endpoint, samples: Readonly<Record<string, string>>): string[] {
  return endpoint.pattern.map((segment) => {
    const name = /^\{(.+)\}$/.exec(segment)?.[1];
    if (name === undefined) return segment;
    return endpoint.parameters?.[name]?.[0] ?? samples[name] ?? '1';
  });
}

function hostile(pattern: readonly string[], segment: string): string[] {
  return pattern.map((part) => (part.startsWith('{') ? segment : part));
}

/** How a call ended: with a result or with the status of a refusal. */
interface Ending {
  readonly result?: Result;
  readonly refused?: number;
  readonly thrown?: unknown;
}

const noCalls: CallContext = {
  call: () => Promise.reject(new PlatformError('request.failed', 'The suite answers no inner calls.')),
  check: () => undefined,
};

// As the path does it: no location is a 404, an error is its status.
async function answer(service: Service, call: Call): Promise<Ending> {
  try {
    const location = service.locate(call.path, call.action);
    if (location === undefined) return { refused: 404 };
    const result = await service.handle(operation(service, call), location, noCalls);
    return { result };
  } catch (thrown) {
    return { refused: thrown instanceof PlatformError ? thrown.status : 599, thrown };
  }
}

function operation(service: Service, { path, action, parameters = {} }: Call): Operation {
  return {
    service: service.name,
    path,
    action,
    origin: 'http',
    requestor: 'api',
    principal: { ...anonymous, kind: 'system', isAdmin: true },
    depth: 0,
    request: { parameters, headers: {}, body: undefined },
    uri: `/api/v2/${service.name}/${path.join('/')}`,
    apiVersion: '2.0',
  };
}

function expectCallersError(ending: Ending, options: SuiteOptions): void {
  if (ending.result !== undefined) expectNoSecret(ending.result.body?.text ?? '', options);
  if (ending.thrown !== undefined) expect(ending.thrown).toBeInstanceOf(PlatformError);
  if (!(ending.thrown instanceof PlatformError)) return;
  expect(ending.thrown.kind in catalog).toBe(true);
  expect(ending.thrown.status, ending.thrown.message).toBeLessThan(500);
  expectNoSecret(ending.thrown.message, options);
  expect(ending.thrown.message).not.toMatch(/\bat \S+:\d+:\d+|node_modules|SQLITE_|\bselect .+ from\b/i);
}

function expectNoSecret(text: string, options: SuiteOptions): void {
  for (const secret of options.secrets ?? []) expect(text).not.toContain(secret);
}
