import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBeanstalkd } from '../../../test/beanstalkd-server.ts';
import { newRun } from '../../store/queue/fixture.ts';
import { type House, openHouse } from './scenario.ts';

let house: House;

beforeEach(async () => {
  house = await openHouse();
});

afterEach(() => house.store.close());

const broker = { name: 'mails', type: 'broker', config: { host: 'redis.example.com', password: 's3cret' } };

type Row = Record<string, unknown>;

async function make(over: Row = {}): Promise<Row> {
  const body = { resource: [{ ...broker, ...over }] };
  const made = await house.ask('POST', 'queue_connection?fields=*', { body });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return (made.body as { resource: [Row] }).resource[0];
}

const read = async (id = 1) => (await house.ask('GET', `queue_connection/${id}`)).body as Row;

const messageOf = (body: unknown) => JSON.stringify(body);

const queuedScript = (connection: string) => ({
  ...{ name: 'db.todo.post.queued', type: 'nodejs', isActive: true, content: 'return 1;' },
  ...{ config: { QUEUED_CONNECTION: connection }, allowEventModification: false, storageServiceId: null },
  ...{ storagePath: null, scmRepository: null, scmReference: null, runAsRoleId: null },
});

describe('a queue connection', () => {
  it('is made with its fields, and shows what is usual for its kind', async () => {
    expect(await make({ description: 'letters', default_queue: 'letters' })).toEqual({
      ...{ id: 1, name: 'mails', description: 'letters', type: 'broker', default_queue: 'letters' },
      config: { host: 'redis.example.com', port: 6379, password: '********' },
      ...{ is_active: true, is_default: false, created_by_id: 1, last_modified_by_id: null },
      ...{ created_date: expect.any(String), last_modified_date: expect.any(String) },
    });
    const plain = await make({ name: 'own', type: 'database', config: undefined });
    expect(plain).toMatchObject({ type: 'database', config: {}, default_queue: 'default' });
    expect(house.observations).toContainEqual({
      ...{ kind: 'config.changed', record: 'queue_connection/1', by: 1 },
    });
  });

  it('keeps its secret sealed, and under another name, too', async () => {
    await make();
    const [stored] = await house.store.queueConnections.list();
    expect(JSON.stringify(stored)).not.toContain('s3cret');
    const seal = String(stored?.config.password);
    expect(house.secrets.open(seal, 'queue_connection|mails|config.password')).toBe('"s3cret"');
    await house.ask('PATCH', 'queue_connection/1', { body: { name: 'letters' } });
    const renamed = String((await house.store.queueConnections.get(1))?.config.password);
    expect(house.secrets.open(renamed, 'queue_connection|letters|config.password')).toBe('"s3cret"');
    const { body } = await house.ask('GET', 'audit?fields=*');
    expect(messageOf(body)).not.toContain('s3cret');
  });

  it('keeps what is written back masked, and lets no secret go to another host', async () => {
    await make();
    const shown = (await read()).config as Row;
    const same = { config: { ...shown, port: 6380 } };
    expect((await house.ask('PATCH', 'queue_connection/1', { body: same })).status).toBe(200);
    expect((await read()).config).toEqual({ ...shown, port: 6380 });
    const moved = { config: { host: 'evil.example.com', password: '********' } };
    const refused = await house.ask('PATCH', 'queue_connection/1', { body: moved });
    expect(refused.status).toBe(400);
    expect(messageOf(refused.body)).toContain("'config.host' leads elsewhere");
    const complete = { config: { host: 'other.example.com', password: 'new' } };
    expect((await house.ask('PATCH', 'queue_connection/1', { body: complete })).status).toBe(200);
  });

  it('that becomes another kind keeps nothing of the first', async () => {
    await make();
    await house.ask('PATCH', 'queue_connection/1', { body: { type: 'database' } });
    expect((await house.store.queueConnections.get(1))?.config).toEqual({});
    const lacking = await house.ask('PATCH', 'queue_connection/1', { body: { type: 'broker' } });
    expect(lacking.status).toBe(400);
    expect(messageOf(lacking.body)).toContain("'config.host' is missing");
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'with space' }, 'name'],
    [{ name: '_hidden' }, 'name'],
    [{ name: 'x'.repeat(65) }, 'name'],
    [{ name: 'sync' }, 'name'],
    [{ name: 'database' }, 'name'],
    [{ type: 'carrier-pigeon' }, 'type'],
    [{ type: 'toString' }, 'type'],
    [{ type: 5 }, 'type'],
    [{ default_queue: '' }, 'default_queue'],
    [{ default_queue: 'x'.repeat(65) }, 'default_queue'],
    [{ is_default: 'yes' }, 'is_default'],
    [{ is_active: 3 }, 'is_active'],
    [{ config: 'redis://' }, 'config'],
    [{ config: { host: 5 } }, 'config.host'],
    [{ config: { host: 'h', port: 'x' } }, 'config.port'],
    [{ config: {} }, 'config.host'],
    [{ type: 'redis', config: { port: 99_999 } }, 'config.port'],
    [{ type: 'redis', config: { url: 'http://s3cret' } }, 'config.url'],
    [{ type: 'beanstalkd', config: { host: 'not a host' } }, 'config.host'],
    [{ type: 'sqs', config: { key: 'AKIDEXAMPLE' } }, 'config.secret'],
  ])('refuses %j, naming the field', async (over, field) => {
    const refused = await house.ask('POST', 'queue_connection', { body: { ...broker, ...over } });
    expect(refused.status).toBe(400);
    expect(messageOf(refused.body)).toContain(`'${field}'`);
    expect(messageOf(refused.body)).not.toContain('s3cret');
    expect(await house.store.queueConnections.list()).toEqual([]);
  });

  it('needs a name of its own and a kind', async () => {
    for (const name of ['name', 'type']) {
      const refused = await house.ask('POST', 'queue_connection', { body: { ...broker, [name]: undefined } });
      expect(refused.status).toBe(400);
      expect(messageOf(refused.body)).toContain(`'${name}' is required`);
    }
    await make();
    expect((await house.ask('POST', 'queue_connection', { body: broker })).status).toBe(409);
  });

  it('may say more of one that is always there', async () => {
    const sync = { name: 'sync', type: 'sync', default_queue: 'now', is_default: true };
    expect(await make({ ...sync, config: {} })).toMatchObject(sync);
    const other = await house.ask('PATCH', 'queue_connection/1', { body: { type: 'database' } });
    expect(other.status).toBe(400);
  });
});

