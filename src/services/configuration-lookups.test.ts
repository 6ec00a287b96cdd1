// Lookups in the configuration of services: what a service is made with, and what is shown of it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type House, openHouse } from './system/scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.services.close());

async function addLookup(name: string, value: string, more: object = {}): Promise<string> {
  const made = await house.ask('POST', 'lookup', { body: { resource: [{ name, value, ...more }] } });
  expect(made).toMatchObject({ status: 201 });
  return `lookup/${(made.body as { resource: { id: number }[] }).resource[0]?.id}`;
}

async function addEcho(config: object): Promise<string> {
  const made = await house.ask('POST', 'service', {
    body: { resource: [{ name: 'echo', type: 'echo', config }] },
  });
  expect(made).toMatchObject({ status: 201 });
  return `service/${(made.body as { resource: { id: number }[] }).resource[0]?.id}`;
}

const database = async () => ((await house.as('echo').ask('GET', '')).body as { database: unknown }).database;

describe('a configuration', () => {
  test.each([false, true])('names lookups, private ones too (%s)', async (isPrivate) => {
    await addLookup('db_name', 'payroll', { private: isPrivate });
    const path = await addEcho({ database: '/data/{db_name}.db {strtoupper(db_name)} {unknown}' });
    expect(await database()).toBe('/data/payroll.db PAYROLL {unknown}');
    const shown = await house.ask('GET', path);
    expect(shown).toMatchObject({
      body: { config: { database: '/data/{db_name}.db {strtoupper(db_name)} {unknown}' } },
    });
    // Written back, it still names them.
    await house.ask('PUT', path, { body: shown.body });
    expect(await house.ask('GET', path)).toMatchObject({
      body: { config: { database: expect.stringContaining('{db_name}') } },
    });
    expect(await database()).toContain('payroll');
  });

  test('follows its lookups when they are changed, removed and made', async () => {
    await addEcho({ database: '{db_name}' });
    expect(await database()).toBe('{db_name}');
    const path = await addLookup('db_name', 'one');
    expect(await database()).toBe('one');
    await house.ask('PATCH', path, { body: { value: 'two' } });
    expect(await database()).toBe('two');
    await house.ask('PATCH', path, { body: { value: 'three', private: true } });
    expect(await database()).toBe('three');
    await house.ask('PATCH', path, { body: { name: 'other' } });
    expect(await database()).toBe('{db_name}');
    await house.ask('DELETE', path);
    expect(await database()).toBe('{db_name}');
  });

  test('that names none is left alone when lookups change', async () => {
    const path = await addLookup('db_name', 'one');
    await addEcho({ database: 'fixed' });
    const before = house.services.find('echo');
    await house.ask('PATCH', path, { body: { value: 'two' } });
    expect(house.services.find('echo')).toBe(before);
  });

  test('has the lookups of the system, never those of an app, a role or a user', async () => {
    const lookups = { lookup_by_role_id: [{ name: 'db_name', value: 'of the role' }] };
    await house.ask('POST', 'role', { body: { resource: [{ name: 'r', ...lookups }] } });
    await addEcho({ database: '{db_name} {user.email} {session.token} {app.api_key}' });
    expect(await database()).toBe('{db_name} {user.email} {session.token} {app.api_key}');
  });

  test('with a secret that names a lookup is masked as ever', async () => {
    await addLookup('word', 'CANARY', { private: true });
    const path = await addEcho({ database: 'x', password: '{word}' });
    expect(await house.ask('GET', path)).toMatchObject({ body: { config: { password: '********' } } });
    const record = (await house.store.services.list()).find(({ name }) => name === 'echo');
    expect(JSON.stringify(record)).not.toMatch(/CANARY|\{word\}/);
  });

  test('names lookups in place of numbers and choices, too', async () => {
    const path = await addLookup('page', '250');
    await addLookup('speed', 'slow');
    const service = await addEcho({ database: 'x', max_records: '{page}', mode: '{speed}' });
    expect(await database()).toBe('x');
    expect(await house.ask('GET', service)).toMatchObject({
      body: { config: { max_records: '{page}', mode: '{speed}' } },
    });
    const message = "Field 'config.max_records' must be an integer.";
    for (const value of ['many', '2.5', '']) {
      await house.ask('PATCH', path, { body: { value } });
      const answer = await house.as('echo').ask('GET', '');
      expect(answer).toMatchObject({ status: 400, body: { error: { message } } });
    }
    await house.ask('PATCH', path, { body: { value: '10' } });
    expect(await database()).toBe('x');
    const refused = await house.ask('PATCH', service, {
      body: { config: { max_records: '{page} records' } },
    });
    expect(refused).toMatchObject({ status: 400, body: { error: { message } } });
  });

  test('is judged with its values when it is used, not when it is stored', async () => {
    await addLookup('mail_host', '169.254.169.254', { private: true });
    const config = { host: '{mail_host}', from_email: 'us@example.com' };
    const made = await house.ask('POST', 'service', {
      body: { resource: [{ name: 'email', type: 'smtp_email', config }] },
    });
    expect(made).toMatchObject({ status: 201 });
    const note = { to: 'bo@example.org', body_text: 'x' };
    const answer = await house.as('email').ask('POST', '', { body: note });
    expect(answer).toMatchObject({ status: 403 });
    expect(JSON.stringify(answer)).not.toContain('169.254');
    await addLookup('odd', 'no host at all, CANARY', { private: true });
    const id = (made.body as { resource: { id: number }[] }).resource[0]?.id;
    await house.ask('PATCH', `service/${id}`, { body: { config: { host: '{odd}' } } });
    const told = await house.as('email').ask('POST', '', { body: note });
    expect(told).toMatchObject({ status: 400 });
    expect(JSON.stringify([told, house.observations])).not.toContain('CANARY');
  });
});
