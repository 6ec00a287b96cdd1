// Calls to a provider: where they may go, how long and how large they may be.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { limits } from '../../core/limits.ts';
import { ProviderCalls } from './outgoing.ts';

const servers: Server[] = [];
const all: ProviderCalls[] = [];

afterEach(async () => {
  for (const calls of all.splice(0)) await calls.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function callsOf(provider: string, allow: readonly string[] = []): ProviderCalls {
  const calls = new ProviderCalls({
    service: 'company',
    provider: new URL(provider),
    allow,
    observe: () => {},
  });
  all.push(calls);
  return calls;
}

const get = { method: 'GET', headers: {} };

test('the configured host is allowed at its port, for this service alone', async () => {
  const own = await serve((_request, response) => response.end('own'));
  const other = await serve((_request, response) => response.end('other'));
  const calls = callsOf(own);
  expect(await (await calls.fetch(`${own}/keys`, get)).text()).toBe('own');
  await expect(calls.fetch(other, get)).rejects.toMatchObject({ kind: 'egress.refused' });
  await expect(callsOf(other).fetch(own, get)).rejects.toMatchObject({ kind: 'egress.refused' });
});

test('what the operator allows is allowed here, too', async () => {
  const own = await serve((_request, response) => response.end('own'));
  const calls = callsOf('https://accounts.example.com', [new URL(own).host]);
  expect((await calls.fetch(own, get)).status).toBe(200);
});

test('private addresses are not, however they are written', async () => {
  const calls = callsOf('https://accounts.example.com');
  for (const host of ['169.254.169.254', '10.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1']) {
    await expect(calls.fetch(`http://${host}/`, get)).rejects.toMatchObject({ kind: 'egress.refused' });
  }
});

test('an IPv6 address may be configured', () => {
  expect(() => callsOf('http://[fd00::1]:8080')).not.toThrow();
  expect(() => callsOf('https://[fd00::1]/realm')).not.toThrow();
});

test('a redirect is an answer', async () => {
  const own = await serve(
    (_request, response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
  );
  const answer = await callsOf(own).fetch(own, get);
  expect([answer.status, answer.headers.get('location')]).toEqual([302, 'http://169.254.169.254/']);
});

test('bodies go out as they are', async () => {
  const own = await serve((request, response) => void request.pipe(response));
  const body = new URLSearchParams({ code: 'a b', redirect_uri: 'https://app.example.com/' });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await callsOf(own).fetch(own, { method: 'POST', headers, body });
  expect(await answer.text()).toBe(body.toString());
});

test('an answer without a body is one', async () => {
  const own = await serve((_request, response) => void response.writeHead(204).end());
  expect((await callsOf(own).fetch(own, get)).status).toBe(204);
});

test('an answer that is too large is none', async () => {
  const own = await serve((_request, response) => response.end('x'.repeat(limits.identityAnswerChars + 1)));
  await expect(callsOf(own).fetch(own, get)).rejects.toMatchObject({ kind: 'egress.failed' });
});

test('an answer that trickles ends with its time', async () => {
  const own = await serve((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const drip = setInterval(() => response.write(' '), 10);
    response.on('close', () => clearInterval(drip));
  });
  const signal = AbortSignal.timeout(300);
  await expect(callsOf(own).fetch(own, { ...get, signal })).rejects.toMatchObject({ kind: /egress/ });
});
