import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { sendPortions } from './portions.ts';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

type Outcome = boolean | Error;

/** A server that sends what `send` does; its URL and what came of it. */
async function serving(send: (response: ServerResponse) => Promise<boolean>) {
  const sent = Promise.withResolvers<Outcome>();
  const made = createServer((_request, response) => {
    send(response).then(sent.resolve, (error: Error) => {
      response.destroy();
      sent.resolve(error);
    });
  });
  server = made;
  await once(made.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${(made.address() as AddressInfo).port}`, outcome: sent.promise };
}

async function asked(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage];
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function* texts(...all: readonly string[]): AsyncGenerator<string> {
  yield* all;
}

/** Portions without end; how many were taken, and whether the loop over them was ended. */
function endless(portion: string) {
  const state = { taken: 0, hasEnded: false };
  async function* portions(): AsyncGenerator<string> {
    try {
      for (;;) {
        state.taken++;
        yield portion;
      }
    } finally {
      state.hasEnded = true;
    }
  }
  return { state, portions: portions() };
}

const megabyte = 'x'.repeat(1_048_576);

describe('portions', () => {
  test('are sent one after the other, and the answer ends', async () => {
    const { url, outcome } = await serving((response) => sendPortions(response, texts('a', '', 'b')));
    expect([await textOf(await asked(url)), await outcome]).toEqual(['ab', true]);
  });

  test.each([
    ['letters', 'ab'],
    ['characters of two halves, at every boundary', '😀'],
    ['such characters after a letter', '€😀'],
  ])('that are long are whole: %s', async (_what, unit) => {
    const text = `-${unit.repeat(limits.streamSliceChars)}`;
    const { url } = await serving((response) => sendPortions(response, texts(text, text.slice(1))));
    expect(await textOf(await asked(url))).toBe(text + text.slice(1));
  });

  test('are not taken ahead of the client', async () => {
    const { state, portions } = endless(megabyte);
    const { url } = await serving((response) => sendPortions(response, portions));
    const response = await asked(url);
    response.pause();
    let before = -1;
    while (before !== state.taken) {
      before = state.taken;
      await new Promise((done) => setTimeout(done, 100));
    }
    // What is under way fills the buffers of two sockets.
    expect(state.taken).toBeLessThan(32);
    response.destroy();
  });

  test('end when the client goes away', async () => {
    const { state, portions } = endless(megabyte);
    const { url, outcome } = await serving((response) => sendPortions(response, portions));
    (await asked(url)).destroy();
    expect([await outcome, state.hasEnded]).toEqual([false, true]);
  });

  test('end when the client does not read', async () => {
    const { state, portions } = endless(megabyte);
    const { url, outcome } = await serving((response) =>
      sendPortions(response, portions, { waitMs: 200, sliceMs: 10 }),
    );
    const response = await asked(url);
    response.pause();
    expect(await outcome).toMatchObject({ kind: 'request.timeout' });
    expect(state.hasEnded).toBe(true);
    await expect(textOf(response)).rejects.toThrow('aborted');
  });

  test('end when the client reads, but too slowly on average', async () => {
    const { portions } = endless(megabyte);
    const { url, outcome } = await serving((response) =>
      sendPortions(response, portions, { waitMs: 500, sliceMs: 0 }),
    );
    const response = await asked(url);
    response.on('error', () => undefined);
    let bytes = 0;
    // Some 16 MB/s, so that no single wait is long.
    const trickle = setInterval(() => {
      const chunk: Buffer | null = response.read(Math.min(262_144, response.readableLength));
      bytes += chunk?.length ?? 0;
    }, 15);
    expect(await outcome).toMatchObject({ kind: 'request.timeout' });
    clearInterval(trickle);
    expect(bytes).toBeGreaterThan(0);
  });

  test('that fail in the middle break the connection', async () => {
    async function* failing(): AsyncGenerator<string> {
      yield '{"resource":[1';
      throw new Error('the database is gone');
    }
    const { url, outcome } = await serving((response) => sendPortions(response, failing()));
    await expect(asked(url).then(textOf)).rejects.toThrow(/aborted|hang up/);
    expect(await outcome).toMatchObject({ message: 'the database is gone' });
  });
});
