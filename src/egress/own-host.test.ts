import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectToOwn } from './own-host.ts';

let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer((socket) => socket.on('error', () => undefined).end('hello'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

const signal = AbortSignal.timeout(10_000);
const leadingTo = (...addresses: string[]) => ({
  signal,
  resolve: async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
});

async function read(host: string, options = leadingTo('127.0.0.1')): Promise<string> {
  const socket = await connectToOwn({ host, port }, options);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('the host that a service is configured with', () => {
  test('may be inside', async () => {
    expect(await read('127.0.0.1')).toBe('hello');
    expect(await read('mail.internal')).toBe('hello');
    expect(await read('localhost', { signal, resolve: leadingTo('127.0.0.1').resolve })).toBe('hello');
  });

  test('is found by the system where nobody else finds it', async () => {
    const socket = await connectToOwn({ host: 'localhost', port }, { signal });
    expect(socket.remotePort).toBe(port);
    socket.destroy();
  });

  test.each([
    '169.254.169.254',
    '169.254.170.2',
    '::ffff:169.254.169.254',
    '::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    'fd00:ec2::254',
    'fe80::1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
  ])('is not %s, and leads to it by no name', async (address) => {
    await expect(connectToOwn({ host: address, port }, { signal })).rejects.toMatchObject({
      kind: 'egress.refused',
    });
    await expect(connectToOwn({ host: 'mail', port }, leadingTo(address))).rejects.toMatchObject({
      status: 403,
    });
    const mixed = leadingTo('127.0.0.1', address);
    await expect(connectToOwn({ host: 'mail', port }, mixed)).rejects.toMatchObject({
      kind: 'egress.refused',
    });
  });

  test('is asked for its addresses once', async () => {
    let asked = 0;
    const resolve = async () => [{ address: asked++ === 0 ? '127.0.0.1' : '169.254.169.254', family: 4 }];
    const socket = await connectToOwn({ host: 'rebinding', port }, { signal, resolve });
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(asked).toBe(1);
    socket.destroy();
  });

  test('that has no address, or takes no connection, is told as it is', async () => {
    await expect(connectToOwn({ host: 'mail', port }, leadingTo())).rejects.toMatchObject({
      kind: 'egress.refused',
    });
    const nobody = leadingTo('127.0.0.1');
    await expect(connectToOwn({ host: 'mail', port: 1 }, nobody)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    const late = { ...nobody, signal: AbortSignal.abort() };
    await expect(connectToOwn({ host: 'mail', port }, late)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
