import { describe, expect, test } from 'vitest';
import { PlatformError } from './core/errors.ts';
import { createLog } from './log.ts';

function lines(level: Parameters<typeof createLog>[0]) {
  const written: Record<string, unknown>[] = [];
  const log = createLog(level, { write: (line) => written.push(JSON.parse(line)) });
  return { ...log, written };
}

describe('the log', () => {
  test('output of a script is written as DreamFactory writes it', () => {
    const { observe, written } = lines('info');
    const log = [
      { level: 'log', text: 'printed output' },
      { level: 'warn', text: 'more' },
    ] as const;
    observe({
      kind: 'script.finished',
      script: 'hr.get.pre_process',
      runner: 'nodejs',
      ms: 1,
      log,
      run: null,
    });
    expect(written.map((line) => line.msg)).toEqual([
      "Script 'hr.get.pre_process' output:\nprinted output\nmore",
    ]);
  });

  test('a script that fails is a warning, one that is silent and well is nothing', () => {
    const { observe, written } = lines('info');
    const about = { script: 'a', runner: 'nodejs', ms: 1, log: [], run: 'r-1' };
    observe({ ...about, kind: 'script.finished' });
    observe({ ...about, kind: 'script.failed', outcome: 'threw', reason: 'boom' });
    expect(written).toMatchObject([{ level: 40, script: 'a', outcome: 'threw', reason: 'boom', run: 'r-1' }]);
  });

  test('a call to another host is told when it fails, with the script that made it', () => {
    const { observe, written } = lines('info');
    const about = { method: 'GET', origin: 'http://a', by: 'hr.get.pre_process', ms: 1 };
    observe({ ...about, kind: 'egress.finished', status: 200 });
    observe({ ...about, kind: 'egress.failed', error: new PlatformError('egress.refused', 'Not there.') });
    expect(written).toMatchObject([
      { level: 40, by: 'hr.get.pre_process', origin: 'http://a', code: 'egress.refused', msg: 'Not there.' },
    ]);
  });

  test('runs that are missing in their log are a warning with their number', () => {
    const { observe, written } = lines('info');
    observe({ kind: 'runs.dropped', count: 7, reason: 'busy' });
    expect(written).toMatchObject([{ level: 40, count: 7, reason: 'busy' }]);
  });

  test('limits that this process counts alone are an error, and that this is over is told', () => {
    const { observe, written } = lines('info');
    observe({ kind: 'limits.counting', isShared: false, reason: 'Redis: gone' });
    observe({ kind: 'limits.counting', isShared: true, reason: null });
    expect(written).toMatchObject([
      { level: 50, reason: 'Redis: gone', msg: 'limits are counted by this process alone' },
      { level: 30, msg: 'limits are counted with all servers again' },
    ]);
  });

  test('our own failures are told with their cause, refusals only at debug', () => {
    const about = {
      kind: 'operation.failed',
      service: 'hr',
      path: 'x',
      action: 'GET',
      origin: 'http',
    } as const;
    const { observe, written } = lines('info');
    observe({ ...about, error: new PlatformError('request.not_found', 'Gone.') });
    expect(written).toEqual([]);
    observe({
      ...about,
      error: new PlatformError('request.failed', 'General.', { cause: new Error('detail') }),
    });
    expect(written).toMatchObject([{ level: 50, msg: 'General.', err: { message: 'detail' } }]);
    const talkative = lines('debug');
    talkative.observe({ ...about, error: new PlatformError('request.not_found', 'Gone.') });
    expect(talkative.written).toMatchObject([{ level: 20, code: 'request.not_found' }]);
  });

  test('an answer that broke is told with its cause, a client that did not take it without one', () => {
    const about = { kind: 'http.failed', method: 'GET', path: '/api/v2/hr' } as const;
    const { observe, written } = lines('info');
    const cause = new Error('detail');
    observe({ ...about, error: new PlatformError('request.failed', 'General.', { cause }) });
    observe({ ...about, error: new PlatformError('request.timeout', 'Too slow.') });
    expect(written).toMatchObject([
      { level: 50, path: '/api/v2/hr', msg: 'General.', err: { message: 'detail' } },
      { level: 40, path: '/api/v2/hr', msg: 'Too slow.', code: 'request.timeout' },
    ]);
    expect(written[1]).not.toHaveProperty('err');
  });

  test('silent is silent', () => {
    const { observe, written } = lines('silent');
    observe({ kind: 'service.failed', service: 'a', reason: 'x' });
    expect(written).toEqual([]);
  });
});
