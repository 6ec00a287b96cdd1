// Kept answers: what comes back is what was answered, and only to who knows the key.
import { describe, expect, it } from 'vitest';
import { fc } from '../../../test/properties.ts';
import { Body } from '../../core/body.ts';
import { limits } from '../../core/limits.ts';
import type { Result } from '../../core/operation.ts';
import { openAnswer, sealAnswer } from './answer.ts';

const key = { secret: 'api user:1\nk', token: 'a'.repeat(32) };
const again = (result: Result) => openAnswer(sealAnswer(result, key), key);
const answer = (body: Body | undefined, more: Partial<Result> = {}): Result => {
  return { status: 200, headers: {}, body, ...more };
};

describe('an answer', () => {
  it('comes back with its status, headers, media type and content', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 499 }), fc.jsonValue(), (status, value) => {
        const headers = { 'X-Made-By': 'ü', Location: '/a' };
        const result = again({ status, headers, body: Body.ofValue(value), mediaType: 'text/html' });
        expect(result).toMatchObject({ status, headers, mediaType: 'text/html' });
        expect(result.body?.text).toBe(JSON.stringify(value));
        expect(result.body?.isJson).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps the digits of its numbers', () => {
    const text = '{"n":12345678901234567890.123456789012345678}';
    expect(again(answer(Body.ofText(text))).body?.text).toBe(text);
  });

  it('may be text of any type, bytes, or nothing', () => {
    const csv = again(answer(Body.ofText('a,b\n1,"ü"', 'text/csv'))).body;
    expect([csv?.text, csv?.mediaType, csv?.isJson]).toEqual(['a,b\n1,"ü"', 'text/csv', false]);
    const bytes = Uint8Array.of(0, 255, 128, 10);
    const file = again(answer(Body.ofBytes(bytes, 'application/zip'))).body;
    expect([file?.isBinary, file?.mediaType, [...(file?.bytes ?? [])]]).toEqual([
      true,
      'application/zip',
      [...bytes],
    ]);
    expect(again(answer(undefined, { status: 204 }))).toEqual({ status: 204, headers: {}, body: undefined });
  });

  it('that is too long comes back without its content, and says so', () => {
    const longest = again(answer(Body.ofText('x'.repeat(limits.idempotencyAnswerChars), 'text/plain')));
    expect([longest.body?.text.length, longest.headers]).toEqual([limits.idempotencyAnswerChars, {}]);
    const long = again(answer(Body.ofText('x'.repeat(limits.idempotencyAnswerChars + 1), 'text/plain')));
    expect(long).toEqual({ status: 200, headers: { 'Idempotency-Content': 'omitted' }, body: undefined });
  });
});

describe('what is kept', () => {
  it('is different each time, and tells nothing', () => {
    const result = answer(Body.ofValue({ session_token: 'a-secret' }), { headers: { 'X-Own': 'a-secret' } });
    const [one, other] = [sealAnswer(result, key), sealAnswer(result, key)];
    expect(one).not.toBe(other);
    expect(Buffer.from(one, 'base64').toString('latin1')).not.toContain('secret');
  });

  const others = {
    'another key': { ...key, secret: 'api user:1\nj' },
    'another caller': { ...key, secret: 'api user:2\nk' },
    'another answer': { ...key, token: 'b'.repeat(32) },
  };
  it.each(Object.entries(others))('opens with its own key only: %s', (_name, other) => {
    const sealed = sealAnswer(answer(undefined), key);
    expect(() => openAnswer(sealed, other)).toThrow(/cannot be read/);
  });

  it('is refused when it was changed', () => {
    const bytes = Buffer.from(sealAnswer(answer(Body.ofValue({ a: 1 })), key), 'base64');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8((changed.readUInt8(at) + 1) % 256, at);
      expect(() => openAnswer(changed.toString('base64'), key)).toThrow(/cannot be read/);
    }
    for (const text of ['', 'x', bytes.subarray(0, 20).toString('base64')]) {
      expect(() => openAnswer(text, key)).toThrow(/cannot be read/);
    }
  });
});
