// A server that stops: nobody who uses a connection that he has loses a request.
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fixture, password, startFixture } from '../../test/http-fixture.ts';
import { Body } from '../core/body.ts';
import { authorityOf } from '../security/authority-fixture.ts';
import { BasicLogins } from '../security/basic-logins.ts';
import { Passwords } from '../security/passwords.ts';
import { LoginThrottle } from '../security/throttle.ts';
import { Authentication } from './authentication.ts';
import { createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.close());

async function answerAtOnce() {
  return { status: 200, headers: {}, body: Body.ofValue({ told: password }) };
}

/** A server that answers at once, unless it is given another way. */
async function start(
  dispatch: HttpServerOptions['dispatcher']['dispatch'] = answerAtOnce,
): Promise<HttpServer> {
  const { store, sessions } = fixture;
  const authority = authorityOf(store);
  const logins = { store, authority, passwords: new Passwords(), throttle: new LoginThrottle() };
  const basicLogins = new BasicLogins(logins);
  return createHttpServer({
    authentication: new Authentication({ sessions, basicLogins, authority, sessionTokenInQuery: false }),
    dispatcher: { dispatch },
    listServices: async () => ({ status: 200, headers: {}, body: undefined }),
    status: () => ({ version: '1', sandbox: { level: 'L2' }, checks: { system_database: true } }),
    observe: () => undefined,
    ...{ host: '127.0.0.1', port: 0, bodyBytes: 4_096, corsOrigins: ['*'], corsRules: () => [] },
  });
}

/** Which server clients connect to; until it is over. */
interface Round {
  port: number;
  isOver: boolean;
}

interface Tally {
  answered: number;
  readonly lost: unknown[];
}

const requestText = 'GET /api/v2/echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** One request on a connection; tells whether it may be used again. */
function exchange(socket: Socket): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let text = '';
    const end = (error?: Error) => reject(error ?? new Error(`closed after '${text}'`));
    const hear = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.endsWith(`"${password}"}`)) return;
      socket.off('data', hear).off('end', end).off('error', end);
      resolve(!/^connection: close\r$/im.test(text));
    };
    socket.on('data', hear).once('end', end).once('error', end);
    socket.write(requestText);
  });
}

/** Asks again and again by sockets of its own, and connects anew where it is asked to. */
async function rawClient(round: Round, tally: Tally): Promise<void> {
  while (!round.isOver) {
    const socket = connect(round.port, '127.0.0.1');
    socket.on('error', () => undefined);
    try {
      while ((await exchange(socket)) && !round.isOver) {
        tally.answered++;
        await pause(Math.random() * 12);
      }
      tally.answered++;
    } catch (error) {
      tally.lost.push(error);
    }
    socket.destroy();
  }
}

/** The same by a pool of connections of undici. */
async function pooledClient(round: Round, tally: Tally): Promise<void> {
  while (!round.isOver) {
    const pool = new Pool(`http://127.0.0.1:${round.port}`, { connections: 4 });
    let mayGoOn = true;
    const ask = async () => {
      const { headers, body } = await pool.request({ path: '/api/v2/echo/x', method: 'GET' });
      await body.text();
      tally.answered++;
      if (headers.connection === 'close') mayGoOn = false;
      await pause(Math.random() * 12);
    };
    while (mayGoOn && !round.isOver) {
      const outcomes = await Promise.allSettled([ask(), ask(), ask(), ask()]);
      const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      tally.lost.push(...lost);
      if (lost.length > 0) mayGoOn = false;
    }
    await pool.close();
  }
}