describe('a connection to a broker', () => {
  const reply = (method: 'POST' | 'PATCH', path: string, body: unknown) =>
    house.reply(method, path, { body });

  afterEach(() => house.queues.close());

  it('that does not answer is stored with a warning, and without where it answers', async () => {
    const broker = await startBeanstalkd();
    const own = { name: 'tubes', type: 'beanstalkd', config: { port: broker.port } };
    const stored = await reply('POST', 'queue_connection', own);
    expect([stored.status, stored.headers?.['X-Tenon-Warning']]).toEqual([201, undefined]);
    await broker.stop();
    const changed = await reply('PATCH', 'queue_connection/1', { description: 'gone' });
    expect(changed.status).toBe(200);
    expect(changed.headers?.['X-Tenon-Warning']).toMatch(
      /^Stored, but the broker cannot be reached of 'tubes' \(.+\)\. Runs are kept;/,
    );
    const off = await reply('PATCH', 'queue_connection/1', { is_active: false });
    expect(off.headers?.['X-Tenon-Warning']).toBeUndefined();
    expect(house.queues.names()).not.toContain('tubes');
  });

  it('keeps its secret, also where it is changed in part', async () => {
    const config = { key: 'AKIDEXAMPLE', secret: 's3cret', endpoint: 'http://127.0.0.1:1' };
    const made = await house.ask('POST', 'queue_connection', {
      body: { name: 'cloud', type: 'sqs', config },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const changed = await reply('PATCH', 'queue_connection/1', { config: { suffix: '-production' } });
    expect(changed.status).toBe(200);
    expect(String(changed.headers?.['X-Tenon-Warning'])).not.toContain('s3cret');
    expect((await read()).config).toMatchObject({ ...config, secret: '********', suffix: '-production' });
    const lacking = await reply('PATCH', 'queue_connection/1', { config: { key: '' } });
    expect(lacking.status).toBe(400);
    expect(messageOf(lacking.body?.value)).toContain("'config.key'");
  });
});

describe('the default connection', () => {
  it('is one at most', async () => {
    await make({ is_default: true });
    await make({ name: 'second', is_default: true });
    await make({ name: 'third' });
    const defaults = async () =>
      (await house.store.queueConnections.list())
        .filter(({ isDefault }) => isDefault)
        .map(({ name }) => name);
    expect(await defaults()).toEqual(['second']);
    await house.ask('PATCH', 'queue_connection/3', { body: { is_default: true } });
    expect(await defaults()).toEqual(['third']);
    await house.ask('PATCH', 'queue_connection/3', { body: { description: 'x' } });
    expect(await defaults()).toEqual(['third']);
    await house.ask('PATCH', 'queue_connection/3', { body: { is_default: false } });
    expect(await defaults()).toEqual([]);
  });
});

describe('a connection that is needed', () => {
  const remove = (query = '') => house.ask('DELETE', `queue_connection/1${query}`);
  const rename = (query = '') =>
    house.ask('PATCH', `queue_connection/1${query}`, { body: { name: 'letters' } });

  it('by a script stays under its name unless somebody insists', async () => {
    await make();
    await house.store.eventScripts.create(queuedScript('mails'), null);
    for (const refused of [await remove(), await rename()]) {
      expect(refused.status).toBe(409);
      expect(messageOf(refused.body)).toContain("used by script 'db.todo.post.queued'");
    }
    expect((await house.ask('PATCH', 'queue_connection/1', { body: { is_active: false } })).status).toBe(200);
    expect((await rename('?force=true')).status).toBe(200);
    expect((await rename()).status).toBe(200);
    expect((await remove()).status).toBe(200);
  });

  it('by a service or by runs that wait is told so', async () => {
    await make();
    const service = { name: 'worker', label: 'W', type: 'echo', config: { database: 'x' } };
    await house.ask('POST', 'service', { body: service });
    const [record] = (await house.store.services.list()).filter(({ name }) => name === 'worker');
    const config = { ...record?.config, connection: 'mails' };
    await house.store.services.update(Number(record?.id), { config }, null);
    await house.store.queue.push([newRun('a', { connection: 'mails', queue: 'letters' })]);
    const refused = await remove();
    expect(refused.status).toBe(409);
    expect(messageOf(refused.body)).toContain("service 'worker', runs that wait in queue 'letters'.");
    expect((await remove('?force=true')).status).toBe(200);
    expect((await house.store.queue.get('a'))?.connection).toBe('mails');
  });

  it('by many names some, and how many more', async () => {
    await make();
    for (let at = 0; at < 12; at++) {
      const script = { ...queuedScript('mails'), name: `db.todo${at}.post.queued` };
      await house.store.eventScripts.create(script, null);
    }
    expect(messageOf((await remove()).body)).toContain('and 2 more.');
  });

  it('is gone without a word where another of its name is always there', async () => {
    await make({ name: 'sync', type: 'sync', config: {} });
    await house.store.eventScripts.create(queuedScript('sync'), null);
    expect((await remove()).status).toBe(200);
  });

  it('by nobody is removed, by a filter as well', async () => {
    await make();
    await make({ name: 'second' });
    await house.store.eventScripts.create(queuedScript('elsewhere'), null);
    expect((await house.ask('DELETE', 'queue_connection?filter=name%3Dsecond')).status).toBe(200);
    expect((await remove()).status).toBe(200);
    expect(await house.store.queueConnections.list()).toEqual([]);
  });
});
