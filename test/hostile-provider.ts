// A provider of identities that does whatever a test says: honest by default, and hostile in one place at a time.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What is different from an honest provider. */
export interface Tricks {
  /** Changes to the discovery document. */
  readonly discovery?: Json;
  /** Changes to the claims of the ID token; undefined takes one out. */
  readonly claims?: Json;
  /** Changes to its header. */
  readonly header?: Json;
  /** How the token is signed; honestly when absent. */
  readonly signature?: 'none' | 'hmac with the public key' | 'hmac with the secret' | 'another key' | 'zeros';
  /** Makes the whole ID token. */
  readonly idToken?: (honest: string) => string | undefined;
  /** Answers a path in place of the provider. */
  readonly paths?: Readonly<Record<string, Answer>>;
  readonly userInfo?: Json;
}

/** A running provider. */
export interface HostileProvider {
  readonly issuer: string;
  tricks: Tricks;
  /** Paths that were asked for, and bodies that came to the token endpoint. */
  readonly asked: string[];
  readonly bodies: URLSearchParams[];
  readonly authorizations: (string | undefined)[];
  /** Where a browser would come back, from an authorization URL. */
  comeBack(url: string): URLSearchParams;
  close(): Promise<void>;
}

const pair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });

/** Starts one. */
export async function startHostileProvider(): Promise<HostileProvider> {
  const [own, other] = [pair(), pair()];
  const jwk = { ...own.publicKey.export({ format: 'jwk' }), kid: 'own', use: 'sig', alg: 'RS256' };
  // By state: what the browser was sent away with.
  const nonces = new Map<string, string>();
  const asked: string[] = [];
  const bodies: URLSearchParams[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const hostile: HostileProvider = {
    ...{ issuer, tricks: {}, asked, bodies, authorizations },
    comeBack: (url) => {
      const { searchParams } = new URL(url);
      const state = searchParams.get('state') ?? '';
      nonces.set(state, searchParams.get('nonce') ?? '');
      return new URLSearchParams({ state, code: `code-${state}` });
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0] ?? '';
    asked.push(path);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const trick = hostile.tricks.paths?.[path];
    if (trick !== undefined) return trick(request, response);
    if (path === '/.well-known/openid-configuration') return sendJson(response, discovery());
    if (path === '/jwks') return sendJson(response, { keys: [jwk] });
    if (path === '/me') return sendJson(response, hostile.tricks.userInfo ?? {});
    if (path !== '/token') return void response.writeHead(404).end();
    const body = new URLSearchParams(Buffer.concat(chunks).toString());
    bodies.push(body);
    authorizations.push(request.headers.authorization);
    const honest = idToken(nonces.get((body.get('code') ?? '').slice(5)) ?? '');
    const { idToken: trickToken } = hostile.tricks;
    const id_token = trickToken === undefined ? honest : trickToken(honest);
    sendJson(response, { access_token: 'the access token', token_type: 'Bearer', id_token });
  }

  function discovery(): Json {
    return {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      ...hostile.tricks.discovery,
    };
  }

  function idToken(nonce: string): string {
    const now = Math.floor(Date.now() / 1000);
    const honest = { iss: issuer, aud: 'tenon', sub: 'eve', iat: now, exp: now + 300, nonce };
    const person = { email: 'eve@example.com', email_verified: true };
    const { claims, header, signature } = hostile.tricks;
    const head = { alg: 'RS256', kid: 'own', ...header };
    const input = `${encoded(head)}.${encoded({ ...honest, ...person, ...claims })}`;
    return `${input}.${signed(input, signature)}`;
  }

  function signed(input: string, how: Tricks['signature']): string {
    if (how === 'none') return '';
    if (how === 'zeros') return Buffer.alloc(256).toString('base64url');
    if (how === 'hmac with the public key') {
      const pem = own.publicKey.export({ format: 'pem', type: 'spki' });
      return createHmac('sha256', pem).update(input).digest('base64url');
    }
    if (how === 'hmac with the secret') {
      return createHmac('sha256', hostileSecret).update(input).digest('base64url');
    }
    const key: KeyObject = how === 'another key' ? other.privateKey : own.privateKey;
    return sign('sha256', Buffer.from(input), key).toString('base64url');
  }

  return hostile;
}

/** The secret that the client `tenon` has there. */
export const hostileSecret = 'a secret that the hostile provider knows';

/** JSON as an answer. */
export function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function encoded(value: Json): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
