// Options of queued runs: every spelling, every unit, every refusal.
import { describe, expect, it } from 'vitest';
import { fc } from '../../test/properties.ts';
import { limits } from './limits.ts';
import { readQueueOptions } from './queue-options.ts';

const usual = {
  delayMs: 0,
  priority: 0,
  tries: null,
  backoff: null,
  timeoutMs: null,
  uniqueKey: null,
  orderingKey: null,
  delivery: 'effects-once',
  version: 'pinned',
  onFailure: null,
};

describe('options of queued runs', () => {
  it('are the usual ones where nothing is said', () => {
    expect(readQueueOptions({})).toEqual(usual);
    expect(readQueueOptions({ queue: '', delay: null, lookups: false })).toEqual(usual);
  });

  it.each([
    ['queue', 'mail', { queue: 'mail' }],
    ['QUEUED_QUEUE', 'mail', { queue: 'mail' }],
    ['queue_queue', ' mail ', { queue: 'mail' }],
    ['connection', 'redis', { connection: 'redis' }],
    ['QUEUED_CONNECTION', 'redis', { connection: 'redis' }],
    ['queued_connection', 'redis', { connection: 'redis' }],
    ['delay', 300, { delayMs: 300_000 }],
    ['delay', '300', { delayMs: 300_000 }],
    ['QUEUED_DELAY', '5', { delayMs: 5_000 }],
    ['queue_delay', 5, { delayMs: 5_000 }],
    ['priority', -3, { priority: -3 }],
    ['tries', 7, { tries: 7 }],
    ['timeout', 60, { timeoutMs: 60_000 }],
    ['timeout_ms', 500, { timeoutMs: 500 }],
    ['backoff', 30, { backoff: { kind: 'list', delaysMs: [30_000] } }],
    ['backoff', '30', { backoff: { kind: 'list', delaysMs: [30_000] } }],
    ['backoff', [1, 5, 10], { backoff: { kind: 'list', delaysMs: [1_000, 5_000, 10_000] } }],
    [
      'backoff',
      { base: 1, most: 60, jitter: 0 },
      { backoff: { kind: 'exponential', baseMs: 1_000, mostMs: 60_000, jitter: 0 } },
    ],
    [
      'backoff',
      { base: 2 },
      { backoff: { kind: 'exponential', baseMs: 2_000, mostMs: limits.queueBackoffMostMs, jitter: 0.5 } },
    ],
    ['unique_key', 'a-{resource}', { uniqueKey: 'a-{resource}' }],
    ['ordering_key', 'b', { orderingKey: 'b' }],
    ['delivery', 'at-most-once', { delivery: 'at-most-once' }],
    ['delivery', 'at_least_once', { delivery: 'at-least-once' }],
    ['version', 'latest', { version: 'latest' }],
    ['on_failure', 'alerts/failed', { onFailure: 'alerts/failed' }],
  ])('%s: %j', (name, value, read) => {
    expect(readQueueOptions({ [name]: value })).toEqual({ ...usual, ...read });
  });

  it('take the documented spelling before another one', () => {
    expect(readQueueOptions({ QUEUED_QUEUE: 'a', queue: 'b' }).queue).toBe('b');
    expect(readQueueOptions({ queue: 'b', QUEUED_QUEUE: 'a' }).queue).toBe('b');
  });

  it.each<[string, unknown, RegExp]>([
    ['queue', 5, /'config\.queue' must be text/],
    ['QUEUED_QUEUE', ['a'], /'config\.QUEUED_QUEUE' must be text/],
    ['queue', 'x'.repeat(limits.queueNameChars + 1), /at most 64 characters/],
    ['connection', {}, /'config\.connection' must be text/],
    ['delay', -1, /'config\.delay' must be a whole number of seconds from 0/],
    ['delay', 1.5, /whole number of seconds/],
    ['delay', 'soon', /whole number of seconds/],
    ['delay', true, /whole number of seconds/],
    ['QUEUED_DELAY', limits.queueDelaySeconds + 1, /'config\.QUEUED_DELAY'/],
    ['priority', 'high', /'config\.priority' must be a whole number/],
    ['tries', 0, /from 1 to/],
    ['timeout', 0, /from 1 to/],
    ['backoff', -1, /seconds, a list of seconds/],
    ['backoff', [], /seconds, a list of seconds/],
    ['backoff', ['x'], /seconds, a list of seconds/],
    ['backoff', { base: 'x' }, /seconds, a list of seconds/],
    ['backoff', { base: 1, jitter: 2 }, /seconds, a list of seconds/],
    ['unique_key', 7, /'config\.unique_key' must be text/],
    ['delivery', 'exactly-once', /effects-once, at-least-once, at-most-once/],
    ['version', 'v2', /pinned, latest/],
    ['on_failure', [], /'config\.on_failure' must be text/],
  ])('%s: %j is refused by name', (name, value, message) => {
    expect(() => readQueueOptions({ [name]: value })).toThrow(message);
    expect(() => readQueueOptions({ [name]: value })).toThrow(expect.objectContaining({ status: 400 }));
  });

  it('are read or refused, whatever is given', () => {
    const names = fc.constantFrom(
      'queue',
      'delay',
      'backoff',
      'tries',
      'delivery',
      'QUEUED_DELAY',
      'timeout',
    );
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue()), (config) => {
        try {
          const { delayMs, tries } = readQueueOptions(config);
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(tries === null || tries >= 1).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ kind: 'script.invalid', status: 400 });
        }
      }),
    );
  });
});
