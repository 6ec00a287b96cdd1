// What is told of the guarantee of a service, for each way in which it can be less than the most.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PlatformError } from '../../core/errors.ts';
import type { Outbox } from '../../core/outbox.ts';
import { deliveryCollection } from './delivery.ts';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const outbox: Outbox = { due: async () => [], remove: async () => undefined, trim: async () => 0 };

/** What is told of a service that keeps this, or cannot be found. */
async function told(kept: Outbox | undefined | Error, config: Record<string, string> = {}) {
  const flags = { isActive: true, mutable: true, deletable: true };
  const record = { name: 'shop', label: 'x', description: null, type: 'echo', document: null };
  await house.store.services.create({ ...record, ...flags, config }, null);
  const find = () => {
    if (kept instanceof Error) throw kept;
    return { outbox: kept };
  };
  const rows = await deliveryCollection({ services: { find } }).rows(house.store, {});
  return rows.find((row) => row.service === 'shop');
}

it.each([outbox, { ...outbox, mayKeep: true }])('the most where its database keeps entries', async (kept) => {
  const config = { events_unknown: 'drop' };
  const most = await told(kept, config);
  expect(most).toMatchObject({
    events: 'outbox',
    effects: 'once',
    reason: expect.not.stringContaining('drop'),
  });
});

it.each([
  ['its type has no place for it', undefined, {}, "type 'echo'"],
  ['it is set so', { ...outbox, mayKeep: false }, { events: 'intent' }, "'intent'"],
  [
    'nobody wants what is uncertain',
    { ...outbox, mayKeep: false },
    { events: 'intent', events_unknown: 'drop' },
    "'drop'",
  ],
  ['its database refuses', { ...outbox, mayKeep: false }, {}, '_tenon_'],
  ['it cannot be used', new PlatformError('service.unavailable', 'away'), {}, 'cannot be used'],
])('less where %s', async (_name, kept, config, reason) => {
  expect(await told(kept, config)).toMatchObject({
    ...{ events: 'intent', effects: 'at-least-once', reason: expect.stringContaining(reason) },
  });
});
