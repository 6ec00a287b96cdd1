// What the configurations of brokers may say, and where they lead.
import { describe, expect, it } from 'vitest';
import { transportKinds } from './kinds.ts';
import { placeOf } from './redis/place.ts';
import { clientConfigOf } from './sqs/place.ts';

const complete = (type: string, over: Record<string, unknown>) => {
  const kind = transportKinds.find(({ name }) => name === type);
  const usual = Object.fromEntries((kind?.config ?? []).map((field) => [field.name, field.default]));
  return { kind, config: { ...usual, ...over } };
};

const flawIn = (type: string, over: Record<string, unknown>) => {
  const { kind, config } = complete(type, over);
  return kind?.refuse?.(config);
};

describe('a configuration', () => {
  it.each(['redis', 'beanstalkd', 'sqs'])('of %s needs nothing but what is usual', (type) => {
    expect(flawIn(type, {})).toBeUndefined();
  });

  it.each([
    ['redis', { host: '' }, 'host'],
    ['redis', { host: 'a b' }, 'host'],
    ['redis', { host: 'http://redis' }, 'host'],
    ['redis', { port: 0 }, 'port'],
    ['redis', { port: 65_536 }, 'port'],
    ['redis', { port: '{port}' }, 'port'],
    ['redis', { database: -1 }, 'database'],
    ['redis', { prefix: 'a:b' }, 'prefix'],
    ['redis', { prefix: '{a}' }, 'prefix'],
    ['redis', { url: 'http://redis.example.com' }, 'url'],
    ['redis', { url: 'redis://' }, 'url'],
    ['redis', { url: 'redis://host/five' }, 'url'],
    ['redis', { url: 'redis://:%zz@host' }, 'url'],
    ['redis', { url: 's3cret' }, 'url'],
    ['beanstalkd', { host: 'a\r\nb' }, 'host'],
    ['beanstalkd', { port: 70_000 }, 'port'],
    ['beanstalkd', { prefix: '-a' }, 'prefix'],
    ['beanstalkd', { prefix: 'a\r\nuse b' }, 'prefix'],
    ['sqs', { key: 'k' }, 'secret'],
    ['sqs', { secret: 's' }, 'key'],
    ['sqs', { prefix: 'sqs.example.com' }, 'prefix'],
    ['sqs', { endpoint: 'file:///etc' }, 'endpoint'],
    ['sqs', { region: 'Frankfurt' }, 'region'],
    ['sqs', { suffix: '.fifo' }, 'suffix'],
  ])('of %s with %j is refused by the name of the field', (type, over, field) => {
    const flaw = flawIn(type, over);
    expect(flaw?.field).toBe(field);
    expect(flaw?.reason).not.toContain('s3cret');
  });
});

describe('a place of Redis', () => {
  it('is that of the fields', () => {
    const { config } = complete('redis', { host: '::1', username: 'u', password: 'p', is_encrypted: true });
    const expected = { host: '::1', port: 6379, db: 0, username: 'u', password: 'p', tls: {} };
    expect(placeOf(config)).toEqual(expected);
    expect(placeOf({ ...config, username: null, password: '', is_encrypted: false })).toEqual({
      ...{ host: '::1', port: 6379, db: 0 },
    });
  });

  it.each([
    ['redis://h', { host: 'h', port: 6379, db: 0 }],
    ['redis://h:7/2', { host: 'h', port: 7, db: 2 }],
    ['redis://:p%40ss@h', { host: 'h', port: 6379, db: 0, password: 'p@ss' }],
    ['rediss://u:p@[::1]:7/', { host: '::1', port: 7, db: 0, username: 'u', password: 'p', tls: {} }],
  ])('is that of the URL %s alone', (url, expected) => {
    const { config } = complete('redis', { host: 'other', password: 'other', url });
    expect(placeOf(config)).toEqual(expected);
  });
});

describe('a client of SQS', () => {
  it('is who the configuration says, or who the machine is', () => {
    const { config } = complete('sqs', { key: 'k', secret: 's', token: 't', endpoint: 'http://localhost:1' });
    expect(clientConfigOf(config)).toMatchObject({
      ...{ region: 'us-east-1', endpoint: 'http://localhost:1' },
      credentials: { accessKeyId: 'k', secretAccessKey: 's', sessionToken: 't' },
    });
    const plain = clientConfigOf(complete('sqs', {}).config);
    expect(plain).not.toHaveProperty('credentials');
    expect(plain).not.toHaveProperty('endpoint');
  });
});
