import { describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { checkedAddress, checkedLine, readAddresses } from './mail-address.ts';

const named = (name: string, email: string) => ({ name, email });

describe('addresses are read', () => {
  test.each<[unknown, ReturnType<typeof named>[]]>([
    [undefined, []],
    [null, []],
    ['', []],
    [[], []],
    ['a@b.c', [named('', 'a@b.c')]],
    ['Ann <a@b.c>, d@e.f', [named('Ann', 'a@b.c'), named('', 'd@e.f')]],
    ['"Doe, Jane" <j@b.c>', [named('Doe, Jane', 'j@b.c')]],
    [{ email: ' a@b.c ' }, [named('', 'a@b.c')]],
    [{ name: 'Ann', email: 'a@b.c' }, [named('Ann', 'a@b.c')]],
    [{ name: null, email: 'a@b.c' }, [named('', 'a@b.c')]],
    [
      ['a@b.c', { name: 'D', email: 'd@e.f' }],
      [named('', 'a@b.c'), named('D', 'd@e.f')],
    ],
    ['{first_name} <{email}>', [named('{first_name}', '{email}')]],
    ['friends: a@b.c, d@e.f;', [named('', 'a@b.c'), named('', 'd@e.f')]],
  ])('%j', (given, expected) => {
    expect(readAddresses(given, 'to')).toEqual(expected);
  });

  test.each([
    [7],
    [true],
    [{}],
    [{ email: 7 }],
    [[['a@b.c']]],
    [[null]],
    [{ name: 7, email: 'a@b.c' }],
    [[7]],
  ])('not from %j', (given) => {
    expect(() => readAddresses(given, 'cc')).toThrow(/^Field 'cc' must be an address/);
  });

  test('as many as one mail may go to, and no text beyond all bounds', () => {
    const list = (length: number) => Array.from({ length }, (_none, index) => `u${index}@b.c`);
    expect(readAddresses(list(limits.mailRecipients), 'to')).toHaveLength(limits.mailRecipients);
    expect(() => readAddresses(list(limits.mailRecipients + 1), 'to')).toThrow('names 101 addresses');
    expect(() => readAddresses('a'.repeat(limits.mailAddressChars + 1), 'to')).toThrow(
      'at most 32768 characters',
    );
  });

  test('within a moment, whatever a text looks like', () => {
    for (const piece of ['(', '"', '<', 'a:', ';', ',', '@', '\\', 'a@b.c ', 'g:g:']) {
      const text = piece.repeat(limits.mailAddressChars / piece.length - 1);
      try {
        readAddresses(text, 'to');
      } catch (error) {
        expect(error).toMatchObject({ kind: 'request.invalid_record' });
      }
    }
  });

  test('and a line break is no space', () => {
    expect(() => readAddresses('a@b.c\r\nBcc: x@y.z', 'to')).toThrow("Field 'to' must not have line breaks");
  });
});

describe('an address can be written to', () => {
  test.each([
    'a@b.c',
    "o'neil+tag@sub.example.co.uk",
    'first.last@example.com',
    'root@localhost',
    'ops@xn--bcher-kva.example',
    'ops@bücher.example',
    `${'a'.repeat(64)}@example.com`,
  ])('%s', (email) => {
    expect(checkedAddress({ name: 'N', email }, 'to')).toEqual({ name: 'N', email });
  });

  test.each([
    '',
    'a',
    '@b.c',
    'a@',
    'a@@b.c',
    'a@b@c.d',
    'a b@c.d',
    'a@b c.d',
    'a@b..c',
    'a@.b',
    'a@b.',
    'a@-b.c',
    'a@b-.c',
    '.a@b.c',
    'a.@b.c',
    'a..b@c.d',
    '"a b"@c.d',
    'a@[127.0.0.1]',
    '<a@b.c>',
    'a@b.c,d@e.f',
    'a@b.c;d@e.f',
    'a@b.c\r\nRCPT TO:<x@y.z>',
    'a@b.c\n',
    'a@b.c\u0000',
    'a(comment)@b.c',
    '{email}',
    'a@{host}',
    'a@b_c.d',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
    `a@${'b.'.repeat(130)}com`,
    'ä@b.c',
    '-oQ/tmp@b.c',
    '-a@b.c',
  ])('not %j', (email) => {
    expect(() => checkedAddress({ name: '', email }, 'to')).toThrow(
      /^Field 'to' has '.*', which is no address of mail\.$/s,
    );
  });

  test.each(['\r\n', '\n', '\r', '\u0000', '\u2028', '\u0085', '\t'])('nor a name with %j', (character) => {
    const name = `Ann${character}Bcc: x@y.z`;
    expect(() => checkedAddress({ name, email: 'a@b.c' }, 'to')).toThrow('must not have line breaks');
    expect(() => checkedLine(name, 'subject')).toThrow("Field 'subject' must not have line breaks");
  });

  test('nor a name of any length', () => {
    expect(() => checkedAddress({ name: 'n'.repeat(256), email: 'a@b.c' }, 'to')).toThrow(
      'at most 255 characters',
    );
  });
});
