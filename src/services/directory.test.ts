// The directory of services: finding, replacing while in use, and answering for what cannot be used.
import { describe, expect, it } from 'vitest';
import { Body } from '../core/body.ts';
import type { Observation } from '../core/observe.ts';
import { anonymous, type Operation, type Result } from '../core/operation.ts';
import type { CallContext, Location, Service, ServiceSettings, ServiceType } from '../core/service.ts';
import type { ServiceRecord } from '../core/store.ts';
import { Services } from './directory.ts';

/** A service whose operations wait until the test lets them go on. */
class GatedService implements Service {
  readonly name: string;
  readonly type = 'gated';
  readonly settings: ServiceSettings;
  readonly location: Location = { component: '', events: [] };
  closed = 0;
  #open: () => void = () => undefined;
  readonly #gate = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  constructor(settings: ServiceSettings) {
    this.name = settings.name;
    this.settings = settings;
  }

  locate(path: readonly string[]): Location | undefined {
    return path[0] === 'gone' ? undefined : this.location;
  }

  handle(operation: Operation): Promise<Result> | Result {
    const result = { status: 200, headers: {}, body: Body.ofValue(this.settings.label) };
    if (operation.path[0] === 'fails') throw new Error('failed');
    return operation.path[0] === 'waits' ? this.#gate.then(() => result) : result;
  }

  describe(): [] {
    return [];
  }

  test(): void {
    if (this.settings.config.password === 'wrong') throw new Error('refused by the source');
  }

  close(): void {
    this.closed++;
  }

  letGo(): void {
    this.#open();
  }
}

const secrets = {
  seal: (text: string, place: string) => `sealed:${place}:${text.split('').reverse().join('')}`,
  open: (sealed: string, place: string) => {
    if (!sealed.startsWith(`sealed:${place}:`)) throw new Error('sealed for another place');
    return sealed.slice(`sealed:${place}:`.length).split('').reverse().join('');
  },
};

function setUp() {
  const made: GatedService[] = [];
  const observations: Observation[] = [];
  const common = { label: '', description: '', required: false, default: null };
  const type: ServiceType = {
    name: 'gated',
    label: 'Gated',
    description: '',
    group: 'Test',
    singleton: false,
    config: [
      { ...common, name: 'database', type: 'string', required: true },
      { ...common, name: 'password', type: 'password', secret: true },
    ],
    create: (settings) => {
      const service = new GatedService(settings);
      made.push(service);
      return service;
    },
    prepare: ({ name, isActive, config }) => {
      if (config.database === 'refused')
        throw new Error(`${name} is refused${isActive ? ' while active' : ''}`);
      const { database } = config;
      return typeof database === 'string' ? { ...config, database: database.trim() } : config;
    },
    flaw: async ({ config }) =>
      config.database === 'odd' ? `odd, with ${String(config.password)}` : undefined,
  };
  const observe = (observation: Observation) => void observations.push(observation);
  const services = new Services({ types: [type], secrets, observe });
  return { services, made, observations };
}

const record = (name: string, more: Partial<ServiceRecord> = {}): ServiceRecord => ({
  id: 2,
  name,
  label: name,
  description: null,
  isActive: true,
  type: 'gated',
  mutable: true,
  deletable: true,
  config: { database: 'x' },
  document: null,
  createdDate: '2026-01-01T00:00:00.000Z',
  lastModifiedDate: '2026-01-01T00:00:00.000Z',
  createdById: null,
  lastModifiedById: null,
  ...more,
});

const context: CallContext = {
  call: () => Promise.reject(new Error('no inner calls here')),
  check: () => undefined,
};

