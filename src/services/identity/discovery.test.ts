// When a provider is asked what it is, with a clock that tests turn.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HostileProvider, hostileSecret } from '../../../test/hostile-provider.ts';
import { limits } from '../../core/limits.ts';
import { Discovery } from './discovery.ts';
import { ProviderCalls } from './outgoing.ts';
import { readSettings } from './settings.ts';

const document = '/.well-known/openid-configuration';
let provider: HostileProvider;
let calls: ProviderCalls;
let discovery: Discovery;
let now = 0;

beforeEach(async () => {
  provider = await HostileProvider.start();
  const settings = readSettings({
    discovery_document_endpoint: provider.issuer,
    client_id: 'tenon',
    client_secret: hostileSecret,
    redirect_url: 'https://app.example.com/login',
    scopes: 'openid',
  });
  const { discoveryUrl } = settings;
  calls = new ProviderCalls({ service: 'company', provider: discoveryUrl, allow: [], observe: () => {} });
  now = 1_800_000_000_000;
  discovery = new Discovery({ service: 'company', settings, fetch: calls.fetch, now: () => now });
});

afterEach(async () => {
  await calls.close();
  await provider.close();
});

const breakDown = () => {
  provider.tricks = { paths: { [document]: (_request, response) => void response.writeHead(503).end() } };
};
const asked = () => provider.asked.length;

test('what was said is good for an hour', async () => {
  const first = await discovery.get();
  now += limits.identityDiscoveryMs - 1;
  expect(await discovery.get()).toBe(first);
  expect(asked()).toBe(1);
  now += 1;
  expect(await discovery.get()).not.toBe(first);
  expect(asked()).toBe(2);
});

test('who asks at the same time shares one call', async () => {
  const [one, other] = await Promise.all([discovery.get(), discovery.get()]);
  expect(one).toBe(other);
  expect(asked()).toBe(1);
});

test('a provider that is down is asked again after a moment, not by everybody', async () => {
  breakDown();
  const away = { kind: 'service.unavailable', status: 503 };
  await expect(discovery.get()).rejects.toMatchObject(away);
  now += limits.identityRetryMs - 1;
  await expect(discovery.get()).rejects.toMatchObject(away);
  expect(asked()).toBe(1);
  now += 1;
  await expect(discovery.get()).rejects.toMatchObject(away);
  expect(asked()).toBe(2);
  provider.tricks = {};
  now += limits.identityRetryMs;
  expect((await discovery.get()).configuration.serverMetadata().issuer).toBe(provider.issuer);
});

test('what was known is used while the provider is down, and not when it is to be forgotten', async () => {
  const first = await discovery.get();
  breakDown();
  now += limits.identityDiscoveryMs;
  expect(await discovery.get()).toBe(first);
  expect(await discovery.get()).toBe(first);
  expect(asked()).toBe(2);
  discovery.forget();
  await expect(discovery.get()).rejects.toMatchObject({ kind: 'service.unavailable' });
});

test('a provider that turns into another one is not believed, and the old one is kept', async () => {
  const first = await discovery.get();
  provider.tricks = { discovery: { issuer: 'https://accounts.example.com' } };
  now += limits.identityDiscoveryMs;
  expect(await discovery.get()).toBe(first);
});
