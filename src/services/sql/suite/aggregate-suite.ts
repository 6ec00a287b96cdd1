// The part of the conformance suite about groups and aggregates.
// Invariant: no scenario knows which engine it runs on.
import { describe, expect, test } from 'vitest';
import { type EngineUnderTest, openSuiteHouse, type SuiteAnswer, shared } from './suite-fixture.ts';

const sales = `
  CREATE TABLE sale(id {id}, region VARCHAR(10), amount DECIMAL(12,2), pieces INTEGER, big BIGINT,
    weight {double}, day DATE, done {boolean});
  INSERT INTO sale(region, amount, pieces, big, weight, day, done) VALUES
    ('north', 10.10, 1, 9007199254740993, 0.5, '2026-01-01', true),
    ('north', 20.20, 2, 9007199254740993, 1.5, '2026-01-02', false),
    ('south', 0.01, 3, 1, NULL, '2026-01-03', true),
    ('south', 0.02, 3, NULL, 2.5, '2026-01-04', NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL);
`;

/** Defines the tests of groups for an engine. */
export function aggregateSuite(engine: EngineUnderTest): void {
  describe('groups and aggregates', () => {
    const house = shared(() => openSuiteHouse(engine, sales));
    const ask = (parameters: Record<string, string>): Promise<SuiteAnswer> =>
      house().ask('GET', '_table/sale', { parameters });
    made(ask);
    chosen(ask);
    refused(ask);
  });
}

type Ask = (parameters: Record<string, string>) => Promise<SuiteAnswer>;

function made(ask: Ask): void {
  test('of each group, under keys of their own', async () => {
    const { body } = await ask({
      group: 'region',
      fields: 'region,COUNT(*),sum(amount),MIN(day), max( pieces ),COUNT(big),COUNT(DISTINCT pieces)',
      order: 'region',
    });
    expect(body.resource).toEqual([
      {
        region: null,
        COUNT_ALL: 1,
        SUM_amount: null,
        MIN_day: null,
        MAX_pieces: null,
        COUNT_big: 0,
        COUNT_DISTINCT_pieces: 0,
      },
      {
        region: 'north',
        COUNT_ALL: 2,
        SUM_amount: 30.3,
        MIN_day: '2026-01-01',
        MAX_pieces: 2,
        COUNT_big: 2,
        COUNT_DISTINCT_pieces: 2,
      },
      {
        region: 'south',
        COUNT_ALL: 2,
        SUM_amount: 0.03,
        MIN_day: '2026-01-03',
        MAX_pieces: 3,
        COUNT_big: 1,
        COUNT_DISTINCT_pieces: 1,
      },
    ]);
  });

  test('of all records, one row', async () => {
    const { body } = await ask({ fields: 'COUNT(*),AVG(weight),SUM(pieces)' });
    expect(body.resource).toEqual([{ COUNT_ALL: 5, AVG_weight: 1.5, SUM_pieces: 9 }]);
    const none = await ask({ fields: 'COUNT(*),SUM(pieces)', filter: 'id > 99' });
    expect(none.body.resource).toEqual([{ COUNT_ALL: 0, SUM_pieces: null }]);
  });

  test('exactly, beyond what a double holds', async () => {
    const { text } = await ask({ fields: 'SUM(big),MAX(big),AVG(pieces)' });
    expect(text).toMatch(/"SUM_big":18014398509481987,"MAX_big":9007199254740993,"AVG_pieces":2\.25/);
  });
}

function chosen(ask: Ask): void {
  test('sorted and chosen by them, named or not', async () => {
    const names = async (parameters: Record<string, string>) => {
      const { body } = await ask({ group: 'region', fields: 'region', ...parameters });
      return body.resource.map((row: { region: string | null }) => row.region);
    };
    expect(await names({ order: 'SUM_amount desc', having: 'COUNT_ALL > 1' })).toEqual(['north', 'south']);
    expect(await names({ order: 'SUM(pieces) desc', having: 'region is not null' })).toEqual([
      'south',
      'north',
    ]);
    expect(await names({ having: '(SUM_pieces >= 3) and (MIN_day < 2026-01-02)' })).toEqual(['north']);
    expect(await names({ filter: 'pieces > 1', having: 'COUNT_ALL = 2' })).toEqual(['south']);
    expect(await names({ order: 'region desc', limit: '1', offset: '1' })).toEqual(['north']);
  });

  test('counted as groups', async () => {
    expect((await ask({ group: 'region', count_only: 'true' })).body).toBe(3);
    expect(
      (await ask({ group: 'region', fields: 'COUNT(*)', having: 'COUNT_ALL=2', count_only: 'true' })).body,
    ).toBe(2);
    const { body } = await ask({ group: 'region', include_count: 'true', limit: '1' });
    expect(body.meta).toEqual({ count: 3, next: 1 });
  });

  test('by several fields, in their order unless told otherwise', async () => {
    const { body } = await ask({ group: 'region,pieces', filter: 'region is not null' });
    expect(body.resource).toEqual([
      { region: 'north', pieces: 1 },
      { region: 'north', pieces: 2 },
      { region: 'south', pieces: 3 },
    ]);
  });
}

function refused(ask: Ask): void {
  test.each([
    [
      'a field that is not grouped by',
      { group: 'region', fields: 'region,amount' },
      /'amount' is not in 'group'/,
    ],
    ['all fields', { group: 'region', fields: '*' }, /'id' is not in 'group'/],
    ['a field beside an aggregate', { fields: 'region,COUNT(*)' }, /'region' is not in 'group'/],
    ['an order by another field', { group: 'region', order: 'amount' }, /'amount' is not in 'group'/],
    ['a sum of text', { fields: 'SUM(region)' }, /'region' is no number/],
    ['a least boolean', { fields: 'MIN(done)' }, /'done' has no order/],
    ['a sum of everything', { fields: 'SUM(*)' }, /only COUNT\(\*\)/],
    ['an unknown field', { fields: 'SUM(nothing)' }, /Invalid field requested: nothing/],
    ['an unknown function', { fields: 'SLEEP(5)' }, /Invalid field requested: SLEEP\(5\)/],
    ['SQL in place of a field', { fields: 'SUM(pieces) FROM sale; --(x)' }, /Invalid field requested/],
    ['having without groups', { having: 'id > 1' }, /'having' needs/],
    ['having of another field', { group: 'region', having: 'amount > 1' }, /'amount' is not in 'group'/],
    ['a wrong type in having', { group: 'region', having: "COUNT_ALL = 'x'" }, /COUNT_ALL/],
    ['identifiers', { fields: 'COUNT(*)', ids: '1,2' }, /can not be combined with identifiers/],
    ['an unknown group', { group: 'nothing' }, /Invalid field requested: nothing/],
  ])('refuses %s', async (_what, parameters, message) => {
    const { status, body } = await ask(parameters as unknown as Record<string, string>);
    expect([status, body.error.message]).toEqual([400, expect.stringMatching(message)]);
  });
}
