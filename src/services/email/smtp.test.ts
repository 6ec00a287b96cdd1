import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { connectToOwn } from '../../egress/own-host.ts';
import type { SmtpSettings } from './config.ts';
import type { Letter } from './letter.ts';
import { type MailServer, makeCertificate, startMailServer } from './mail-server-fixture.ts';
import { SmtpCarrier } from './smtp.ts';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const bo = { name: '', email: 'bo@example.org' };
const letter: Letter = {
  from: { name: '', email: 'us@example.com' },
  replyTo: undefined,
  ...{ to: [bo], cc: [], bcc: [], subject: 'Hello', text: 'Hi', html: undefined, attachments: [] },
};

const plain: Omit<SmtpSettings, 'port'> = {
  host: 'localhost',
  encryption: '',
  ...{ username: '', password: '', verifiesCertificate: true, ca: undefined, timeoutMs: limits.mailMs },
};

function carrierTo(port: number, given: Partial<SmtpSettings> = {}): SmtpCarrier {
  const settings = { ...plain, port, ...given };
  const connectHere = (signal: AbortSignal) => connectToOwn({ host: '127.0.0.1', port }, { signal });
  const carrier = new SmtpCarrier({ service: 'email', settings, connect: connectHere });
  closers.push(() => carrier.close());
  return carrier;
}

async function serverWith(options: Parameters<typeof startMailServer>[0] = {}): Promise<MailServer> {
  const server = await startMailServer(options);
  closers.push(() => server.close());
  return server;
}

async function failure(work: Promise<unknown>): Promise<PlatformError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof PlatformError) return error;
  throw new Error(`expected a PlatformError, not ${String(error)}`);
}

let own: { key: string; cert: string };
beforeAll(() => {
  own = makeCertificate('localhost');
});

describe('a mail server', () => {
  test('takes mails over one connection, again and again', async () => {
    const server = await serverWith();
    const carrier = carrierTo(server.port);
    for (let times = 0; times < 5; times++)
      expect(await carrier.send(letter)).toEqual({ count: 1, refused: [] });
    expect(server.mails).toHaveLength(5);
    expect(server.connections()).toBe(1);
  });

  test('takes mails at the same time over as many connections as are allowed', async () => {
    const server = await serverWith();
    const carrier = carrierTo(server.port);
    await Promise.all(Array.from({ length: 20 }, () => carrier.send(letter)));
    expect(server.mails).toHaveLength(20);
    expect(server.connections()).toBeLessThanOrEqual(limits.mailConnections);
  });

  test('that closed an idle connection is connected to again', async () => {
    const server = await serverWith();
    const carrier = carrierTo(server.port);
    await carrier.send(letter);
    server.hangUp();
    await carrier.send(letter);
    expect(server.mails).toHaveLength(2);
    expect(server.connections()).toBe(2);
  });

  test('is logged in to with the name and password that are configured', async () => {
    const server = await serverWith({ authOptional: false });
    expect(await carrierTo(server.port, { username: 'mo', password: 'word' }).send(letter)).toMatchObject({
      count: 1,
    });
    expect(server.mails[0]?.user).toBe('mo');
    const error = await failure(
      carrierTo(server.port, { username: 'mo', password: 'wrong-word' }).send(letter),
    );
    expect(error).toMatchObject({
      kind: 'service.unavailable',
      message: expect.stringContaining('refused the login (535'),
    });
    // The server repeats the password in its answer.
    expect(error.message + String((error.cause as Error).message)).not.toContain('wrong-word');
    const without = await failure(carrierTo(server.port).send(letter));
    expect(without.message).toContain('(530');
  });
});

describe('TLS', () => {
  test.each(['', 'tls'] as const)('by STARTTLS is verified (encryption %j)', async (encryption) => {
    const server = await serverWith(own);
    expect(await failure(carrierTo(server.port, { encryption }).send(letter))).toMatchObject({
      kind: 'service.unavailable',
      message: expect.stringContaining('certificate that is not valid'),
    });
    expect(await carrierTo(server.port, { encryption, ca: own.cert }).send(letter)).toMatchObject({
      count: 1,
    });
    expect(server.mails.map(({ isSecure }) => isSecure)).toEqual([true]);
  });

  test('from the first byte is verified, too', async () => {
    const server = await serverWith({ ...own, secure: true });
    const implicit = { encryption: 'ssl' } as const;
    expect((await failure(carrierTo(server.port, implicit).send(letter))).message).toContain('not valid');
    await carrierTo(server.port, { ...implicit, ca: own.cert }).send(letter);
    expect(server.mails).toMatchObject([{ isSecure: true }]);
  });

  test('must be for the name of the host', async () => {
    const other = makeCertificate('mail.example.org');
    const server = await serverWith({ ...other, secure: true });
    const error = await failure(carrierTo(server.port, { encryption: 'ssl', ca: other.cert }).send(letter));
    expect(error.message).toContain('certificate that is not valid');
    expect(server.mails).toEqual([]);
  });

  test('need not be verified where that is configured', async () => {
    const server = await serverWith(own);
    await carrierTo(server.port, { encryption: 'tls', verifiesCertificate: false }).send(letter);
    expect(server.mails).toMatchObject([{ isSecure: true }]);
  });

  test('that is demanded and not offered is no mail', async () => {
    const server = await serverWith();
    const demanding = { encryption: 'tls', username: 'mo', password: 'word' } as const;
    const error = await failure(carrierTo(server.port, demanding).send(letter));
    expect(error).toMatchObject({ kind: 'service.unavailable', message: expect.stringContaining('no TLS') });
    expect(server.mails).toEqual([]);
    const implicit = await failure(carrierTo(server.port, { encryption: 'ssl' }).send(letter));
    expect(implicit).toMatchObject({
      kind: 'service.unavailable',
      message: expect.stringContaining('no TLS'),
    });
  });
});

