// Packages over HTTP: as zip files, in forms, from an address, between two servers.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

const passphrase = 'a passphrase with ü in it';
const secret = 'hush-of-mail';
const served = new Map<string, { status: number; type: string; content: Uint8Array }>();

const files = createServer((request, response) => {
  const file = served.get(request.url ?? '') ?? {
    status: 404,
    type: 'text/plain',
    content: Buffer.from('none'),
  };
  response.writeHead(file.status, { 'content-type': file.type }).end(file.content);
});

let first: TestServer;
let second: TestServer;
let address = '';

beforeAll(async () => {
  await new Promise<void>((done) => files.listen(0, '127.0.0.1', done));
  address = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  first = await startTestServer();
  second = await startTestServer({ TENON_EGRESS_ALLOW: address.replace('http://', '') });
  await post(second, 'role', { resource: [{ name: 'first of all' }] });
  await post(first, 'role', { resource: [{ name: 'people' }] });
  const config = {
    host: 'mail.example.com',
    port: 25,
    username: 'tenon',
    password: secret,
    encryption: 'tls',
  };
  const mail = await post(first, 'service?fields=*', {
    resource: [{ name: 'mail', type: 'smtp_email', config }],
  });
  expect(mail.status, mail.text).toBe(201);
  const user = await first.ask("/api/v2/system/service?filter=name='user'&fields=id");
  const role = await first.ask("/api/v2/system/role?filter=name='people'&fields=id");
  const policy = {
    open_reg_role_id: role.body.resource[0].id,
    invite_email_service_id: mail.body.resource[0].id,
    allow_open_registration: true,
  };
  const url = `/api/v2/system/service/${user.body.resource[0].id}`;
  const changed = await first.ask(url, { method: 'PATCH', body: { config: policy } });
  expect(changed.status, changed.text).toBe(200);
});

afterAll(async () => {
  await first.close();
  await second.close();
  await new Promise((done) => files.close(done));
});

function post(server: TestServer, path: string, body: unknown, headers: Record<string, string> = {}) {
  return server.ask(`/api/v2/system/${path}`, { method: 'POST', body, headers });
}

async function zipOf(server: TestServer): Promise<Uint8Array> {
  const response = await fetch(`${server.url}/api/v2/system/package?format=zip`, {
    method: 'POST',
    headers: {
      'x-dreamfactory-session-token': server.token,
      'x-tenon-passphrase': Buffer.from(passphrase).toString('latin1'),
      accept: 'application/json',
    },
  });
  expect(response.headers.get('content-type')).toBe('application/zip');
  expect(response.headers.get('content-disposition')).toContain('tenon.zip');
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect(Number(response.headers.get('content-length'))).toBe(bytes.length);
  return bytes;
}

interface Sent {
  readonly status: number;
  readonly body: { summary: Record<string, number>; error: { message: string } };
}

async function send(
  body: Buffer<ArrayBuffer> | FormData,
  headers: Record<string, string>,
  query = '',
): Promise<Sent> {
  const own = { 'x-dreamfactory-session-token': second.token, ...headers };
  const response = await fetch(`${second.url}/api/v2/system/package${query}`, {
    method: 'POST',
    headers: own,
    body,
  });
  return { status: response.status, body: (await response.json()) as Sent['body'] };
}

const inHeader = { 'x-tenon-passphrase': Buffer.from(passphrase).toString('latin1') };

test('a zip file of one server makes the other the same, references by name', async () => {
  const bytes = await zipOf(first);
  const text = Object.values(unzipSync(bytes))
    .map((file) => Buffer.from(file).toString())
    .join('\n');
  expect(text).toContain('"open_reg_role": "people"');
  expect(text).not.toContain(secret);
  const type = { 'content-type': 'application/zip' };
  const none = await send(Buffer.from(bytes), type);
  expect([none.status, none.body.error.message]).toEqual([400, expect.stringContaining('passphrase')]);
  const done = await send(Buffer.from(bytes), { ...type, ...inHeader });
  expect([done.status, done.body.summary]).toEqual([
    200,
    expect.objectContaining({ created: 2, updated: 1 }),
  ]);
  const { body } = await second.ask("/api/v2/system/service?filter=name='user'");
  const role = await second.ask("/api/v2/system/role?filter=name='people'&fields=id");
  expect(body.resource[0].config.open_reg_role_id).toBe(role.body.resource[0].id);
  expect(role.body.resource[0].id).toBeGreaterThan(1);
  const form = new FormData();
  form.set('files', new Blob([Buffer.from(bytes)]), 'tenon.zip');
  const again = await send(form, inHeader);
  expect(again.body.summary).toMatchObject({ created: 0, updated: 0 });
  expect(JSON.stringify(second.observations)).not.toMatch(/hush-|a passphrase/);
});

test('who changes where secrets go gives them anew, sealed in the package', async () => {
  const whole = await post(first, 'package', { secured: true, password: passphrase });
  const [mail] = whole.body.service.filter(({ name }: { name: string }) => name === 'mail');
  const moved = { ...mail, config: { ...mail.config, host: 'other.example.com' } };
  const { password: _left, ...bare } = moved.config;
  const plain = await post(second, 'package', { tenon_package: 1, service: [{ ...mail, config: bare }] });
  expect(plain.text).not.toContain(secret);
  const document = { ...whole.body, service: [moved], password: passphrase };
  const done = await post(second, 'package', document);
  expect([done.status, done.body.summary]).toEqual([200, expect.objectContaining({ updated: 1 })]);
  const read = await second.ask("/api/v2/system/service?filter=name='mail'");
  expect(read.body.resource[0].config).toMatchObject({ host: 'other.example.com', password: '********' });
});

test('from an address, which answers a package, something else, or nothing', async () => {
  served.set('/tenon.zip', { status: 200, type: 'application/zip', content: await zipOf(first) });
  served.set('/page', { status: 200, type: 'text/html', content: Buffer.from('<html>') });
  served.set('/bytes', {
    status: 200,
    type: 'application/octet-stream',
    content: Buffer.from([0xff, 0xfe, 0]),
  });
  served.set('/large', { status: 200, type: 'application/zip', content: Buffer.alloc(11_000_000) });
  const from = (path: string) =>
    post(second, `package?dry_run=true&import_url=${address}${path}`, undefined, inHeader);
  const fine = await from('/tenon.zip');
  expect([fine.status, fine.body.dry_run]).toEqual([200, true]);
  for (const path of ['/page', '/bytes', '/none']) expect((await from(path)).status).toBe(400);
  const large = await from('/large');
  expect([large.status, large.body.error.message]).toEqual([500, expect.stringContaining('larger than')]);
  expect((await post(first, `package?import_url=${address}/tenon.zip`, undefined)).status).toBe(403);
});

test('bytes that are no text are refused everywhere else', async () => {
  for (const type of ['application/zip', 'application/octet-stream', 'application/json']) {
    const response = await fetch(`${second.url}/api/v2/system/role`, {
      method: 'POST',
      headers: { 'x-dreamfactory-session-token': second.token, 'content-type': type },
      body: Buffer.from([0xff, 0xfe, 0, 1]),
    });
    expect([400, 415]).toContain(response.status);
  }
});