test('twenty servers take turns, and no client on a connection that is kept loses a request', async () => {
  let server = await start();
  const round: Round = { port: server.port, isOver: false };
  const tally: Tally = { answered: 0, lost: [] };
  const clients = [
    ...Array.from({ length: 14 }, () => rawClient(round, tally)),
    ...Array.from({ length: 3 }, () => pooledClient(round, tally)),
  ];
  for (let turn = 0; turn < 20; turn++) {
    const next = await start();
    round.port = next.port;
    server.drain();
    await pause(40);
    // None waits for so long: clients have gone by then.
    await server.close(1_000);
    server = next;
  }
  round.isOver = true;
  await Promise.all(clients);
  await server.close();
  expect(tally.lost).toEqual([]);
  expect(tally.answered).toBeGreaterThan(500);
});

/** All that comes back, and what ended it. */
function listenTo(socket: Socket): { text: string; readonly ended: Promise<string> } {
  const heard = { text: '', ended: Promise.resolve('') };
  heard.ended = new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      heard.text += chunk.toString('latin1');
    });
    socket.once('end', () => resolve('end')).once('error', (error) => resolve(error.message));
  });
  return heard;
}

/** Resolves when nobody gets a connection any more. */
async function unreachable({ url }: HttpServer): Promise<void> {
  const ask = () =>
    fetch(url).then(
      () => 'answered',
      () => 'refused',
    );
  await expect.poll(ask).toBe('refused');
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

test('connections end in order: idle ones, and those that nothing was ever asked on', async () => {
  const server = await start();
  const [idle, silent] = [await connected(server.port), await connected(server.port)];
  const [fromIdle, fromSilent] = [listenTo(idle), listenTo(silent)];
  idle.write(requestText);
  await expect.poll(() => fromIdle.text).toContain(password);
  expect(fromIdle.text).not.toMatch(/connection: close/i);
  await server.close(20);
  expect([await fromIdle.ended, await fromSilent.ended]).toEqual(['end', 'end']);
});

test('whoever asks once more on an idle connection is answered, and asked to go', async () => {
  const server = await start();
  const socket = await connected(server.port);
  const heard = listenTo(socket);
  server.drain();
  // Much longer than this takes: its connection is closed because it was answered, not because it is silent.
  const closed = server.close(20_000);
  await unreachable(server);
  socket.write(requestText);
  expect(await heard.ended).toBe('end');
  expect(heard.text).toContain(password);
  expect(heard.text).toMatch(/connection: close/i);
  await closed;
});

test('an answer that its client takes slowly is sent to its end', async () => {
  const long = 'x'.repeat(12_000_000);
  const result = { status: 200, headers: {}, body: Body.ofText(`"${long}"`, 'application/json') };
  let isAsked = false;
  const dispatch = async () => {
    isAsked = true;
    return result;
  };
  const server = await start(dispatch);
  const socket = await connected(server.port);
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.pause().write(requestText);
  await expect.poll(() => isAsked).toBe(true);
  // All of it is handed over, and most of it waits for its client.
  const closed = server.close();
  await unreachable(server);
  let length = 0;
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
  });
  socket.resume();
  await Promise.all([ended, closed]);
  expect(length).toBeGreaterThan(12_000_000);
});

test('probes are told at once, and requests are served until it is closed', async () => {
  const server = await start();
  const read = async (path: string) => {
    const response = await fetch(server.url + path);
    return [response.status, response.headers.get('connection'), await response.json()];
  };
  const asked = (accepting: string) => ({ system_database: 'ok', accepting });
  expect(await read('/status/ready')).toEqual([200, 'keep-alive', { status: 'ok', checks: asked('ok') }]);
  expect(server.isReady).toBe(true);
  server.drain();
  const draining = { status: 'draining', checks: asked('failed') };
  expect(await read('/status/ready')).toEqual([503, 'close', draining]);
  expect((await read('/status')).slice(0, 2)).toEqual([503, 'close']);
  expect(await read('/status/live')).toEqual([200, 'close', { status: 'ok' }]);
  expect(await read('/api/v2/echo/x')).toEqual([200, 'close', { told: password }]);
  expect(server.isReady).toBe(false);
  await server.close();
  await expect(fetch(server.url)).rejects.toThrow();
});
