// Network addresses and the ranges that outgoing calls keep out of: private, special and this machine's own.
// Invariant: an address is public only when its range is known to be; what cannot be read is not public.
import { isIP } from 'node:net';

/** An address as a number of its family; IPv4 inside IPv6 (`::ffff:1.2.3.4`) is the IPv4 address. */
export interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A range of addresses: all whose leading bits are those of `address`. */
export interface Range {
  readonly address: Address;
  readonly bits: number;
}

// IANA's special-purpose registry, multicast, reserved, and the addresses of clouds' metadata services.
const specialIpv4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

// Inside the one block that is given out to the public. Outside of it nothing is public: loopback, local and
// link-local addresses, multicast, and IPv4 written as IPv6 (`::127.0.0.1`, NAT64, SIIT).
const publicIpv6 = '2000::/3';
const specialIpv6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'];

/** Reads an address; undefined when it is none. A zone (`fe80::1%eth0`) is left out. */
export function parseAddress(text: string): Address | undefined {
  const bare = text.replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 4) return { family: 4, value: ipv4Value(bare) };
  if (family !== 6) return undefined;
  const value = ipv6Value(bare);
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a single address; undefined when it is none of them. */
export function parseRange(text: string): Range | undefined {
  const [, network = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseAddress(network);
  if (address === undefined) return undefined;
  const width = widthOf(address);
  // A length counts the bits as written: those of `::ffff:10.0.0.0/104` are 96 more than those of its IPv4.
  const written = isIP(network) === 6 && address.family === 4 ? 96 : 0;
  const bits = length === undefined ? width : Number(length) - written;
  return bits >= 0 && bits <= width ? { address, bits } : undefined;
}

/** Whether an address lies in a range. */
export function isWithin({ family, value }: Address, { address, bits }: Range): boolean {
  const shift = BigInt(widthOf(address) - bits);
  return family === address.family && value >> shift === address.value >> shift;
}

/** Whether an address is one of the public internet. */
export function isPublic(address: Address): boolean {
  if (address.family === 4) return !ipv4Ranges.some((range) => isWithin(address, range));
  return isWithin(address, publicBlock) && !ipv6Ranges.some((range) => isWithin(address, range));
}

function widthOf({ family }: Address): number {
  return family === 4 ? 32 : 128;
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(text: string): bigint {
  const plain = text.replace(/[^:]+\.[^:]+$/, (tail) => {
    const value = ipv4Value(tail);
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? [] : Array<string>(8 - front.length - back.length).fill('0');
  return [...front, ...zeros, ...back].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function known(text: string): Range {
  const range = parseRange(text);
  if (range === undefined) throw new TypeError(`${text} is no range`);
  return range;
}

const ipv4Ranges = specialIpv4.map(known);
const ipv6Ranges = specialIpv6.map(known);
const publicBlock = known(publicIpv6);
