import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const canary = 'canary-3b9d';
const secret = { name: 'word', value: canary, private: true };
const make = (record: Record<string, unknown>) => house.ask('POST', 'lookup?fields=*', { body: record });
const stored = async () => (await house.store.lookups.list())[0];
const patch = (body: Record<string, unknown>) => house.ask('PATCH', 'lookup/1?fields=*', { body });

describe('a lookup', () => {
  it('has a name, a value and nothing private by default', async () => {
    const { status, body } = await make({ name: 'color', value: 'red', description: 'a color' });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      resource: [
        { id: 1, name: 'color', value: 'red', private: false, description: 'a color', script_visible: false },
      ],
    });
    const { body: changed } = await patch({ value: 7, name: 'hue' });
    expect(changed).toMatchObject({ name: 'hue', value: '7', description: 'a color' });
    expect((await house.ask('GET', "lookup?filter=name='hue'")).body).toMatchObject({
      resource: [{ id: 1 }],
    });
    expect((await house.ask('DELETE', 'lookup/1')).body).toEqual({ id: 1 });
    expect(await house.store.lookups.list()).toEqual([]);
  });

  it('that is private is sealed, and never answered or told', async () => {
    const answers = [
      await make(secret),
      await house.ask('GET', 'lookup'),
      await house.ask('GET', 'lookup/1'),
      await patch({ description: 'x' }),
      await house.ask('GET', `lookup?filter=value='${canary}'&fields=id`),
    ];
    expect((await stored())?.value).toMatch(/^tenon:1:/);
    expect(JSON.stringify([answers, house.observations])).not.toContain(canary);
    expect(answers[2]?.body).toMatchObject({ value: '********', private: true });
    expect(answers[4]?.body).toEqual({ resource: [] });
  });

  it('written back with its mask keeps its value, under a new name, too', async () => {
    await make(secret);
    const { body } = await house.ask('GET', 'lookup/1');
    await patch({ ...(body as Record<string, unknown>), name: 'other' });
    await patch({ script_visible: true });
    const { name = '', value = '' } = (await stored()) ?? {};
    expect(house.secrets.open(value, `lookup|system|${name}`)).toBe(canary);
    expect(() => house.secrets.open(value, 'lookup|system|word')).toThrow();
  });

  it('is made public only together with a new value', async () => {
    await make(secret);
    const { status, body } = await patch({ private: false });
    expect([status, body]).toMatchObject([400, { error: { message: expect.stringMatching(/new 'value'/) } }]);
    expect((await patch({ private: false, value: '********' })).status).toBe(400);
    expect((await patch({ private: false, value: 'known' })).body).toMatchObject({ value: 'known' });
  });

  it('is made private with the value it has', async () => {
    await make({ name: 'color', value: canary });
    expect((await patch({ private: true })).body).toMatchObject({ value: '********' });
    expect(house.secrets.open((await stored())?.value ?? '', 'lookup|system|color')).toBe(canary);
  });

  it.each([
    [{ value: 'x' }, 'name'],
    [{ name: '1st' }, 'name'],
    [{ name: 'a-b' }, 'name'],
    [{ name: 'a b' }, 'name'],
    [{ name: 'user.email' }, 'name'],
    [{ name: 'session.token' }, 'name'],
    [{ name: 'x'.repeat(65) }, 'name'],
    [{ name: 'a', value: {} }, 'value'],
    [{ name: 'a', value: ['x'] }, 'value'],
    [{ name: 'a', value: 'x'.repeat(10_001) }, 'value'],
    [{ name: 'a', private: 'maybe' }, 'private'],
    [{ name: 'a', script_visible: 'maybe' }, 'script_visible'],
  ])('refuses %j, naming the field', async (record, field) => {
    const { status, body } = await make(record);
    expect(status).toBe(400);
    expect((body as { error: { message: string } }).error.message).toContain(`'${field}'`);
  });

  it('has a name of its own among those of its owner', async () => {
    await make({ name: 'color', value: 'red' });
    expect(await make({ name: 'color', value: 'blue' })).toMatchObject({ status: 409 });
    const body = { name: 'reader', lookup_by_role_id: [{ name: 'color', value: 'blue' }] };
    expect((await house.ask('POST', 'role', { body })).status).toBe(201);
    expect((await house.ask('GET', 'lookup')).body).toMatchObject({ resource: [{ value: 'red' }] });
    expect((await house.ask('GET', 'lookup')).body).not.toMatchObject({ resource: [{}, {}] });
  });
});

describe('lookups inside other records', () => {
  it.each([
    ['role', { name: 'reader' }],
    ['app', { name: 'web' }],
    ['user', { email: 'uma@example.com' }],
  ])('of a %s are read, changed and removed with it', async (of, record) => {
    const list = `lookup_by_${of}_id`;
    const ask = (action: 'POST' | 'PATCH' | 'GET', path: string, body?: unknown) =>
      house.ask(action, `${path}?fields=id&related=${list}`, { body });
    const lookups = [secret, { name: 'color', value: 'red' }];
    const made = await ask('POST', of, { ...record, [list]: lookups });
    const id = (made.body as { resource: { id: number }[] }).resource[0]?.id;
    expect(made.body).toMatchObject({
      resource: [
        {
          [list]: [
            { id: 1, [`${of}_id`]: id, value: '********' },
            { id: 2, value: 'red' },
          ],
        },
      ],
    });
    expect((await ask('GET', `system/${of}`.slice(7))).body).toMatchObject({ resource: expect.any(Array) });
    const changed = await ask('PATCH', `${of}/${id}`, {
      [list]: [
        { id: 1, value: '********' },
        { id: 2, [`${of}_id`]: null },
      ],
    });
    expect(changed.body).toEqual({ id, [list]: [expect.objectContaining({ id: 1, name: 'word' })] });
    expect(house.secrets.open((await stored())?.value ?? '', `lookup|${of}:${id}|word`)).toBe(canary);
    expect((await house.ask('PATCH', 'lookup/1', { body: { value: 'x' } })).status).toBe(404);
    expect((await house.ask('DELETE', 'lookup/1')).status).toBe(404);
    await house.ask('DELETE', `${of}/${id}`);
    expect(await house.store.lookups.list()).toEqual([]);
  });
});

it('filters of system records name lookups as those of tables do', async () => {
  await house.ask('POST', 'lookup', { body: { resource: [{ name: 'blue', value: 'sky' }] } });
  await house.ask('POST', 'lookup', { body: { resource: [{ name: 'red', value: '{wanted}' }] } });
  const principal = { ...house.admin, lookups: { open: { wanted: 'blue' }, secret: { word: 'blue' } } };
  const found = async (filter: string) => {
    const answer = await house.ask('GET', 'lookup?fields=name', {
      principal,
      parameters: { filter, fields: 'name' },
    });
    return (answer.body as { resource: { name: string }[] }).resource.map(({ name }) => name);
  };
  expect(await found("name = '{wanted}'")).toEqual(['blue']);
  expect(await found("name = '{word}'")).toEqual([]);
  expect(await found('created_by_id = {user.id}')).toEqual(['blue', 'red']);
});
