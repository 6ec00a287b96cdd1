import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig, settings } from './config.ts';

describe('configuration', () => {
  test('an empty environment gives working defaults', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      logLevel: 'info',
      adminPassword: undefined,
    });
    expect(config.home).toBe(resolve('./.tenon'));
    expect(config.nodePath).toBe(process.execPath);
    expect(config.runnersMax).toBeGreaterThanOrEqual(config.runnersMin);
  });

  test('overrides win over the environment, and empty texts count as absent', () => {
    expect(readConfig({ TENON_PORT: '1234' }).port).toBe(1234);
    expect(readConfig({ TENON_PORT: '1234' }, { port: '99' }).port).toBe(99);
    expect(readConfig({ TENON_PORT: '' }).port).toBe(8080);
  });

  test.each([
    ['TENON_PORT', '70000', /TENON_PORT must be a whole number from 0 to 65535/],
    ['TENON_PORT', '80a', /TENON_PORT/],
    ['TENON_PORT', '-1', /TENON_PORT/],
    ['TENON_PUBLIC_URL', 'people.example.com', /TENON_PUBLIC_URL must be an address such as https:/],
    ['TENON_PUBLIC_URL', 'javascript:alert(1)', /TENON_PUBLIC_URL/],
    ['TENON_PUBLIC_URL', 'https://a.example/?x=1', /TENON_PUBLIC_URL/],
    ['TENON_SESSION_MINUTES', '0', /TENON_SESSION_MINUTES must be a whole number from 1/],
    ['TENON_FOREVER_SESSIONS', 'maybe', /true or false/],
    ['TENON_LOG_LEVEL', 'loud', /TENON_LOG_LEVEL must be one of trace/],
    ['TENON_BODY_BYTES', '10', /TENON_BODY_BYTES/],
    ['TENON_SESSION_TOKEN_IN_QUERY', 'maybe', /true or false/],
    ['TENON_DATABASE_URL', 'postgres://db', /postgres:\/\/user:password@host/],
    ['TENON_RUN_SAMPLE', '1.5', /TENON_RUN_SAMPLE must be a number from 0 to 1/],
    ['TENON_RUN_SAMPLE', '-1', /TENON_RUN_SAMPLE/],
    ['TENON_RUN_SAMPLE', 'some', /TENON_RUN_SAMPLE/],
    ['TENON_RUN_SAMPLE', '1e-3', /TENON_RUN_SAMPLE/],
    ['TENON_RUN_RETENTION_DAYS', '0', /TENON_RUN_RETENTION_DAYS must be a whole number from 1/],
    ['TENON_RUN_RETENTION_COUNT', 'all', /TENON_RUN_RETENTION_COUNT must be a whole number from 0/],
    ['TENON_DATABASE_URL', 'what', /sqlite:/],
    ['TENON_REDIS_URL', '127.0.0.1:6379', /TENON_REDIS_URL must be an address such as redis:/],
    ['TENON_REDIS_URL', 'redis://', /TENON_REDIS_URL/],
    ['TENON_RUNNERS_MIN', '64', /TENON_RUNNERS_MIN must be at most TENON_RUNNERS_MAX/],
  ])('%s=%s is refused by name', (variable, value, message) => {
    expect(() => readConfig({ [variable]: value })).toThrow(message);
  });

  test('the Python of DreamFactory counts where none is set, unless it is a Python 2', () => {
    expect(readConfig({ DF_PYTHON_PATH: '/opt/python3' }).pythonPath).toBe('/opt/python3');
    expect(readConfig({ DF_PYTHON_PATH: '/a/python3', DF_PYTHON3_PATH: '/b/python' }).pythonPath).toBe(
      '/b/python',
    );
    expect(readConfig({ DF_PYTHON_PATH: '/usr/bin/python2.7' }).pythonPath).toBe('');
    expect(readConfig({ DF_PYTHON_PATH: '/usr/bin/python2' }).pythonPath).toBe('');
  });

  test.each([
    ['0', 0],
    ['1', 1],
    ['0.5', 0.5],
    ['.25', 0.25],
  ])('a share of %s', (given, share) => {
    expect(readConfig({ TENON_RUN_SAMPLE: given }).runSample).toBe(share);
  });

  test('links in mails lead to the public address, or to host and port', () => {
    const publicUrl = (environment: Record<string, string>) => readConfig(environment).publicUrl;
    expect(publicUrl({ TENON_PUBLIC_URL: 'https://a.example/base//' })).toBe('https://a.example/base');
    expect(publicUrl({})).toBe('http://127.0.0.1:8080');
    expect(publicUrl({ TENON_HOST: '0.0.0.0', TENON_PORT: '99' })).toBe('http://localhost:99');
    expect(publicUrl({ TENON_HOST: '::1' })).toBe('http://[::1]:8080');
  });

  test('queued runs go where either name of the setting says', () => {
    const place = (environment: Record<string, string>) => {
      const { queueConnection, queueName } = readConfig(environment);
      return `${queueConnection}/${queueName}`;
    };
    expect(place({})).toBe('database/default');
    expect(place({ QUEUE_CONNECTION: 'sync', QUEUE_NAME: 'low' })).toBe('sync/low');
    const both = { TENON_QUEUE_CONNECTION: 'null', QUEUE_CONNECTION: 'sync', TENON_QUEUE_NAME: 'high' };
    expect(place({ ...both, QUEUE_NAME: 'low' })).toBe('null/high');
    for (const bad of [' sync', 'x'.repeat(65)]) {
      expect(() => readConfig({ TENON_QUEUE_CONNECTION: bad })).toThrow('TENON_QUEUE_CONNECTION');
    }
  });

  test('takes proxies as addresses and ranges', () => {
    const read = (TENON_TRUSTED_PROXIES: string) => readConfig({ TENON_TRUSTED_PROXIES }).trustedProxies;
    expect(read('10.0.0.0/8, fd00::1')).toEqual(['10.0.0.0/8', 'fd00::1']);
    expect(read('')).toEqual([]);
    expect(() => read('balancer')).toThrow('TENON_TRUSTED_PROXIES must be addresses or ranges');
  });

  test('lists are split and trimmed', () => {
    expect(readConfig({ TENON_CORS_ORIGINS: 'https://a.example, https://b.example' }).corsOrigins).toEqual([
      'https://a.example',
      'https://b.example',
    ]);
  });

  test('no two settings share a variable', () => {
    const variables = Object.values(settings).map((entry) => entry.variable);
    expect(new Set(variables).size).toBe(variables.length);
  });
});
