// What each service promises of queued scripts: whether what a write sets off is kept with the write, and how
// often effects of a run on its data happen. Invariant: it is told by what the service does, not by its type.
import type { Outbox } from '../../core/outbox.ts';
import type { ServiceRecord, Store } from '../../core/store.ts';
import type { Collection } from './collection.ts';
import type { Field, Row } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'service_id', type: 'integer' },
  { name: 'service', type: 'string' },
  { name: 'type', type: 'string' },
  { name: 'events', type: 'string' },
  { name: 'effects', type: 'string' },
  { name: 'reason', type: 'text' },
];

/** Those of whom it is told. */
interface Promisers {
  find(name: string): { readonly outbox?: Outbox | undefined };
}

/** The records of `delivery`: one for each active service. */
export function deliveryCollection({ services }: { readonly services: Promisers }): Collection {
  return {
    name: 'delivery',
    noun: 'guarantee of a service',
    identifier: 'service',
    fields,
    rows: async (store: Store) => {
      const active = (await store.services.list()).filter(({ isActive }) => isActive);
      return active.map((record) => rowOf(record, services));
    },
  };
}

function rowOf(record: ServiceRecord, services: Promisers): Row {
  const { id, name, type } = record;
  return { service_id: id, service: name, type, ...promiseOf(record, services) };
}

type Promised = Readonly<Record<'events' | 'effects' | 'reason', string>>;

function promiseOf(record: ServiceRecord, services: Promisers): Promised {
  const promised = keptOf(record, services);
  if (promised.events !== 'intent' || record.config.events_unknown !== 'drop') return promised;
  return { ...promised, reason: `${promised.reason} ${dropped}` };
}

function keptOf({ name, config, type }: ServiceRecord, services: Promisers): Promised {
  let outbox: Outbox | undefined;
  try {
    outbox = services.find(name).outbox;
  } catch {
    return { ...intended, reason: 'The service cannot be used as it is configured.' };
  }
  if (outbox !== undefined && outbox.mayKeep !== false) return kept;
  if (config.events === 'intent') {
    return { ...intended, reason: "Its option 'events' is 'intent': no table of ours is in its database." };
  }
  if (outbox !== undefined) return { ...intended, reason: refused };
  return { ...intended, reason: `A service of type '${type}' keeps nothing for us with what it writes.` };
}

const dropped = "Its option 'events_unknown' is 'drop': a write that the server is lost in sets nothing off.";

const refused =
  'Its database lets us keep nothing: its user may not make tables, or not write to those whose names ' +
  'start with _tenon_.';

const kept: Promised = {
  events: 'outbox',
  effects: 'once',
  reason:
    'What a write sets off is kept in the transaction of the write, and effects of a run are committed ' +
    'together with the note that they are.',
};

const intended: Omit<Promised, 'reason'> = { events: 'intent', effects: 'at-least-once' };
