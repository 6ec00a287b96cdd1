import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigField } from '../../../core/service.ts';
import { type House, openHouse } from '../scenario.ts';
import { Names, referencesAmong, settingsAmong, UnknownName } from './names.ts';

let house: House;
let names: Names;

beforeAll(async () => {
  house = await openHouse();
  await house.ask('POST', 'role', { body: { resource: [{ name: 'one' }, { name: 'two' }] } });
  const config = { database: 'x' };
  await house.ask('POST', 'service', { body: { resource: [{ name: 'sales', type: 'echo', config }] } });
  names = await Names.read(house.store);
});

afterAll(() => house.store.close());

test('fields are references by how they end', () => {
  const fields = [
    'id',
    'role_id',
    'run_as_role_id',
    'client_id',
    'role',
    'storage_service_id',
    'template_id',
  ];
  expect(referencesAmong(fields)).toEqual([
    { field: 'role_id', member: 'role', to: 'role' },
    { field: 'run_as_role_id', member: 'run_as_role', to: 'role' },
    { field: 'storage_service_id', member: 'storage_service', to: 'service' },
    { field: 'template_id', member: 'template', to: 'template' },
  ]);
});

describe('names and ids', () => {
  const references = referencesAmong(['role_id', 'service_id']);

  test('stand for each other', () => {
    const named = names.withNames({ role_id: 2, service_id: null, other: 2 }, references);
    expect(named).toEqual({ role: 'two', service: null, other: 2 });
    expect(names.withIds(named, references)).toEqual({ role_id: 2, service_id: null, other: 2 });
  });

  test('what is gone has no name, and nothing else gets its place', () => {
    const named = names.withNames({ role_id: 99 }, references);
    expect(named).toEqual({ role: '?99' });
    expect(() => names.withIds(named, references)).toThrow(UnknownName);
  });

  test.each([['three'], [2], [true], [['two']], ['TWO']])('%j names no role', (role) => {
    expect(() => names.withIds({ role }, references)).toThrow(/Field 'role' names .* there is no such role/);
  });

  test('case says nothing in names of services', () => {
    expect(names.withIds({ service: 'SALES' }, references)).toEqual({ service_id: expect.any(Number) });
  });
});

test('settings that hold ids say so, also in objects', () => {
  const field = (name: string, over: Partial<ConfigField> = {}): ConfigField => ({
    ...{ name, label: name, description: '', type: 'object', required: false, default: null },
    ...over,
  });
  const settings = settingsAmong([
    field('role_map', { refersTo: 'role' }),
    field('default_role', { refersTo: 'role' }),
    field('client_id'),
    field('email_service_id'),
  ]);
  expect(settings.map(({ member }) => member)).toEqual(['role_map', 'default_role', 'email_service']);
  const config = {
    role_map: { editors: 1, others: 2 },
    default_role: 2,
    client_id: 'x',
    email_service_id: null,
  };
  const named = names.withNames(config, settings);
  expect(named).toEqual({
    role_map: { editors: 'one', others: 'two' },
    default_role: 'two',
    client_id: 'x',
    email_service: null,
  });
  expect(names.withIds(named, settings)).toEqual(config);
});
