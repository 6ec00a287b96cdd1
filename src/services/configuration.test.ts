// Configuration against the fields of a type: what is taken, refused, completed and hidden.
import { describe, expect, it } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import type { ConfigField, ServiceType } from '../core/service.ts';
import { configPlace } from '../security/sealed-places.ts';
import {
  checkBindings,
  checkConfig,
  completeConfig,
  mask,
  openConfig,
  sealConfig,
  showConfig,
  withoutMasks,
} from './configuration.ts';

const field = (name: string, type: ConfigField['type'], more: Partial<ConfigField> = {}): ConfigField => {
  return { name, type, label: name, description: '', required: false, default: null, ...more };
};

const type: ServiceType = {
  name: 'sample',
  label: 'Sample',
  description: '',
  group: 'Database',
  singleton: false,
  config: [
    field('database', 'string', { required: true }),
    field('max_records', 'integer', { default: 1000 }),
    field('allow_upsert', 'boolean', { default: false }),
    field('mode', 'picklist', { values: ['a', 'b'] }),
    field('options', 'object'),
    field('password', 'password', { secret: true }),
    field('keys', 'object', { secret: true }),
  ],
  create: () => {
    throw new Error('not asked for here');
  },
};

// Reversible and bound to its place; what sealing is worth is tested where it is done.
const secrets = {
  seal: (text: string, place: string) => `sealed:${place}:${Buffer.from(text).toString('base64')}`,
  open: (sealed: string, place: string) => {
    if (!sealed.startsWith(`sealed:${place}:`)) throw new Error('sealed for another place');
    return Buffer.from(sealed.slice(`sealed:${place}:`.length), 'base64').toString();
  },
};

const keep = { secrets, placeOf: (field: string) => configPlace('hr', field) };

describe('checkConfig', () => {
  it('takes what fits and leaves out what the type does not know', () => {
    const given = { database: 'x.db', max_records: 5, allow_upsert: true, mode: 'b', options: {}, extra: 1 };
    const { extra: _extra, ...known } = given;
    expect(checkConfig(type, given)).toEqual(known);
  });

  it.each([undefined, null, {}, []])('takes %j as nothing', (given) => {
    expect(checkConfig(type, given)).toEqual({});
  });

  it.each([
    ['text', 'x', "'config' must be an object"],
    ['a list', [1], "'config' must be an object"],
    ['a number', 0, "'config' must be an object"],
    ['a number for text', { database: 5 }, "'config.database' must be text"],
    ['an object for text', { database: {} }, "'config.database' must be text"],
    ['text for a number', { max_records: '5' }, "'config.max_records' must be an integer"],
    ['a fraction', { max_records: 1.5 }, "'config.max_records' must be an integer"],
    ['text for a truth value', { allow_upsert: 'yes' }, "'config.allow_upsert' must be true or false"],
    ['another choice', { mode: 'c' }, "'config.mode' must be one of a, b"],
    ['text for an object', { options: 'x' }, "'config.options' must be an object"],
    ['a number for a secret', { password: 1 }, "'config.password' must be text"],
  ])('refuses %s', (_what, given, message) => {
    expect(() => checkConfig(type, given)).toThrow(PlatformError);
    expect(() => checkConfig(type, given)).toThrow(message);
  });

  it('does not take inherited names for fields', () => {
    expect(checkConfig(type, JSON.parse('{"constructor": 1, "toString": 2}'))).toEqual({});
  });
});

describe('completeConfig', () => {
  it('fills in defaults and null', () => {
    expect(completeConfig(type, { database: 'x', mode: null })).toEqual({
      database: 'x',
      max_records: 1000,
      allow_upsert: false,
      mode: null,
      options: null,
      password: null,
      keys: null,
    });
  });

  it.each([{}, { database: null }, { database: '' }])('refuses %j, naming what is missing', (config) => {
    expect(() => completeConfig(type, config)).toThrow("Field 'config.database' is missing");
  });
});

describe('secrets', () => {
  const config = { database: 'x', password: 'hunter2', keys: { a: ['deep-secret'] } };

  it('are sealed whatever their type, and come back exactly', () => {
    const sealed = sealConfig(type, config, keep);
    expect(sealed.database).toBe('x');
    expect(JSON.stringify(sealed)).not.toMatch(/hunter2|deep-secret/);
    expect(openConfig(type, sealed, keep)).toEqual(config);
  });

  it('cannot be opened for another service', () => {
    const sealed = sealConfig(type, config, keep);
    expect(() =>
      openConfig(type, sealed, { secrets, placeOf: (field) => configPlace('crm', field) }),
    ).toThrow('another place');
  });

  it('that are not set stay as they are', () => {
    const unset = { password: null, keys: '' };
    expect(sealConfig(type, unset, keep)).toEqual(unset);
    expect(showConfig(type, {})).toMatchObject({ password: null, keys: null });
  });

  it('are shown as a mask, which changes nothing when it is written back', () => {
    const shown = showConfig(type, sealConfig(type, config, keep));
    expect(shown).toMatchObject({ database: 'x', max_records: 1000, password: mask, keys: mask });
    expect(withoutMasks(checkConfig(type, shown))).not.toHaveProperty('password');
  });
});

describe('checkBindings', () => {
  const bound: ServiceType = {
    ...type,
    config: [
      field('host', 'string', { binds: true }),
      field('port', 'integer', { binds: true, default: 5432 }),
      field('url', 'password', { binds: true, secret: true }),
      field('password', 'password', { secret: true }),
      field('database', 'string'),
    ],
  };
  const stored = { host: 'db.example.com', password: 'sealed' };

  it.each([
    ['nothing', {}],
    ['something else', { database: 'b' }],
    ['the same host', { host: 'db.example.com' }],
    ['the same host in another case', { host: 'DB.example.com ' }],
    ['the default port', { port: 5432 }],
    ['no port', { port: null }],
    ['another host with a new password', { host: 'other', password: 'new' }],
    ['another host and no password any more', { host: 'other', password: null }],
    ['no URL', { url: null }],
  ])('lets %s pass', (_what, changes) => {
    expect(() => checkBindings(bound, stored, changes)).not.toThrow();
  });

  it.each([
    ['another host', { host: 'evil.example.com' }, 'host'],
    ['no host', { host: null }, 'host'],
    ['another port', { port: 5433 }, 'port'],
    ['a URL beside a kept password', { url: 'postgres://evil.example.com' }, 'url'],
  ])('refuses %s', (_what, changes, name) => {
    const message = `'config.${name}' leads elsewhere than before: give 'config.password' again`;
    expect(() => checkBindings(bound, stored, changes)).toThrow(message);
  });

  it('names every secret that is kept', () => {
    const both = { ...stored, url: 'sealed' };
    expect(() => checkBindings(bound, both, { host: 'x', password: 'new' })).toThrow(
      "give 'config.url' again",
    );
    expect(() => checkBindings(bound, both, { host: 'x' })).toThrow(
      "give 'config.url' and 'config.password'",
    );
  });

  it('lets everything pass where there is no secret', () => {
    expect(() => checkBindings(bound, { host: 'a', password: '' }, { host: 'b' })).not.toThrow();
  });
});
