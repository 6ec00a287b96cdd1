// Where outgoing calls may go: to public addresses, and to what the operator named in TENON_EGRESS_ALLOW.
// Invariant: a name is judged by every address that it has when the connection is made, never by its
// spelling.
import { networkInterfaces } from 'node:os';
import { PlatformError } from '../core/errors.ts';
import { type Address, isPublic, isWithin, parseAddress, parseRange, type Range } from './address.ts';

/** One exception: a range of addresses or a name, at one port or (addresses only) at all. */
type Exception = { readonly range: Range } | { readonly name: string };
type Allowance = Exception & { readonly port: number | undefined };

/** A place to connect to. */
export interface Destination {
  /** As it stands in the URL: a name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The exceptions of the operator. */
export class Allowances {
  readonly #allowances: readonly Allowance[];

  /** Throws `config.invalid` for an entry that names no place. */
  constructor(entries: readonly string[]) {
    this.#allowances = entries.map(parseAllowance);
  }

  /** Whether the name itself, with its port, is allowed, wherever it leads. */
  coversName({ host, port }: Destination): boolean {
    const name = host.toLowerCase().replace(/\.$/, '');
    return this.#allowances.some((each) => 'name' in each && each.name === name && each.port === port);
  }

  /** Whether a connection to an address is allowed: it is public, or an exception says so. */
  covers(address: string, port: number): boolean {
    const parsed = parseAddress(address);
    if (parsed === undefined) return false;
    if (isPublic(parsed) && !isOwn(parsed)) return true;
    return this.#allowances.some(
      (each) =>
        'range' in each && (each.port === undefined || each.port === port) && isWithin(parsed, each.range),
    );
  }
}

// A service of this machine may listen at its public address as well, and trust whoever is on the inside.
function isOwn(address: Address): boolean {
  const own = Object.values(networkInterfaces()).flat();
  return own.some((each) => {
    const parsed = each === undefined ? undefined : parseAddress(each.address);
    return parsed?.family === address.family && parsed.value === address.value;
  });
}

// `host:port`, `address`, `address:port`, `range`, `range:port`; IPv6 with a port stands in brackets.
function parseAllowance(entry: string): Allowance {
  const bracketed = /^\[([^\]]+)\](\/\d+)?(?::(\d+))?$/.exec(entry);
  const plain = /^([^:[\]]+)(?::(\d+))?$/.exec(entry);
  const [place, portText] =
    bracketed !== null
      ? [`${bracketed[1] ?? ''}${bracketed[2] ?? ''}`, bracketed[3]]
      : plain !== null
        ? [plain[1] ?? '', plain[2]]
        : [entry, undefined];
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && (port < 1 || port > 65_535)) throw refused(entry);
  const range = parseRange(place);
  if (range !== undefined) return { range, port };
  if (port === undefined || !/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(place)) throw refused(entry);
  // Digits and dots that are no address are a mistake, not a name.
  if (/^[\d.]+$/.test(place)) throw refused(entry);
  return { name: place.toLowerCase(), port };
}

function refused(entry: string): PlatformError {
  return new PlatformError(
    'config.invalid',
    `TENON_EGRESS_ALLOW must list host:port, address[:port] or range[:port], e.g. ` +
      `intranet.example:8080,10.1.0.0/16:443,[fd00::/8]:443; '${entry}' is none of them.`,
  );
}
