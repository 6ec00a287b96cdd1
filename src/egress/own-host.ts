// Connections to the hosts that services are configured with: an administrator named them, so addresses
// inside are fine. Invariant: what a cloud tells its machines (credentials among it) is never reached,
// whatever a name leads to.
import { lookup } from 'node:dns/promises';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { PlatformError } from '../core/errors.ts';
import { isWithin, parseAddress, parseRange, type Range } from './address.ts';
import type { Destination } from './destinations.ts';
import type { Resolve } from './dialer.ts';

/** How a connection is made. */
export interface OwnHostOptions {
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /** Finds the addresses of a name; the system's way when absent. */
  readonly resolve?: Resolve;
}

// Link-local addresses and those of metadata services, also in the ways of writing IPv4 as IPv6.
const metadata: readonly Range[] = [
  ...['169.254.0.0/16', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
  ...['fe80::/10', 'fd00:ec2::254/128', 'fd20:ce::254/128'],
  ...['::a9fe:0/112', '::ffff:0:a9fe:0/112', '64:ff9b::a9fe:0/112', '2002:a9fe::/32'],
].flatMap((text) => parseRange(text) ?? []);

/** Opens a connection. Throws `egress.refused`, and the errors of Node's sockets. */
export async function connectToOwn(
  { host, port }: Destination,
  { signal, resolve = (name) => lookup(name, { all: true, verbatim: true }) }: OwnHostOptions,
): Promise<Socket> {
  const family = isIP(host);
  const all = family === 0 ? await resolve(host) : [{ address: host, family }];
  signal.throwIfAborted();
  const [first] = all;
  if (first === undefined || !all.every(({ address }) => isAllowed(address))) throw refused();
  const answering: LookupFunction = (_host, { all: wantsAll }, answer) => {
    if (wantsAll === true) answer(null, [...all]);
    else answer(null, first.address, first.family);
  };
  const { promise, resolve: done, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port, lookup: answering, autoSelectFamily: true, signal, noDelay: true });
  // Stays: until whoever takes the connection listens, an error must not end the process.
  socket.on('error', reject);
  socket.once('connect', () => {
    if (isAllowed(socket.remoteAddress ?? '')) done(socket);
    else reject(refused());
  });
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function isAllowed(address: string): boolean {
  const parsed = parseAddress(address);
  return parsed !== undefined && !metadata.some((range) => isWithin(parsed, range));
}

// Without the name: it may have come out of a private lookup.
function refused(): PlatformError {
  return new PlatformError(
    'egress.refused',
    'The host of this service leads to an address that no service may reach: one of the machine itself or ' +
      'of what its cloud tells it.',
  );
}
