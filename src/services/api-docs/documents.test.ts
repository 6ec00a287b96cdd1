// Descriptions are made once and kept for readers of the same rights, as long as services say the same.
import { describe, expect, it } from 'vitest';
import { PlatformError } from '../../core/errors.ts';
import { anonymous, type Principal } from '../../core/operation.ts';
import { Role } from '../../core/role.ts';
import type { Endpoint, Service } from '../../core/service.ts';
import type { ServiceRecord } from '../../core/store.ts';
import { Documents, type Reading, type Source } from './documents.ts';

const services = {
  find: (): never => {
    throw new PlatformError('service.not_found', 'none');
  },
};

const options = { format: 'json', isCompact: false, tables: undefined, refresh: false } as const;
const admin: Principal = { ...anonymous, kind: 'user', isAdmin: true };

class Shop implements Service {
  readonly name: string;
  readonly type = 'nodejs';
  described = 0;
  made = 0;
  isDown = false;
  endpoints: readonly Endpoint[];

  constructor(name = 'shop') {
    this.name = name;
    this.endpoints = this.list('a');
  }

  list(path: string): readonly Endpoint[] {
    const details = () => {
      this.made++;
      return [{ pattern: [path], actions: { GET: {} } }];
    };
    return [{ pattern: [path], actions: ['GET'], summary: path, details }];
  }

  locate(path: readonly string[]) {
    return { component: path.join('/'), events: [], isForRoles: path[0] === '_spec' };
  }

  handle(): never {
    throw new Error('nobody asks');
  }

  describe(): readonly Endpoint[] {
    this.described++;
    if (this.isDown) throw new PlatformError('service.unavailable', 'down');
    return this.endpoints;
  }
}

function source(service: Service, more: Partial<ServiceRecord> = {}): Source {
  const { name, type } = service;
  const stamps = { createdDate: '', lastModifiedDate: '', createdById: null, lastModifiedById: null };
  const flags = { isActive: true, mutable: true, deletable: true };
  const own = { id: 1, name, type, label: name, description: null, config: {}, document: null };
  return { service, record: { ...own, ...flags, ...stamps, ...more } };
}

const as = (principal: Principal, more: Partial<Reading['options']> = {}): Reading => ({
  principal,
  requestor: 'api',
  options: { ...options, ...more },
});

function holder(component: string): Principal {
  const grant = {
    ...{ id: 1, serviceId: 1, service: 'shop', component, verbMask: 31, requestorMask: 1 },
    ...{ filters: [], filterOp: 'AND', fields: [], createdDate: '', lastModifiedDate: '' },
    ...{ createdById: null, lastModifiedById: null },
  };
  const role = new Role({ id: 1, name: 'r', isActive: true, grants: [grant] });
  return { ...anonymous, kind: 'app', role, apiKey: 'k', app: { id: 1, name: 'a', isActive: true } };
}

const paths = (text: string) => Object.keys(JSON.parse(text).paths);

describe('a description', () => {
  it('is made once, also when many ask at the same time', async () => {
    const [documents, shop] = [new Documents({ services }), new Shop()];
    const many = Array.from({ length: 20 }, () => documents.ofService(source(shop), as(admin)));
    const texts = new Set((await Promise.all(many)).map(({ text }) => text));
    await documents.ofService(source(shop), as(admin));
    expect([texts.size, shop.made]).toEqual([1, 1]);
  });

  it('is made anew when the service says something else, or is called something else', async () => {
    const [documents, shop] = [new Documents({ services }), new Shop()];
    const first = await documents.ofService(source(shop), as(admin));
    shop.endpoints = shop.list('b');
    const second = await documents.ofService(source(shop), as(admin));
    expect([paths(first.text), paths(second.text)]).toEqual([
      ['/a', '/_spec'],
      ['/b', '/_spec'],
    ]);
    expect(second.etag).not.toBe(first.etag);
    const third = await documents.ofService(source(shop, { label: 'Other' }), as(admin));
    expect(JSON.parse(third.text).info.title).toBe('Other');
  });

  it('is kept for each set of rights apart', async () => {
    const [documents, shop] = [new Documents({ services }), new Shop()];
    await documents.ofService(source(shop), as(admin));
    const one = holder('a');
    await documents.ofService(source(shop), as(one));
    await documents.ofService(source(shop), as({ ...one, lookups: { open: { a: 'b' }, secret: {} } }));
    expect(shop.made).toBe(2);
    const refused = documents.ofService(
      source(shop),
      as({ ...one, app: { id: 1, name: 'a', isActive: false } }),
    );
    await expect(refused).rejects.toMatchObject({ kind: 'service.not_found' });
    await expect(documents.ofService(source(shop), { ...as(one), requestor: 'script' })).rejects.toThrow(
      'find',
    );
    await expect(documents.ofService(source(shop), as(holder('b')))).rejects.toThrow("'shop'");
  });

  it('is kept for each form apart, under the same tag as long as it is the same text', async () => {
    const [documents, shop] = [new Documents({ services }), new Shop()];
    const json = await documents.ofService(source(shop), as(admin));
    const yaml = await documents.ofService(source(shop), as(admin, { format: 'yaml' }));
    expect([yaml.text.slice(0, 8), yaml.etag === json.etag]).toEqual(['openapi:', false]);
    expect((await new Documents({ services }).ofService(source(shop), as(admin))).etag).toBe(json.etag);
  });

  it('that could not be made is asked for again', async () => {
    const [documents, shop] = [new Documents({ services }), new Shop()];
    shop.isDown = true;
    await expect(documents.ofService(source(shop), as(admin))).rejects.toThrow('down');
    shop.isDown = false;
    expect(paths((await documents.ofService(source(shop), as(admin))).text)).toEqual(['/a', '/_spec']);
  });
});

describe('a long description', () => {
  it('leaves others their turns while it is made', async () => {
    const shop = new Shop();
    const details = () =>
      Array.from({ length: 2_000 }, (_, index) => ({ pattern: [`p${index}`], actions: { GET: {} } }));
    shop.endpoints = [{ pattern: [], actions: ['GET'], summary: 's', details }];
    let turns = 0;
    let isOver = false;
    const turn = () => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const { text } = await new Documents({ services }).ofService(source(shop), as(admin));
    isOver = true;
    expect(paths(text)).toHaveLength(2_001);
    expect(turns).toBeGreaterThan(30);
  });
});

describe('the description of everything', () => {
  it('names what cannot be described, to those who may use it', async () => {
    const [documents, shop, other] = [new Documents({ services }), new Shop(), new Shop('other')];
    other.isDown = true;
    const all = [source(shop), source(other)];
    const told = JSON.parse((await documents.ofAll(all, as(admin))).text);
    expect(told.info.description).toMatch(/Not described, because not available now: other\.$/);
    expect(Object.keys(told.paths)).toEqual(['/shop/a', '/shop/_spec']);
    const hidden = JSON.parse((await documents.ofAll(all, as(holder('a')))).text);
    expect(hidden.info.description).not.toContain('other');
    other.isDown = false;
    const whole = JSON.parse((await documents.ofAll(all, as(admin))).text);
    expect(Object.keys(whole.paths)).toContain('/other/a');
  });

  it('has nothing of services that the reader may not use', async () => {
    const all = [source(new Shop()), source(new Shop('other'))];
    const told = JSON.parse((await new Documents({ services }).ofAll(all, as(holder('a')))).text);
    expect(Object.keys(told.paths)).toEqual(['/shop/a', '/shop/_spec']);
  });
});
