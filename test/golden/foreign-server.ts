// The foreign server of the recordings: what scripts call outside of the platform. Invariant: it remembers
// every request in the form of the records, without the headers that describe only the connection.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pythonJson } from '../server.ts';
import type { ForeignRequest } from './records.ts';

/** A running foreign server. */
export interface ForeignServer {
  /** Host and port. */
  readonly address: string;
  /** What was asked since the last `requests.length = 0`. */
  readonly requests: ForeignRequest[];
  close(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Starts one on a free port of this machine. */
export async function startForeignServer(): Promise<ForeignServer> {
  const requests: ForeignRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const text = await textOf(incoming);
    requests.push(asRecorded(incoming, text));
    const { status, headers, body } = reply(incoming, text);
    outgoing.sendDate = false;
    const length = status === 204 ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    outgoing.writeHead(status, { ...headers, 'X-Echo': '1', ...length, Connection: 'close' });
    outgoing.end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const unrecorded = new Set([
  'host',
  'connection',
  'user-agent',
  'accept-encoding',
  'transfer-encoding',
  'x-tenon-hops',
]);

function asRecorded(incoming: IncomingMessage, text: string): ForeignRequest {
  const { method = '', url = '' } = incoming;
  const headers = Object.entries(incoming.headers).filter(([name]) => !unrecorded.has(name));
  return {
    method,
    path: url,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
    body: parsed(text),
  };
}

// The recordings show bodies that are JSON as values.
function parsed(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function reply({ method = '', url = '', headers }: IncomingMessage, body: string): Reply {
  const path = new URL(url, 'http://foreign').pathname;
  const status = /^\/status\/(\d+)$/.exec(path)?.[1];
  if (status !== undefined) {
    return json({ error: { message: `upstream says ${status}` } }, Number(status));
  }
  if (path === '/text') {
    return { status: 200, headers: { 'Content-Type': 'text/plain' }, body: 'plain text answer' };
  }
  if (path === '/empty') return { status: 204, headers: {}, body: '' };
  if (path === '/redirect') return { status: 302, headers: { Location: '/ext/after' }, body: '' };
  if (path === '/bad') return { ...json(null), body: '{not json' };
  const asked = new URL(url, 'http://foreign');
  return json({ method, path: asked.pathname + asked.search, body, x: headers['x-foo'] ?? null });
}

function json(value: unknown, status = 200): Reply {
  return { status, headers: { 'Content-Type': 'application/json' }, body: pythonJson(value) };
}