describe('a refusal', () => {
  const refusing = {
    onRcptTo: ({ address }: { address: string }, _session: unknown, done: (error?: Error) => void) => {
      const error = Object.assign(new Error('no such user; secret of the host: 42'), { responseCode: 550 });
      done(address.startsWith('no') ? error : undefined);
    },
  };

  test('of all addresses is told by its code alone', async () => {
    const server = await serverWith(refusing);
    const error = await failure(
      carrierTo(server.port).send({ ...letter, to: [{ name: '', email: 'no@example.org' }] }),
    );
    expect(error).toMatchObject({
      kind: 'mail.refused',
      status: 502,
      message: expect.stringContaining('(550'),
    });
    expect(error.message).not.toContain('secret');
  });

  test('of some addresses names them', async () => {
    const server = await serverWith(refusing);
    const sent = await carrierTo(server.port).send({
      ...letter,
      cc: [{ name: '', email: 'no@example.org' }],
    });
    expect(sent).toEqual({ count: 1, refused: ['no@example.org'] });
    expect(server.mails).toMatchObject([{ to: ['bo@example.org'] }]);
  });

  test('of one mail is none of the next', async () => {
    let calls = 0;
    const server = await serverWith({
      onData: (stream, _session, done) => {
        stream.resume();
        stream.on('end', () =>
          done(calls++ === 0 ? Object.assign(new Error('spam'), { responseCode: 554 }) : null),
        );
      },
    });
    const carrier = carrierTo(server.port);
    expect(await failure(carrier.send(letter))).toMatchObject({ kind: 'mail.refused', status: 502 });
    expect(await carrier.send(letter)).toMatchObject({ count: 1 });
  });
});

async function hostile(talk: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    talk(socket);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

describe('a server that is no good', () => {
  test('because nobody listens', async () => {
    const port = await hostile(() => undefined);
    await closers.pop()?.();
    const error = await failure(carrierTo(port).send(letter));
    expect(error).toMatchObject({
      kind: 'service.unavailable',
      message: "The mail server of service 'email' refused the connection.",
    });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['that hangs up at once', (socket) => socket.destroy()],
    ['that hangs up after its greeting', (socket) => socket.end('220 hi\r\n')],
    ['that speaks HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['that is busy', (socket) => socket.end('421 too many connections\r\n')],
    [
      'whose greeting has no end',
      (socket) => {
        const line = Buffer.alloc(1_048_576, 'x');
        for (let times = 0; times < 10; times++) socket.write(line);
      },
    ],
    [
      'whose greeting has lines without end',
      (socket) => {
        const lines = Buffer.from('220-hello\r\n'.repeat(100_000));
        for (let times = 0; times < 10; times++) socket.write(lines);
      },
    ],
  ])('%s', async (_what, talk) => {
    const before = process.memoryUsage().arrayBuffers;
    const error = await failure(carrierTo(await hostile(talk), { timeoutMs: 5_000 }).send(letter));
    expect(error).toMatchObject({ kind: 'service.unavailable', status: 503 });
    expect(error.message).toMatch(/^The mail server of service 'email' [^:]{5,90}\.$/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
  });

  test('because it says nothing is given up at the deadline', async () => {
    const error = await failure(carrierTo(await hostile(() => undefined), { timeoutMs: 300 }).send(letter));
    expect(error).toMatchObject({
      kind: 'egress.timeout',
      status: 504,
      message: expect.stringContaining('300 ms'),
    });
  });

  test('because it trickles is given up at the deadline, and others get through meanwhile', async () => {
    let isTrickling = true;
    const ends: NodeJS.Timeout[] = [];
    const good = await serverWith();
    const port = await hostile((socket) => {
      if (isTrickling) {
        ends.push(setInterval(() => socket.write('2'), 20));
        return;
      }
      const behind = connect(good.port, '127.0.0.1');
      behind.on('error', () => undefined);
      socket.pipe(behind).pipe(socket);
    });
    closers.push(() => ends.forEach(clearInterval));
    const carrier = carrierTo(port, { timeoutMs: 1_000 });
    const late = failure(carrier.send(letter));
    await new Promise((done) => setTimeout(done, 100));
    isTrickling = false;
    expect(await carrier.send(letter)).toEqual({ count: 1, refused: [] });
    expect(await late).toMatchObject({ kind: 'egress.timeout' });
    expect(good.mails).toHaveLength(1);
  });
});

describe('a test of the connection', () => {
  test('sends nothing', async () => {
    const server = await serverWith({ authOptional: false });
    await carrierTo(server.port, { username: 'mo', password: 'word' }).test();
    expect(server.connections()).toBe(1);
    expect(server.mails).toEqual([]);
  });

  test('says what is wrong', async () => {
    const server = await serverWith({ authOptional: false });
    const wrong = await failure(carrierTo(server.port, { username: 'mo', password: 'x' }).test());
    expect(wrong.message).toContain('refused the login');
    const silent = await failure(carrierTo(await hostile(() => undefined), { timeoutMs: 200 }).test());
    expect(silent).toMatchObject({ kind: 'egress.timeout' });
    const trickles = await hostile((socket) => {
      const timer = setInterval(() => socket.write('2'), 20);
      closers.push(() => clearInterval(timer));
    });
    expect(await failure(carrierTo(trickles, { timeoutMs: 300 }).test())).toMatchObject({
      kind: 'egress.timeout',
    });
  });
});

test('a carrier that was closed sends nothing more', async () => {
  const server = await serverWith();
  const carrier = carrierTo(server.port);
  await carrier.send(letter);
  await carrier.close();
  expect(await failure(carrier.send(letter))).toMatchObject({ kind: 'service.unavailable' });
});
