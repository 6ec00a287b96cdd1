// Everything that lies sealed in the system database, with the place that each was sealed for. Invariant:
// whoever seals something new and keeps it adds it here, or it is lost when the master key is changed.
import type { Store } from '../core/store.ts';
import { auditPlace, configPlace, connectionPlace, factorPlace, lookupPlace } from './sealed-places.ts';
import { sealedWith } from './secrets.ts';

/** A text that is kept sealed. */
export interface SealedValue {
  /** For people: `service sales: password`. */
  readonly name: string;
  readonly place: string;
  readonly sealed: string;
  /** Puts it down anew, in the store that it was found in. */
  replace(sealed: string): Promise<unknown>;
}

/** All of them; what replaces them belongs to the same store, so give a transaction to change several. */
export async function sealedValues(store: Store): Promise<SealedValue[]> {
  const configured = [...(await ofServices(store)), ...(await ofConnections(store))];
  return [...configured, ...(await ofLookups(store)), ...(await ofFactors(store)), ...(await ofAudit(store))];
}

async function ofServices(store: Store): Promise<SealedValue[]> {
  return (await store.services.list()).flatMap(({ id, name, config, lastModifiedById: by }) =>
    inConfig(config, {
      name: `service ${name}`,
      placeOf: (field) => configPlace(name, field),
      replace: (changed) => store.services.update(id, { config: changed }, by),
    }),
  );
}

async function ofConnections(store: Store): Promise<SealedValue[]> {
  return (await store.queueConnections.list()).flatMap(({ id, name, config, lastModifiedById: by }) =>
    inConfig(config, {
      name: `queue connection ${name}`,
      placeOf: (field) => connectionPlace(name, field),
      replace: (changed) => store.queueConnections.update(id, { config: changed }, by),
    }),
  );
}

type Config = Readonly<Record<string, unknown>>;

interface Configured {
  readonly name: string;
  placeOf(field: string): string;
  replace(changed: Config): Promise<unknown>;
}

// Which fields are secret is known by types; in the database it shows by their form.
function inConfig(config: Config, { name, placeOf, replace }: Configured): SealedValue[] {
  // Several fields of one record: each sees what the ones before wrote.
  let now = config;
  const fields = Object.entries(config).filter(([, value]) => sealedWith(value) !== undefined);
  return fields.map(([field, value]) => ({
    name: `${name}: ${field}`,
    place: placeOf(field),
    sealed: String(value),
    replace: (sealed) => {
      now = { ...now, [field]: sealed };
      return replace(now);
    },
  }));
}

async function ofLookups(store: Store): Promise<SealedValue[]> {
  const all = await store.lookups.list();
  return all
    .filter(({ isPrivate }) => isPrivate)
    .map(({ id, owner, name, value, lastModifiedById }) => ({
      name: `lookup ${name} (${owner})`,
      place: lookupPlace(owner, name),
      sealed: value,
      replace: (sealed) => store.lookups.update(id, { value: sealed }, lastModifiedById),
    }));
}

async function ofFactors(store: Store): Promise<SealedValue[]> {
  const all = await store.userFactors.list();
  return all.map(({ id, userId, secret, lastModifiedById }) => ({
    name: `second factor of user ${userId}`,
    place: factorPlace(userId),
    sealed: secret,
    replace: (sealed) => store.userFactors.update(id, { secret: sealed }, lastModifiedById),
  }));
}

async function ofAudit(store: Store): Promise<SealedValue[]> {
  const { keys } = await store.audit.head();
  if (keys === null) return [];
  const replace = (sealed: string) => store.audit.reseal(sealed);
  return [{ name: 'keys of the audit log', place: auditPlace, sealed: keys, replace }];
}