function ask(service: Service, ...path: string[]): Promise<Result> | Result {
  const request = { parameters: {}, headers: {}, body: undefined };
  const door = {
    origin: 'http',
    requestor: 'api',
    principal: anonymous,
    depth: 0,
    apiVersion: '2.0',
  } as const;
  const operation: Operation = { service: service.name, path, action: 'GET', request, uri: '/', ...door };
  const location = service.locate(path, 'GET');
  if (location === undefined) throw new Error('no location');
  return service.handle(operation, location, context);
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('finding', () => {
  it('finds by name in any case and lists active ones in order', () => {
    const { services } = setUp();
    services.reload([record('hr'), record('crm'), record('off', { isActive: false })]);
    expect(services.find('hr').name).toBe('hr');
    expect(services.find('HR')).toBe(services.find('hr'));
    expect(services.list().map((service) => service.name)).toEqual(['hr', 'crm']);
  });

  it.each(['nope', '', '__proto__', 'constructor'])('refuses the unknown name %j', (name) => {
    const { services } = setUp();
    services.reload([record('hr')]);
    const expected = { kind: 'service.not_found', status: 404 };
    expect(() => services.find(name)).toThrow(expect.objectContaining(expected));
    expect(() => services.find(name)).toThrow(`Could not find a service with the name '${name}'.`);
  });

  it('refuses an inactive one', () => {
    const { services } = setUp();
    services.reload([record('off', { isActive: false })]);
    expect(() => services.find('off')).toThrow(expect.objectContaining({ kind: 'service.inactive' }));
  });
});

describe('making', () => {
  it('gives a type its settings complete and in clear', () => {
    const { services, made } = setUp();
    const config = services.prepare(
      { name: 'hr', type: 'gated', isActive: true, config: { database: 'y', password: 'pa55' } },
      undefined,
    );
    services.reload([record('hr', { id: 7, label: 'HR', config })]);
    const complete = { database: 'y', password: 'pa55' };
    expect(made[0]?.settings).toEqual({ id: 7, name: 'hr', label: 'HR', config: complete });
    expect(config.password).not.toContain('pa55');
  });

  it.each([
    ['a missing field', { config: {} }, 'service.invalid_config', 'config.database'],
    ['an unknown type', { type: 'nope' }, 'service.unknown_type', 'nope'],
    [
      'a secret of another server',
      { config: { database: 'x', password: 'zzz' } },
      'service.unavailable',
      'master key',
    ],
  ])('answers with the reason for %s, and the others go on', async (_what, change, kind, text) => {
    const { services, observations } = setUp();
    services.reload([record('bad', change), record('hr')]);
    const error = expect.objectContaining({ kind, message: expect.stringContaining(text) });
    expect(() => ask(services.find('bad'), 'anything')).toThrow(error);
    expect(observations).toMatchObject([{ kind: 'service.failed', service: 'bad' }]);
    expect((await ask(services.find('hr'))).status).toBe(200);
  });
});

describe('replacing', () => {
  it('keeps what did not change', () => {
    const { services, made } = setUp();
    services.reload([record('hr'), record('crm')]);
    const hr = services.find('hr');
    services.reload([
      record('hr', { lastModifiedDate: '2027-01-01T00:00:00.000Z' }),
      record('crm', { label: 'CRM' }),
    ]);
    expect(services.find('hr')).toBe(hr);
    expect(made.map((service) => service.settings.label)).toEqual(['hr', 'crm', 'CRM']);
  });

  it('makes anew what has another definition, or a definition that may tell another description', () => {
    const { services, made } = setUp();
    const document = { content: '{}', format: 0 };
    services.reload([record('hr', { document })]);
    services.reload([record('hr', { document, description: 'new' })]);
    services.reload([record('hr', { document: { ...document, format: 1 }, description: 'new' })]);
    services.reload([record('hr', { description: 'new' })]);
    services.reload([record('hr', { description: 'newer' })]);
    expect(made.map(({ settings }) => [settings.document?.format, settings.description])).toEqual([
      [0, undefined],
      [0, 'new'],
      [1, 'new'],
      [undefined, 'new'],
    ]);
  });

  it('closes at once what is idle: replaced, removed or switched off', async () => {
    const { services, made } = setUp();
    services.reload([record('a'), record('b'), record('c'), record('d')]);
    services.reload([record('a', { label: 'A' }), record('c', { isActive: false }), record('d')]);
    await settled();
    expect(made.map((service) => service.closed)).toEqual([1, 1, 1, 0, 0]);
  });

  it('lets running operations end before it closes', async () => {
    const { services, made } = setUp();
    services.reload([record('hr')]);
    const running = ask(services.find('hr'), 'waits');
    services.reload([record('hr', { label: 'new' })]);
    await settled();
    expect(made[0]?.closed).toBe(0);
    expect((await ask(services.find('hr'))).body?.value).toBe('new');
    made[0]?.letGo();
    expect((await running).body?.value).toBe('hr');
    await settled();
    expect(made[0]?.closed).toBe(1);
  });

  it('counts operations that fail, too', async () => {
    const { services, made } = setUp();
    services.reload([record('hr')]);
    expect(() => ask(services.find('hr'), 'fails')).toThrow('failed');
    services.reload([]);
    await settled();
    expect(made[0]?.closed).toBe(1);
  });

  it('passes an operation that comes late to the successor', async () => {
    const { services } = setUp();
    services.reload([record('hr')]);
    const old = services.find('hr');
    services.reload([record('hr', { label: 'new' })]);
    expect((await ask(old)).body?.value).toBe('new');
    services.reload([]);
    await expect(ask(old)).rejects.toThrow(expect.objectContaining({ kind: 'service.not_found' }));
  });

  it('closes everything in the end', async () => {
    const { services, made } = setUp();
    services.reload([record('a'), record('b')]);
    await services.close();
    expect(made.map((service) => service.closed)).toEqual([1, 1]);
    expect(services.list()).toEqual([]);
  });
});

describe('preparing a configuration', () => {
  const draft = (config: unknown, name = 'hr') => ({ name, type: 'gated', isActive: true, config });

  it('keeps what is not given, and the secret behind a mask', () => {
    const { services } = setUp();
    const config = services.prepare(draft({ database: 'x', password: 'pa55' }), undefined);
    const stored = record('hr', { config });
    const shown = services.show(stored);
    expect(shown).toEqual({ service_id: 2, database: 'x', password: '********' });
    expect(services.prepare(draft(shown), stored)).toEqual(config);
    expect(services.prepare(draft(undefined), stored)).toEqual(config);
    expect(services.prepare(draft({ password: null }), stored)).toEqual({ database: 'x', password: null });
  });

  it('seals anew under a new name', () => {
    const { services, made } = setUp();
    const config = services.prepare(draft({ database: 'x', password: 'pa55' }), undefined);
    const renamed = services.prepare(draft(undefined, 'people'), record('hr', { config }));
    services.reload([record('people', { config: renamed })]);
    expect(made[0]?.settings.config.password).toBe('pa55');
  });

  it('forgets the configuration of another type', () => {
    const { services } = setUp();
    expect(services.prepare(draft({}), record('hr', { type: 'other', config: { database: 'x' } }))).toEqual(
      {},
    );
  });

  it('is the last word of its type, which sees all that will be stored', () => {
    const { services } = setUp();
    expect(services.prepare(draft({ database: ' x ' }), undefined)).toEqual({ database: 'x' });
    const stored = record('hr', { config: { database: 'refused' } });
    expect(() => services.prepare(draft({ password: null }), stored)).toThrow('hr is refused while active');
    const inactive = { ...draft(undefined), isActive: false };
    expect(() => services.prepare(inactive, stored)).toThrow(/^hr is refused$/);
  });

  it('may be stored with a flaw, which its type tells from the settings in clear', async () => {
    const { services } = setUp();
    const config = services.prepare(draft({ database: 'odd', password: 'pa55' }), undefined);
    expect(await services.flaw(record('hr', { config }))).toBe('odd, with pa55');
    expect(await services.flaw(record('hr'))).toBeUndefined();
    expect(await services.flaw(record('hr', { type: 'nope' }))).toBeUndefined();
  });

  it('refuses an unknown type', () => {
    const { services } = setUp();
    const unknown = { ...draft({}), type: 'nope' };
    expect(() => services.prepare(unknown, undefined)).toThrow("There is no service type 'nope'");
  });
});

describe('testing', () => {
  it('tries a service of its own and closes it', async () => {
    const { services, made } = setUp();
    const good = services.prepare(
      { name: 'hr', type: 'gated', isActive: true, config: { database: 'x' } },
      undefined,
    );
    await expect(services.test(record('hr', { config: good }))).resolves.toBeUndefined();
    expect(made[0]?.closed).toBe(1);
    const config = { database: 'x', password: 'wrong' };
    const bad = services.prepare({ name: 'hr', type: 'gated', isActive: true, config }, undefined);
    await expect(services.test(record('hr', { config: bad }))).rejects.toThrow('refused by the source');
    expect(made[1]?.closed).toBe(1);
  });
});
