// A provider of identities that does what a test says: honest by default, hostile in one place at a time.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
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

const pair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });

/** A provider that tests steer. */
export class HostileProvider {
  tricks: Tricks = {};
  /** Paths that were asked for, and what came to the token endpoint. */
  readonly asked: string[] = [];
  readonly bodies: URLSearchParams[] = [];
  readonly authorizations: (string | undefined)[] = [];
  readonly #own = pair();
  readonly #other = pair();
  // By state: what browsers were sent away with.
  readonly #nonces = new Map<string, string>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  /** Starts one. */
  static async start(): Promise<HostileProvider> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return new HostileProvider(server);
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a browser would come back with, of an authorization URL. */
  comeBack(url: string): URLSearchParams {
    const { searchParams } = new URL(url);
    const state = searchParams.get('state') ?? '';
    this.#nonces.set(state, searchParams.get('nonce') ?? '');
    return new URLSearchParams({ state, code: `code-${state}` });
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((closed) => this.#server.close(() => closed()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0] ?? '';
    this.asked.push(path);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const trick = this.tricks.paths?.[path];
    if (trick !== undefined) return trick(request, response);
    if (path === '/.well-known/openid-configuration') return sendJson(response, this.#discovery());
    if (path === '/jwks') return sendJson(response, { keys: [this.#jwk()] });
    if (path === '/me') return sendJson(response, this.tricks.userInfo ?? {});
    if (path !== '/token') return void response.writeHead(404).end();
    const body = new URLSearchParams(Buffer.concat(chunks).toString());
    this.bodies.push(body);
    this.authorizations.push(request.headers.authorization);
    const honest = this.#idToken(this.#nonces.get((body.get('code') ?? '').slice(5)) ?? '');
    const { idToken } = this.tricks;
    const id_token = idToken === undefined ? honest : idToken(honest);
    sendJson(response, { access_token: 'the access token', token_type: 'Bearer', id_token });
  }

  #jwk(): Json {
    return { ...this.#own.publicKey.export({ format: 'jwk' }), kid: 'own', use: 'sig', alg: 'RS256' };
  }

  #discovery(): Json {
    const { issuer } = this;
    return {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      ...this.tricks.discovery,
    };
  }

  #idToken(nonce: string): string {
    const now = Math.floor(Date.now() / 1000);
    const honest = { iss: this.issuer, aud: 'tenon', sub: 'eve', iat: now, exp: now + 300, nonce };
    const person = { email: 'eve@example.com', email_verified: true };
    const { claims, header } = this.tricks;
    const head = { alg: 'RS256', kid: 'own', ...header };
    const input = `${encoded(head)}.${encoded({ ...honest, ...person, ...claims })}`;
    return `${input}.${this.#signed(input)}`;
  }

  #signed(input: string): string {
    const how = this.tricks.signature;
    if (how === 'none') return '';
    if (how === 'zeros') return Buffer.alloc(256).toString('base64url');
    if (how === 'hmac with the public key') {
      const pem = this.#own.publicKey.export({ format: 'pem', type: 'spki' });
      return createHmac('sha256', pem).update(input).digest('base64url');
    }
    if (how === 'hmac with the secret') {
      return createHmac('sha256', hostileSecret).update(input).digest('base64url');
    }
    const { privateKey } = how === 'another key' ? this.#other : this.#own;
    return sign('sha256', Buffer.from(input), privateKey).toString('base64url');
  }
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
