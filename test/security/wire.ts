// Requests as bytes on a socket of their own, so that tests can send what clients refuse to send, and see
// exactly what came back. Invariant: nothing is repaired on the way, in either direction.
import { connect } from 'node:net';

/** A request; `headers` are sent as they stand, in this order. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | string | undefined;
}

/** The first answer on the connection. Status 0: the server closed without one. */
export interface Reply {
  readonly status: number;
  /** Names in lower case; the last of equal names. */
  readonly headers: ReadonlyMap<string, string>;
  /** Status line and headers as they came. */
  readonly head: string;
  readonly text: string;
  /** Why the framing is wrong; undefined when it is right. */
  readonly misframed: string | undefined;
}

const patienceMs = 20_000;

/** Sends a request as `bytesOf` writes it. */
export function send(url: string, sent: Sent): Promise<Reply> {
  return sendBytes(url, bytesOf(sent), { method: sent.method });
}

/** A request with a right Content-Length, unless its headers speak of the length themselves. */
export function bytesOf({ method, path, headers, body }: Sent): Buffer {
  const content = Buffer.from(body ?? '');
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close'];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const isFramed = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
  if (body !== undefined && !isFramed) lines.push(`Content-Length: ${content.length}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), content]);
}

/**
 * Sends bytes as they are; `method` says whether the answer may have content. `ends`: nothing follows, which
 * makes a server give up what it has not answered yet.
 */
export function sendBytes(url: string, bytes: Buffer, { method = 'GET', ends = false } = {}): Promise<Reply> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname);
    const done = () => resolve(readReply(Buffer.concat(chunks), method));
    socket.setTimeout(patienceMs, () => {
      socket.destroy();
      reject(new Error(`no end of the answer to: ${bytes.subarray(0, 500).toString('latin1')}`));
    });
    socket.on('data', (chunk) => chunks.push(chunk));
    // A server that refuses early may close while the rest is still being sent.
    socket.on('error', done);
    socket.on('close', done);
    if (ends) socket.end(bytes);
    else socket.write(bytes);
  });
}

function readReply(bytes: Buffer, method: string): Reply {
  const end = bytes.indexOf('\r\n\r\n');
  const head = bytes.subarray(0, end < 0 ? bytes.length : end).toString('latin1');
  const content = end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4);
  const [first = '', ...lines] = head.split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const text = content.toString('utf8');
  return { status, headers, head, text, misframed: misframing({ status, headers, content, method }) };
}

interface Framing {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly content: Buffer;
  readonly method: string;
}

function misframing({ status, headers, content, method }: Framing): string | undefined {
  if (status === 0) return content.length === 0 ? undefined : 'bytes that are no answer';
  const length = headers.get('content-length');
  if (headers.has('transfer-encoding')) return 'chunked';
  // Refused by the parser of HTTP, which does not tell the method.
  if (method === 'HEAD' && (status === 400 || status === 431)) return undefined;
  const isBare = method === 'HEAD' || status === 204 || status === 304;
  if (isBare) return content.length === 0 ? undefined : 'content where there must be none';
  if (length === undefined) return 'no content-length';
  return Number(length) === content.length ? undefined : `content-length ${length}, bytes ${content.length}`;
}
