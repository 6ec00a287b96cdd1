import { describe, expect, test } from 'vitest';
import { asPlatformError, catalog, envelope, PlatformError } from './errors.ts';
import { limits, limitTable } from './limits.ts';

describe('error catalogue', () => {
  test('every code has a family and an error status', () => {
    for (const [code, status] of Object.entries(catalog)) {
      expect(code).toMatch(/^(request|access|limit|script|service|queue|config|egress|mail)\.[a-z_]+$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
    }
  });

  test('the envelope shows message, code, context and status', () => {
    const plain = new PlatformError('request.not_found', 'Gone.');
    expect(envelope(plain)).toEqual({ code: 404, context: null, message: 'Gone.', status_code: 404 });
    const rich = new PlatformError('script.threw', 'No.', { status: 418, code: 7, context: { a: 1 } });
    expect(envelope(rich)).toEqual({ code: 7, context: { a: 1 }, message: 'No.', status_code: 418 });
  });

  test('headers that tell when to try again are those of the answer, not of the envelope', () => {
    const headers = { 'Retry-After': '5' };
    const busy = new PlatformError('limit.concurrency', 'Busy.', { headers });
    expect(busy.headers).toEqual(headers);
    expect(JSON.stringify(envelope(busy))).not.toContain('5');
    expect(new PlatformError('request.not_found', 'Gone.').headers).toEqual({});
  });

  test('what was not meant for callers is hidden behind a general message', () => {
    const error = asPlatformError(new Error('SELECT * FROM secret'));
    expect(error.kind).toBe('request.failed');
    expect(error.message).not.toMatch(/SELECT/);
    expect(error.cause).toBeInstanceOf(Error);
    const known = new PlatformError('request.conflict', 'Taken.');
    expect(asPlatformError(known)).toBe(known);
  });
});

describe('limits', () => {
  test('every limit is a positive number with a unit and a reason', () => {
    for (const [name, entry] of Object.entries(limitTable)) {
      expect(entry.value, name).toBeGreaterThan(0);
      expect(entry.unit, name).not.toBe('');
      expect(entry.reason.length, name).toBeGreaterThan(10);
      expect(limits[name as keyof typeof limits]).toBe(entry.value);
    }
  });
});
