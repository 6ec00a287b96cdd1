import { describe, expect, test } from 'vitest';
import { CommandError } from './failure.ts';
import { configOf } from './options.ts';

describe('options of a server', () => {
  test('an option beats its variable, a variable its default', () => {
    const config = configOf({ port: '81', home: '/tmp/there' }, { TENON_PORT: '82', TENON_HOST: '::1' });
    expect(config).toMatchObject({ port: 81, host: '::1', home: '/tmp/there' });
  });

  test.each([
    [{ port: 'eighty' }, {}, /^--port must be a whole number/],
    [{}, { TENON_PORT: '99999' }, /^TENON_PORT must be a whole number/],
    [{ port: '80' }, { TENON_LOG_LEVEL: 'loud' }, /^TENON_LOG_LEVEL must be one of/],
    [{ databaseUrl: 'oracle://x' }, {}, /^--database-url must be/],
  ])('a refusal names what was written: %o %o', (options, environment, message) => {
    const work = () => configOf(options, environment);
    expect(work).toThrow(CommandError);
    expect(work).toThrow(message);
  });
});
