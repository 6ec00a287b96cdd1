// Rules of CORS and the settings in force, on a running server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

const key = 'canary of the master key: Zx81 qpLm 77 wOnder';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    ...{ TENON_MASTER_KEY: key, TENON_SCRIPT_ENV: 'SOME_SECRET', SOME_SECRET: 'canary of a script' },
    ...{
      TENON_REDIS_URL: 'redis://:canary-of-redis@127.0.0.1:1',
      TENON_PUBLIC_URL: 'https://api.example.com',
    },
  });
});
afterAll(() => server.close());

describe('a rule of CORS', () => {
  const origin = 'https://shop.example.com';
  const preflight = async (from: string, path = '/api/v2/system/environment') => {
    const asked = { Origin: from, 'Access-Control-Request-Method': 'GET' };
    const { headers } = await server.ask(path, { method: 'OPTIONS', anonymous: true, headers: asked });
    return headers.get('access-control-allow-origin');
  };

  it('comes into force for its path, and ends', async () => {
    expect(await preflight('https://evil.example')).toBe('*');
    const rule = { path: 'api/v2/system/*', origin, supports_credentials: true, exposed_header: 'X-Own' };
    const { body } = await server.ask('/api/v2/system/cors', { method: 'POST', body: { resource: [rule] } });
    await expect.poll(() => preflight('https://evil.example'), { timeout: 10_000 }).toBeNull();
    expect(await preflight(origin)).toBe(origin);
    expect(await preflight('https://evil.example', '/api/v2/user/session')).toBe('*');
    const { headers } = await server.ask('/api/v2/system/environment', { headers: { Origin: origin } });
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('access-control-expose-headers')).toBe('X-Own');
    await server.ask(`/api/v2/system/cors/${body.resource[0].id}`, { method: 'DELETE' });
    await expect.poll(() => preflight('https://evil.example'), { timeout: 10_000 }).toBe('*');
  });
});

describe('the settings in force', () => {
  it('are told to administrators with their variables', async () => {
    const { body } = await server.ask('/api/v2/system/config/publicUrl');
    expect(body).toMatchObject({
      variable: 'TENON_PUBLIC_URL',
      value: 'https://api.example.com',
      default: '',
    });
  });

  it('keep secrets to themselves: keys, passwords and addresses that hold one', async () => {
    const { body, text } = await server.ask('/api/v2/system/config');
    expect(text).not.toMatch(/canary|correct horse/);
    const masked = body.resource.filter(({ value }: { value: unknown }) => value === '********');
    const names = masked.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['adminPassword', 'masterKey', 'redisUrl']));
    const scripts = body.resource.find(({ name }: { name: string }) => name === 'scriptEnv');
    expect(scripts.value).toEqual(['SOME_SECRET']);
  });
});
