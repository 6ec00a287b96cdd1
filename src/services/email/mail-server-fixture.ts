// A mail server in the process of a test: what arrives is kept, taken apart. Plain, with STARTTLS or with TLS
// from the first byte; the certificate is made for the test.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A part of a mail. */
export interface Part {
  /** By lower-case name, unfolded. */
  readonly headers: Readonly<Record<string, string>>;
  readonly content: Buffer;
  readonly parts: readonly Part[];
}

/** A mail as it arrived. */
export interface Arrived extends Part {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
  readonly user: unknown;
  readonly isSecure: boolean;
}

/** A running server. */
export interface MailServer {
  readonly port: number;
  readonly mails: Arrived[];
  /** Connections so far. */
  readonly connections: () => number;
  /** Ends all connections as a server that restarts does. */
  hangUp(): void;
  close(): Promise<void>;
}

/**
 * Starts one. Unless options say otherwise, `mo` logs in with the password `word`, and addresses that begin
 * with `refused@` are refused.
 */
export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: Arrived[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: options.key === undefined ? ['STARTTLS'] : [],
    allowInsecureAuth: true,
    closeTimeout: 50,
    onConnect: (_session, done) => {
      connections++;
      done();
    },
    onAuth: ({ username, password }, _session, done) => {
      if (username === 'mo' && password === 'word') done(null, { user: username });
      else done(new Error(`bad login ${password}`));
    },
    onRcptTo: ({ address }, _session, done) => {
      const refusal = Object.assign(new Error('no such user'), { responseCode: 550 });
      done(address.startsWith('refused@') ? refusal : null);
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString('latin1');
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          ...partOf(raw),
          raw,
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user,
          isSecure: session.secure,
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  server.server.on('connection', (socket: Socket) => sockets.add(socket));
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const { port } = server.server.address() as AddressInfo;
  const close = () => new Promise<void>((done) => server.close(() => done()));
  return { port, mails, connections: () => connections, hangUp, close };
}

/** A key and a certificate for `name` that nobody else signed. */
export function makeCertificate(name = 'localhost'): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-mail-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const names = `subjectAltName=DNS:${name}`;
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ];
  execFileSync('openssl', [...args, '-keyout', key, '-out', cert, '-subj', `/CN=${name}`, '-addext', names], {
    stdio: 'ignore',
  });
  const made = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true });
  return made;
}

// A mail or a part of one, from its bytes as latin1.
function partOf(raw: string): Part {
  const [, head = '', body = ''] = /^([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(raw) ?? [];
  const lines = head.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.split(':', 1)[0]?.toLowerCase() ?? '', line.replace(/^[^:]*:\s*/, '')]),
  );
  const boundary = /boundary="?([^";]+)/.exec(headers['content-type'] ?? '')?.[1];
  const inner = boundary === undefined ? [] : body.split(`--${boundary}`).slice(1, -1);
  const parts = inner.map((part) => partOf(part.replace(/^\r\n/, '').replace(/\r\n$/, '')));
  return { headers, content: decoded(body, headers['content-transfer-encoding'] ?? ''), parts };
}

/** The parts of a mail that are no lists of parts, in their order. */
export function leaves(part: Part): Part[] {
  return part.parts.length === 0 ? [part] : part.parts.flatMap(leaves);
}

function decoded(body: string, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(body, 'base64');
  if (encoding !== 'quoted-printable') return Buffer.from(body, 'latin1');
  const soft = body.replace(/=\r\n/g, '');
  const hard = soft.replace(/=([0-9A-F]{2})/g, (_whole, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(hard, 'latin1');
}
