import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { Allowances } from './destinations.ts';

describe('Allowances', () => {
  test('public addresses need none, others are out of reach', () => {
    const none = new Allowances([]);
    expect(none.covers('8.8.8.8', 80)).toBe(true);
    expect(none.covers('127.0.0.1', 80)).toBe(false);
    expect(none.covers('no address', 80)).toBe(false);
    expect(none.coversName({ host: 'localhost', port: 80 })).toBe(false);
  });

  test.each<[string, string, number, boolean]>([
    ['127.0.0.1', '127.0.0.1', 1, true],
    ['127.0.0.1:80', '127.0.0.1', 80, true],
    ['127.0.0.1:80', '127.0.0.1', 81, false],
    ['127.0.0.1:80', '127.0.0.2', 80, false],
    ['127.0.0.1:80', '::ffff:127.0.0.1', 80, true],
    ['10.1.0.0/16', '10.1.200.3', 5432, true],
    ['10.1.0.0/16:443', '10.1.200.3', 443, true],
    ['10.1.0.0/16:443', '10.1.200.3', 80, false],
    ['::1', '::1', 80, true],
    ['[::1]:8080', '::1', 8080, true],
    ['[::1]:8080', '::1', 8081, false],
    ['fd00::/8', 'fd12::1', 80, true],
    ['[fd00::]/8:443', 'fd12::1', 443, true],
    ['[fd00::/8]:443', 'fd12::1', 443, true],
    ['[fd00::/8]:443', 'fd12::1', 80, false],
    ['localhost:80', '127.0.0.1', 80, false],
  ])('%s covers %s port %i: %s', (entry, address, port, expected) => {
    expect(new Allowances([entry]).covers(address, port)).toBe(expected);
  });

  test.each<[string, string, number, boolean]>([
    ['localhost:80', 'localhost', 80, true],
    ['LocalHost:80', 'LOCALHOST.', 80, true],
    ['localhost:80', 'localhost', 81, false],
    ['db.example:80', 'evil.db.example', 80, false],
    ['db.example:80', 'db.example.evil', 80, false],
    ['127.0.0.1:80', '127.0.0.1', 80, false],
  ])('%s covers the name %s port %i: %s', (entry, host, port, expected) => {
    expect(new Allowances([entry]).coversName({ host, port })).toBe(expected);
  });

  test.each([
    'localhost',
    '*',
    '*.example.com:80',
    'host:0',
    'host:65536',
    'host:port',
    '1.2.3:80',
    '10.0.0.0/99',
    'http://host:80',
    '[::1',
    '::1]:80',
    'a b:80',
    '-x:80',
  ])("'%s' is refused, and the message shows what is taken", (entry) => {
    expect(() => new Allowances(['127.0.0.1', entry])).toThrow(
      /TENON_EGRESS_ALLOW must list .* none of them/,
    );
  });

  test('an address of this machine is out of reach even if it is public', () => {
    const own = Object.values(networkInterfaces())
      .flat()
      .map((each) => each?.address ?? '');
    expect(own.length).toBeGreaterThan(0);
    for (const address of own) expect(new Allowances([]).covers(address, 80)).toBe(false);
  });
});
