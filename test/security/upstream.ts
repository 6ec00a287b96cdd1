// A server of somebody else's, which answers what no client expects.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running one. */
export interface Upstream {
  readonly url: string;
  readonly port: number;
  /** Paths that it was asked for. */
  readonly received: string[];
  close(): Promise<void>;
}

/**
 * Starts one: `/endless`, `/inside` (a redirect to where nobody should get), `/deep`, or bytes that are no
 * text.
 */
export async function startUpstream(): Promise<Upstream> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    received.push(request.url ?? '');
    answer(request.url ?? '', response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, port, received, close };
}

function answer(path: string, response: ServerResponse): void {
  switch (path) {
    case '/endless':
      flood(response);
      return;
    case '/inside':
      response.writeHead(302, { Location: 'http://169.254.169.254/latest/meta-data/' }).end();
      return;
    case '/deep':
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('['.repeat(100_000));
      return;
    default:
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end(Buffer.from([0xff, 0xfe, 0x41]));
  }
}

function flood(response: ServerResponse): void {
  let isOver = false;
  response.on('close', () => {
    isOver = true;
  });
  const more = () => {
    if (isOver) return;
    if (response.write('x'.repeat(65_536))) setImmediate(more);
    else response.once('drain', more);
  };
  more();
}
