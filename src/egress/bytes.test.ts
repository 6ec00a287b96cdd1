import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { Egress } from './egress.ts';
import type { OutgoingCall } from './outgoing.ts';

let server: Server;
let egress: Egress;
let port = 0;
let answer: RequestListener = (_request, response) => response.end();

beforeEach(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  port = (server.address() as AddressInfo).port;
  egress = new Egress({ allow: [`127.0.0.1:${port}`], observe: () => undefined });
});

afterEach(async () => {
  await egress.close();
  server.closeAllConnections();
  server.close();
});

describe('an answer that is wanted as bytes', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_none, index) => index));
  const wanted = (): OutgoingCall => ({
    ...{ by: 'test', method: 'GET', url: `http://127.0.0.1:${port}/`, headers: {}, body: undefined },
    ...{ redirects: 1, isBinary: true },
  });

  test('is what was sent, packed or not', async () => {
    for (const [coding, pack] of [
      ['identity', (plain: Buffer) => plain],
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ] as const) {
      answer = (_request, response) => {
        response.setHeader('content-encoding', coding);
        response.setHeader('content-type', 'text/plain; charset=utf-16');
        response.end(pack(bytes));
      };
      const { body, bytes: got } = await egress.call(wanted());
      expect([coding, body, got?.equals(bytes)]).toEqual([coding, '', true]);
    }
  });

  test('is bounded like every other, after redirects, too', async () => {
    answer = ({ url }, response) => {
      if (url === '/') response.writeHead(302, { location: '/large' }).end();
      else response.end(Buffer.alloc(limits.egressBytes + 1));
    };
    await expect(egress.call(wanted())).rejects.toMatchObject({ kind: 'egress.failed' });
    answer = ({ url }, response) => {
      if (url === '/') response.writeHead(302, { location: '/small' }).end();
      else response.end(bytes);
    };
    expect((await egress.call(wanted())).bytes).toEqual(bytes);
  });
});
