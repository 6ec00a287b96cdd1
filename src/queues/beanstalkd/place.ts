// Where a beanstalkd is. Invariant: what is wrong is told by the name of its field.
import { isBetween, isHost, ports } from '../settings.ts';
import type { ConfigFlaw } from '../transport.ts';

/** Where to connect to. */
export interface BeanstalkPlace {
  readonly host: string;
  readonly port: number;
}

/** What is wrong with a configuration. */
export function flawOf({ host, port, prefix }: Readonly<Record<string, unknown>>): ConfigFlaw | undefined {
  if (!isHost(host)) return { field: 'host', reason: 'must be the name or address of a server' };
  if (!isBetween(port, ports)) {
    return { field: 'port', reason: 'must be a number from 1 to 65535' };
  }
  if (typeof prefix === 'string' && prefix !== '' && !/^[A-Za-z0-9][\w.-]{0,40}$/.test(prefix)) {
    return {
      field: 'prefix',
      reason:
        "may have letters, digits, '_', '-' and '.' only, up to 40 of them; the first is none of the latter",
    };
  }
  return undefined;
}
