// The configured services by name: made from their records, replaced one by one when records change.
// Invariant: a record that cannot be made a service still answers, with the reason; it never stops the
// others.
import { asPlatformError, PlatformError } from '../core/errors.ts';
import type { Observe } from '../core/observe.ts';
import type { Location, Service, ServiceDirectory, ServiceSettings, ServiceType } from '../core/service.ts';
import type { ServiceRecord } from '../core/store.ts';
import { configPlace } from '../security/sealed-places.ts';
import {
  type Config,
  type ConfigLookups,
  checkBindings,
  checkConfig,
  completeConfig,
  meantConfig,
  namesInConfig,
  openConfig,
  type Secrets,
  sealConfig,
  showConfig,
  withoutMasks,
} from './configuration.ts';
import { OpenService } from './open-service.ts';

/** What the directory is made with. */
interface ServicesParts {
  readonly types: readonly ServiceType[];
  readonly secrets: Secrets;
  readonly observe: Observe;
  /** What names in braces stand for in configurations; nothing when absent. */
  readonly lookups?: ConfigLookups;
}

/** What a caller wants a service to be, before it is stored. */
interface ServiceDraft {
  readonly name: string;
  readonly type: string;
  readonly isActive: boolean;
  /** As given; undefined leaves the stored configuration. */
  readonly config: unknown;
}

interface Entry {
  readonly record: ServiceRecord;
  /** Undefined while the record is inactive. */
  readonly service: OpenService | undefined;
  /** The lookups that its configuration names, and what marked their values when it was made. */
  readonly names: readonly string[];
  readonly marks: string;
}

const noConfigLookups: ConfigLookups = { value: () => undefined, mark: () => '' };

/** All services of this process. */
export class Services implements ServiceDirectory {
  readonly #types = new Map<string, ServiceType>();
  readonly #secrets: Secrets;
  readonly #observe: Observe;
  readonly #lookups: ConfigLookups;
  #entries = new Map<string, Entry>();

  constructor({ types, secrets, observe, lookups = noConfigLookups }: ServicesParts) {
    for (const type of types) this.#types.set(type.name, type);
    this.#secrets = secrets;
    this.#observe = observe;
    this.#lookups = lookups;
  }

  /** Adds a type that itself needs the directory (system); before the first `reload`. */
  install(type: ServiceType): void {
    this.#types.set(type.name, type);
  }

