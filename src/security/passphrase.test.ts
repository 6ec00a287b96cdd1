import { describe, expect, test } from 'vitest';
import { PassphraseSeal } from './passphrase.ts';

const passphrase = 'correct horse battery';

describe('a sealed value', () => {
  test.each([['text with ü'], [''], [7], [null], [{ a: [1, 'b'] }]])('%j opens again', async (value) => {
    const seal = await PassphraseSeal.begin(passphrase);
    const sealed = seal.seal(value, 'service|sales.config.password');
    expect(sealed).toMatch(/^[A-Za-z0-9+/]+=*$/);
    const again = await PassphraseSeal.open(passphrase, JSON.parse(JSON.stringify(seal.header)));
    expect(again.open(sealed, 'service|sales.config.password')).toEqual(value);
  });

  test('is another text each time, and every document has another salt', async () => {
    const [one, other] = await Promise.all([
      PassphraseSeal.begin(passphrase),
      PassphraseSeal.begin(passphrase),
    ]);
    expect(one.seal('x', 'p')).not.toBe(one.seal('x', 'p'));
    expect(one.header.salt).not.toBe(other.header.salt);
    expect(() => other.open(one.seal('x', 'p'), 'p')).toThrow(/can not be opened/);
  });

  test('opens nowhere else, changed, or under another passphrase', async () => {
    const seal = await PassphraseSeal.begin(passphrase);
    const sealed = seal.seal('hush', 'here');
    const bytes = Buffer.from(sealed, 'base64');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => seal.open(changed.toString('base64'), 'here')).toThrow(/sealed value of here/);
    }
    const wrong = await PassphraseSeal.open('another passphrase', seal.header);
    for (const [with_, text, place] of [
      [seal, sealed, 'there'],
      [seal, sealed.slice(0, 30), 'here'],
      [seal, '', 'here'],
      [seal, 'not base64 !!', 'here'],
      [wrong, sealed, 'here'],
    ] as const) {
      expect(() => with_.open(text, place)).toThrow(
        expect.objectContaining({ kind: 'request.invalid_record' }),
      );
    }
  });

  test('the same passphrase in another Unicode form opens it', async () => {
    const seal = await PassphraseSeal.begin('passphrase with ü in it');
    const other = await PassphraseSeal.open('passphrase with ü in it'.normalize('NFD'), seal.header);
    expect(other.open(seal.seal(1, 'p'), 'p')).toBe(1);
  });
});

describe('what is refused', () => {
  test.each(['', 'short', 'x'.repeat(11)])('the passphrase %j', async (short) => {
    await expect(PassphraseSeal.begin(short)).rejects.toThrow(/at least 12 characters/);
  });

  test.each([
    [null],
    [{}],
    ['text'],
    [{ n: 2 ** 30 }],
    [{ r: 1024 }],
    [{ p: 99 }],
    [{ kdf: 'none' }],
    [{ cipher: 'aes-128-ecb' }],
    [{ salt: '' }],
    [{ salt: 'AAAA' }],
    [{ salt: 7 }],
  ])('a header that says otherwise: %j', async (change) => {
    const { header } = await PassphraseSeal.begin(passphrase);
    const given = typeof change === 'object' && change !== null && Object.keys(change).length > 0;
    const wrong = given ? { ...header, ...(change as object) } : change;
    await expect(PassphraseSeal.open(passphrase, wrong)).rejects.toThrow(/'secrets'/);
  });
});
