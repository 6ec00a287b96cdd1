import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { fc } from '../../test/properties.ts';
import { ClientAddresses } from './client-address.ts';

function request(remoteAddress: string | undefined, told?: string) {
  const headers = told === undefined ? {} : { 'x-forwarded-for': told };
  return { socket: { remoteAddress }, headers } as Pick<IncomingMessage, 'socket' | 'headers'>;
}

describe('the address of a caller', () => {
  const none = new ClientAddresses();
  const some = new ClientAddresses(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);

  it('is that of the connection where no proxy is named', () => {
    expect(none.of(request('10.0.0.1', '198.51.100.9'))).toBe('10.0.0.1');
    expect(none.of(request(undefined, '198.51.100.9'))).toBeUndefined();
  });

  it.each([
    ['10.1.2.3', '198.51.100.9', '198.51.100.9'],
    ['::ffff:10.1.2.3', '198.51.100.9', '198.51.100.9'],
    ['192.0.2.7', '2001:db8::1', '2001:db8::1'],
    ['fd00::1', '198.51.100.9', '198.51.100.9'],
    ['10.1.2.3', '::ffff:198.51.100.9', '198.51.100.9'],
    // What a client wrote itself stands before what the proxy added.
    ['10.1.2.3', '127.0.0.1, 198.51.100.9', '198.51.100.9'],
    ['10.1.2.3', '203.0.113.5, 10.9.9.9', '203.0.113.5'],
    ['10.1.2.3', '10.9.9.9', '10.9.9.9'],
    ['10.1.2.3', 'nonsense', '10.1.2.3'],
    ['10.1.2.3', '203.0.113.5, nonsense', '10.1.2.3'],
    ['10.1.2.3', '', '10.1.2.3'],
    ['10.1.2.3', undefined, '10.1.2.3'],
  ])('behind the proxy %s that tells %s is %s', (proxy, told, address) => {
    expect(some.of(request(proxy, told))).toBe(address);
  });

  it('is not what anybody else tells', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (address, told) => {
        fc.pre(!address.startsWith('10.') && address !== '192.0.2.7');
        expect(some.of(request(address, told))).toBe(address);
      }),
    );
  });

  it('behind a proxy is always the last that it told, whatever stands before', () => {
    fc.assert(
      fc.property(fc.string(), (written) => {
        expect(some.of(request('10.1.2.3', `${written},198.51.100.9`))).toBe('198.51.100.9');
      }),
    );
  });
});

it.each(['', 'balancer', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.0/-1'])(
  "'%s' is no proxy",
  (proxy) => {
    expect(() => new ClientAddresses([proxy])).toThrow(RangeError);
  },
);
