import { afterEach, beforeEach, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { New, UserRecord } from '../core/store.ts';
import { newAccount } from '../services/system/account.ts';
import { type House, openHouse } from '../services/system/scenario.ts';
import { AccountUpkeep } from './account-upkeep.ts';
import { AuditLog } from './audit.ts';
import { issueCode } from './codes.ts';

const day = 86_400_000;
const clock = { now: 0 };
let house: House;
let upkeep: AccountUpkeep;
let observations: Observation[];

beforeEach(async () => {
  clock.now = Date.now();
  house = await openHouse();
  observations = [];
  const observe = (observation: Observation) => void observations.push(observation);
  const { store, secrets } = house;
  const audit = new AuditLog({ store, secrets });
  upkeep = new AccountUpkeep({ store, audit, observe, now: () => clock.now });
});
afterEach(() => house.store.close());

const add = async (email: string, more: Partial<New<UserRecord>> = {}, by: number | null = null) =>
  (await house.store.users.create(newAccount({ email, isConfirmed: false, ...more }), by)).id;
const emails = async () => (await house.store.users.list()).map(({ email }) => email);

test('registered accounts that nobody confirmed go after some days', async () => {
  const id = await add('gone@x.y');
  await issueCode(house.store, { userId: id, purpose: 'confirm', minutes: 60 });
  await upkeep.clear();
  expect(await emails()).toContain('gone@x.y');
  clock.now += (limits.unconfirmedDays + 1) * day;
  await upkeep.clear();
  expect(await emails()).toEqual(['admin@example.com']);
  expect(await house.store.userCodes.list()).toEqual([]);
  expect(observations).toEqual([{ kind: 'config.changed', record: `user/${id}`, by: null }]);
  const [entry] = await house.store.audit.list({ limit: 1 });
  expect(entry).toMatchObject({
    action: 'delete',
    record: `user/${id}`,
    before: { email: 'gone@x.y' },
    userId: null,
  });
});

test('all other accounts stay', async () => {
  await add('confirmed@x.y', { isConfirmed: true });
  await add('invited@x.y', {}, 1);
  await add('password@x.y', { passwordHash: 'x' });
  await add('seen@x.y', { lastLoginDate: '2026-01-01T00:00:00.000Z' });
  const id = await add('waiting@x.y');
  await issueCode(house.store, { userId: id, purpose: 'confirm', minutes: limits.codeMinutesMax });
  clock.now += (limits.unconfirmedDays + 1) * day;
  await upkeep.clear();
  expect(await emails()).toHaveLength(6);
  expect(observations).toEqual([]);
});

test('sessions that can no longer be refreshed go', async () => {
  const dates = { createdDate: '2020-01-01', expiresDate: '2020-01-02', refreshUntilDate: '2020-01-03' };
  await house.store.sessions.open({ id: 'old', userId: 1, ...dates });
  await house.store.sessions.open({ id: 'good', userId: 1, ...dates, refreshUntilDate: '2999-01-01' });
  upkeep.start();
  await upkeep.stop();
  expect(await house.store.sessions.get('old')).toBeUndefined();
  expect(await house.store.sessions.get('good')).toBeDefined();
});

test('a store that is away is told, and nothing else happens', async () => {
  await house.store.close();
  upkeep.start();
  await upkeep.stop();
  expect(observations).toMatchObject([
    { kind: 'service.failed', reason: expect.stringMatching(/^upkeep: /) },
  ]);
  house = await openHouse();
});
