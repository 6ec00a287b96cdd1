// Makes the connections of outgoing calls. Invariant: the addresses of a name are looked up once, judged, and
// only those that passed are connected to; what the connection reached in the end is judged again.
import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Allowances, Destination } from './destinations.ts';
import { Gate } from './gate.ts';

/** An address of a name. */
export interface Resolved {
  readonly address: string;
  readonly family: number;
}

/** Finds the addresses of a name. */
export type Resolve = (host: string) => Promise<readonly Resolved[]>;

/** What a dialer is made of. */
export interface DialerParts {
  readonly allowances: Allowances;
  /** Of undici. */
  readonly build: typeof buildConnector;
  /** The system's way when absent. */
  readonly resolve?: Resolve;
}

/** Connects to where outgoing calls may go. */
export class Dialer {
  readonly #allowances: Allowances;
  readonly #build: typeof buildConnector;
  readonly #resolve: Resolve;
  // Looking up a name holds a thread that files and passwords need as well.
  readonly #lookups = new Gate(limits.egressLookupsAtOnce);

  constructor({ allowances, build, resolve }: DialerParts) {
    this.#allowances = allowances;
    this.#build = build;
    this.#resolve = resolve ?? ((host) => lookup(host, { all: true, verbatim: true }));
  }

  /** As undici asks for it: the socket, or the reason why there is none, goes to `done`. */
  connect(options: buildConnector.Options, done: buildConnector.Callback): void {
    const destination = destinationOf(options);
    this.#addresses(destination).then(
      (addresses) => {
        // The name stays in the options: certificates are made for names.
        const connect = this.#build({ timeout: limits.egressConnectMs, lookup: answering(addresses) });
        const { hostname } = options;
        const servername = options.servername ?? (isIP(hostname) === 0 ? hostname : undefined);
        const named = servername === undefined ? options : { ...options, servername };
        connect(named, this.#reached(destination, done));
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), null),
    );
  }

  async #addresses(destination: Destination): Promise<readonly Resolved[]> {
    const { host, port } = destination;
    const family = isIP(host);
    const all =
      family === 0
        ? await this.#lookups.pass(() => this.#resolve(host), AbortSignal.timeout(limits.egressConnectMs))
        : [{ address: host, family }];
    const isNamed = this.#allowances.coversName(destination);
    const allowed = isNamed ? all : all.filter(({ address }) => this.#allowances.covers(address, port));
    if (allowed.length === 0) throw refused(destination);
    return allowed;
  }

  #reached(destination: Destination, done: buildConnector.Callback): buildConnector.Callback {
    return (error, socket) => {
      if (error !== null) {
        done(error, null);
        return;
      }
      const isNamed = this.#allowances.coversName(destination);
      if (isNamed || this.#allowances.covers(socket?.remoteAddress ?? '', destination.port)) {
        done(null, socket as Socket);
        return;
      }
      socket?.destroy();
      done(refused(destination), null);
    };
  }
}

function destinationOf({ hostname, protocol, port }: buildConnector.Options): Destination {
  const host = hostname.replace(/^\[|\]$/g, '');
  return { host, port: Number(port) || (protocol === 'https:' ? 443 : 80) };
}

function answering(addresses: readonly Resolved[]): LookupFunction {
  const [first] = addresses;
  return (_host, { all }, answer) => {
    if (all === true) answer(null, [...addresses]);
    else answer(null, first?.address ?? '', first?.family ?? 0);
  };
}

/** The refusal of a place. */
function refused({ host, port }: Destination): PlatformError {
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new PlatformError(
    'egress.refused',
    `Calls to '${place}' are not allowed: it is no public address. ` +
      'The operator of this server may allow it with TENON_EGRESS_ALLOW.',
  );
}
