import { describe, expect, test } from 'vitest';
import { openReadFixture, recorded } from '../suite/read-fixture.ts';

// What was recorded of reading, from the files of test/golden; the deliberate differences are listed with
// their reason.
const differences: Readonly<Record<string, string>> = {
  '032-filter-contains': 'quoted values of CONTAINS are texts, not their quotes',
  '053-limit-not-a-number': 'malformed parameters are refused',
};

const reading = recorded().filter(
  ({ request }) =>
    (request.method === 'GET' || request.method === 'PUT') && /^\/api\/v2\/hr(?:\/|$|\?)/.test(request.path),
);
const cases = reading.filter(({ id }) => {
  const number = Number(id.slice(0, 3));
  return (number >= 11 && number <= 53) || number === 94 || (number >= 103 && number <= 106);
});

describe('the recorded reads', () => {
  test('are there', () => expect(cases.length).toBeGreaterThan(20));

  test.each(
    cases.filter(({ id }) => differences[id] === undefined).map((entry) => [entry.id, entry] as const),
  )('%s', async (_id, { request, response }) => {
    const house = openReadFixture();
    const answer = await house.ask(request.method, request.path);
    await house.close();
    expect(answer).toEqual({ status: response.status, body: response.body });
  });

  test('differ only where a ruling says so', async () => {
    const house = openReadFixture();
    const contains = await house.ask(
      'GET',
      "/api/v2/hr/_table/employees?fields=first_name&limit=2&filter=first_name contains 'ar'",
    );
    expect(contains.body.resource).toHaveLength(2);
    const limit = await house.ask('GET', '/api/v2/hr/_table/departments?limit=abc');
    expect(limit.body.error.message).toBe("Parameter 'limit' must be a whole number, 0 or more.");
    await house.close();
  });
});
