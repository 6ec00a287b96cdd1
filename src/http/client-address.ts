// Whose address a request is counted under. Invariant: what a request says of its way is believed only as far
// as proxies said it that the operator named; without any, the connection alone counts.
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** The addresses of callers. */
export class ClientAddresses {
  readonly #trusted: BlockList | undefined;

  /** `proxies` are addresses and ranges. Throws RangeError for what is neither. */
  constructor(proxies: readonly string[] = []) {
    this.#trusted = proxies.length === 0 ? undefined : listOf(proxies);
  }

  of({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string | undefined {
    const { remoteAddress } = socket;
    const told = headers['x-forwarded-for'];
    if (this.#trusted === undefined || told === undefined || remoteAddress === undefined)
      return remoteAddress;
    // Each proxy adds at the end from whom it got the request; so it is read from there.
    const way = String(told).split(',');
    let nearest = plain(remoteAddress);
    while (this.#isTrusted(nearest)) {
      const next = plain(way.pop()?.trim() ?? '');
      if (isIP(next) === 0) break;
      nearest = next;
    }
    return nearest;
  }

  #isTrusted(address: string): boolean {
    return this.#trusted?.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') === true;
  }
}

// Sockets that listen for both kinds tell the older addresses in the form of the newer.
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}

function listOf(proxies: readonly string[]): BlockList {
  const list = new BlockList();
  for (const proxy of proxies) {
    const [address = '', bits, ...rest] = proxy.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const most = family === 'ipv6' ? 128 : 32;
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : most + 1;
    if (isIP(address) === 0 || prefix > most || rest.length > 0) throw new RangeError(proxy);
    list.addSubnet(address, prefix, family);
  }
  return list;
}
