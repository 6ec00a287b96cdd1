import { describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { Passwords } from './passwords.ts';

const passwords = new Passwords();

describe('hashing', () => {
  test('is Argon2id with 19 MiB and two passes, salted', async () => {
    const [one, other] = await Promise.all([passwords.hash('long enough'), passwords.hash('long enough')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(other);
  });

  test.each([
    ['too short', 'a'.repeat(limits.passwordMin - 1)],
    ['too long', 'a'.repeat(limits.passwordMax + 1)],
  ])('refuses a password that is %s', async (_what, password) => {
    await expect(passwords.hash(password)).rejects.toMatchObject({
      kind: 'request.invalid_field',
      status: 400,
    });
  });
});

describe('verifying', () => {
  test('tells the right password from others', async () => {
    const hash = await passwords.hash('long enough');
    expect(await passwords.verify(hash, 'long enough')).toBe(true);
    expect(await passwords.verify(hash, 'long enougH')).toBe(false);
    expect(await passwords.verify(hash, '')).toBe(false);
    expect(await passwords.verify(hash, 'a'.repeat(limits.passwordMax + 1))).toBe(false);
  });

  test('takes one password in two Unicode forms for the same', async () => {
    const hash = await passwords.hash('caf\u00e9 au lait');
    expect(await passwords.verify(hash, 'cafe\u0301 au lait')).toBe(true);
  });

  test('says no when there is no hash or one of another kind', async () => {
    expect(await passwords.verify(undefined, 'long enough')).toBe(false);
    expect(await passwords.verify('$2b$10$abcdefghijklmnopqrstuv', 'long enough')).toBe(false);
    expect(await passwords.verify('', 'long enough')).toBe(false);
  });

  test('refuses a flood at once and works again after it', async () => {
    const flooded = new Passwords();
    const hash = await flooded.hash('long enough');
    const all = limits.hashesAtOnce + limits.hashesWaiting;
    const answers = await Promise.allSettled(
      Array.from({ length: all + 5 }, () => flooded.verify(hash, 'long enough')),
    );
    const refused = answers.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(5);
    expect(refused[0]).toMatchObject({ reason: { kind: 'access.too_many_attempts', status: 429 } });
    expect(await flooded.verify(hash, 'long enough')).toBe(true);
  });
});