  /** All service types, by name. */
  get types(): readonly ServiceType[] {
    return [...this.#types.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Service {
    const entry = this.#entries.get(name) ?? this.#entries.get(name.toLowerCase());
    if (entry === undefined) {
      throw new PlatformError('service.not_found', `Could not find a service with the name '${name}'.`);
    }
    if (entry.service === undefined) {
      throw new PlatformError('service.inactive', `Service '${entry.record.name}' is not active.`);
    }
    return entry.service;
  }

  /** Active services in the order of their records. */
  list(): readonly Service[] {
    return [...this.#entries.values()].flatMap(({ service }) => (service === undefined ? [] : [service]));
  }

  /**
   * Takes over the given records. Services whose record and lookups did not change stay; others close when
   * they are idle.
   */
  reload(records: readonly ServiceRecord[]): void {
    const before = this.#entries;
    const after = new Map<string, Entry>();
    for (const record of records) {
      const old = before.get(record.name);
      const isSame =
        old !== undefined &&
        fingerprint(old.record) === fingerprint(record) &&
        old.marks === this.#marks(old.names);
      after.set(record.name, isSame ? { ...old, record } : this.#open(record));
    }
    this.#entries = after;
    for (const [name, { service }] of before) {
      if (service !== undefined && after.get(name)?.service !== service) this.#retire(service);
    }
  }

  /** The configuration to store for a draft, secrets sealed. `stored` is the record that it changes. */
  prepare(draft: ServiceDraft, stored: ServiceRecord | undefined): Config {
    const type = this.#type(draft.type);
    const changes = withoutMasks(checkConfig(type, draft.config));
    if (stored?.type === draft.type) checkBindings(type, stored.config, changes);
    const config = { ...this.#kept(draft, stored), ...sealConfig(type, changes, this.#keep(draft.name)) };
    return type.prepare?.({ name: draft.name, isActive: draft.isActive, config }) ?? config;
  }

  /** What whoever stores a record should know although it is stored; undefined: nothing. */
  async flaw(record: ServiceRecord): Promise<string | undefined> {
    const type = this.#types.get(record.type);
    return type?.flaw?.(this.#settings(type, record));
  }

  /** The configuration of a record with its secrets in clear; defaults are filled in. */
  reveal(record: ServiceRecord): Config {
    const type = this.#types.get(record.type);
    return type === undefined ? {} : { ...showConfig(type, {}), ...this.#opened(type, record) };
  }

  /** The configuration of a record as callers may see it. */
  show(record: ServiceRecord): Config {
    const type = this.#types.get(record.type);
    return type === undefined ? {} : { service_id: record.id, ...showConfig(type, record.config) };
  }

  /**
   * Tries a record with a service of its own, which is closed afterwards; throws the reason when it cannot
   * be used.
   */
  async test(record: ServiceRecord): Promise<void> {
    const service = this.#create(record);
    try {
      await service.test?.();
    } finally {
      if (this.#types.get(record.type)?.singleton !== true) await service.close?.();
    }
  }

  /** Closes all services when they are idle. */
  async close(): Promise<void> {
    const services = this.list();
    this.#entries = new Map();
    await Promise.all(services.map((service) => service.close?.()));
  }

  #open(record: ServiceRecord): Entry {
    if (!record.isActive) return { record, service: undefined, names: [], marks: '' };
    const names = this.#namesIn(record);
    const marks = this.#marks(names);
    const service = this.#createOrExplain(record);
    const open = new OpenService({ service, successor: () => this.find(record.name) });
    return { record, service: open, names, marks };
  }

  #marks(names: readonly string[]): string {
    return names.length === 0 ? '' : JSON.stringify(names.map((name) => this.#lookups.mark(name)));
  }

  #namesIn(record: ServiceRecord): readonly string[] {
    const type = this.#types.get(record.type);
    if (type === undefined) return [];
    try {
      return namesInConfig(type, this.#opened(type, record));
    } catch {
      // Making the service says what is wrong with its secrets.
      return [];
    }
  }

  #createOrExplain(record: ServiceRecord): Service {
    try {
      return this.#create(record);
    } catch (thrown) {
      const error = asPlatformError(thrown);
      this.#observe({ kind: 'service.failed', service: record.name, reason: error.message });
      return new UnusableService(record, error);
    }
  }

  #create(record: ServiceRecord): Service {
    const type = this.#type(record.type);
    return type.create(this.#settings(type, record));
  }

  #settings(type: ServiceType, record: ServiceRecord): ServiceSettings {
    const { id, name, label, description, document } = record;
    const config = completeConfig(type, meantConfig(type, this.#opened(type, record), this.#lookups));
    return {
      ...{ id, name, label, config },
      ...(description === null ? {} : { description }),
      ...(document === null ? {} : { document }),
    };
  }

  // What stays of the stored configuration: nothing of another type's, and sealed anew under a new name.
  #kept(draft: ServiceDraft, stored: ServiceRecord | undefined): Config {
    if (stored === undefined || stored.type !== draft.type) return {};
    if (stored.name === draft.name) return stored.config;
    const type = this.#type(stored.type);
    return sealConfig(type, this.#opened(type, stored), this.#keep(draft.name));
  }

  #opened(type: ServiceType, record: ServiceRecord): Config {
    try {
      return openConfig(type, record.config, this.#keep(record.name));
    } catch (cause) {
      throw new PlatformError(
        'service.unavailable',
        `The secrets of service '${record.name}' cannot be opened with this server's master key. ` +
          'Enter them again.',
        { cause },
      );
    }
  }

  #type(name: string): ServiceType {
    const type = this.#types.get(name);
    if (type !== undefined) return type;
    throw new PlatformError(
      'service.unknown_type',
      `There is no service type '${name}'. GET system/service_type lists the types.`,
    );
  }

  #keep(service: string) {
    return { secrets: this.#secrets, placeOf: (field: string) => configPlace(service, field) };
  }

  #retire(service: OpenService): void {
    service.close().catch((thrown: unknown) => {
      const reason = `closing failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
      this.#observe({ kind: 'service.failed', service: service.name, reason });
    });
  }
}

/**
 * Stands for a record that could not be made a service: every operation on it is answered with the reason.
 */
class UnusableService implements Service {
  readonly name: string;
  readonly type: string;
  readonly #error: PlatformError;

  constructor(record: ServiceRecord, error: PlatformError) {
    this.name = record.name;
    this.type = record.type;
    this.#error = error;
  }

  locate(path: readonly string[]): Location {
    return { component: path.join('/'), events: [] };
  }

  handle(): never {
    throw this.#error;
  }

  describe(): [] {
    return [];
  }

  test(): never {
    throw this.#error;
  }
}

function fingerprint(record: ServiceRecord): string {
  const { id, name, label, description, type, isActive, config, document } = record;
  // Only a document can say the description.
  return JSON.stringify([id, name, label, type, isActive, config, document && { document, description }]);
}
