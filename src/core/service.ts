// The port of service types: what a data source, file store or our own system API is to the path.
// Invariant: services never know scripts, HTTP or each other; they reach others by `context.call` only.

import type { DescriptionReader, PathDetails } from './description.ts';
import type { EventName } from './event.ts';
import type { Action, InnerCall, Operation, Requestor, Result, RunMark } from './operation.ts';
import type { Departure, Outbox } from './outbox.ts';
import type { StreamForm } from './record-stream.ts';
import type { QueuedEnd, QueuedWork } from './script.ts';

/**
 * A path pattern of a service and what may be done there; feeds events, OpenAPI, the role editor and the
 * console.
 */
export interface Endpoint {
  /** Segments, `{placeholders}` included: `['_table', '{table_name}', '{id}']`; empty for the root. */
  readonly pattern: readonly string[];
  readonly actions: readonly Action[];
  readonly summary: string;
  /** Known values of placeholders, e.g. `{ table_name: ['contact'] }`. */
  readonly parameters?: Readonly<Record<string, readonly string[]>>;
  /** The paths that descriptions show in its place; absent: the pattern itself with what is said above. */
  readonly details?: (reader: DescriptionReader) => readonly PathDetails[];
}

/**
 * Where an operation leads inside a service. A service returns the same object for the same kind of request
 * (table, shape, action), because the path keeps its plan per location.
 */
export interface Location {
  /** What access is granted on, e.g. `_table/contact`; '' at the root. */
  readonly component: string;
  /** Names that fire, generic before specific. */
  readonly events: readonly EventName[];
  /** The one operation that needs no access check (login). */
  readonly isPublic?: boolean;
  /** Open to every user who is logged in, whatever the role (own profile and password). */
  readonly isForUsers?: boolean;
  /** Open to every caller whose role is in force, because it shows no more than what the role grants. */
  readonly isForRoles?: boolean;
  /**
   * Whether the service applies what a role grants only in part (filters, rules for fields), or shows no
   * records here; elsewhere such a grant is refused.
   */
  readonly isRestrictable?: boolean;
}

/** What a service may do while it handles an operation. */
export interface CallContext {
  /** Set when a long list may be answered as a stream: what it is to hand out. */
  readonly streams?: StreamForm | undefined;
  /**
   * Asks another operation with the same principal, one level deeper; errors come as results. `requestor` is
   * given where it is a script that asks, which roles may treat otherwise; `run` is then its run.
   */
  call(call: InnerCall, requestor?: Requestor, run?: RunMark): Promise<Result>;
  /** What the operation sets off, to be kept with what it writes; absent: nothing. */
  readonly departure?: Departure | undefined;
  /**
   * Refuses what the same principal may not do at another path of this service, as that path itself would:
   * for parts of an operation that belong to other resources. No events fire there.
   */
  check(path: readonly string[], action: Action): void;
}

/**
 * What was agreed with a provider when a login was begun there; whoever began it keeps it until the answer.
 */
export interface LoginTicket {
  /** Random, and different each time: by it the answer is known. */
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Who somebody is at a provider. Nothing but `subject` may be relied on to stay the same. */
export interface ForeignIdentity {
  readonly subject: string;
  /** Undefined when the provider does not tell. */
  readonly email: string | undefined;
  /** Whether the provider says that the address belongs to him. */
  readonly isEmailVerified: boolean;
  readonly name: string | undefined;
  readonly firstName: string | undefined;
  readonly lastName: string | undefined;
  /** How he proved there who he is, by RFC 8176. */
  readonly methods: readonly string[];
  /** The role that his groups there give him; undefined where roles do not come from there. */
  readonly roleId: number | null | undefined;
  /** Only where the configuration hands it out. */
  readonly accessToken?: string;
}

/** What a provider's users may do here. */
export interface IdentityRules {
  readonly allowsNewUsers: boolean;
  /** Whether a verified address joins the account of that address. */
  readonly linksByEmail: boolean;
  /** Lower-case domains of addresses that are let in; empty: all. */
  readonly domains: readonly string[];
  /** The role of new users in all apps. */
  readonly defaultRoleId: number | null;
  /** Whether whoever has a second factor here must have given one there. */
  readonly requiresSecondFactor: boolean;
}

/** Logs people in who prove elsewhere who they are. */
export interface IdentityProvider {
  /** Of the service: people are known by it and their subject. */
  readonly serviceId: number;
  readonly label: string;
  readonly iconClass: string | null;
  readonly rules: IdentityRules;
  /** The address where the browser goes. Throws `service.unavailable` when the provider cannot be asked. */
  begin(): Promise<{ readonly url: string; readonly ticket: LoginTicket }>;
  /**
   * Who it was, of the parameters that the browser came back with. Throws `access.*` when the provider's word
   * is not good, and `service.unavailable`.
   */
  finish(ticket: LoginTicket, answer: Readonly<Record<string, string>>): Promise<ForeignIdentity>;
}

/** A configured source. */
export interface Service {
  readonly name: string;
  readonly type: string;
  /** Where it logs people in. */
  readonly identity?: IdentityProvider | undefined;
  /**
   * Where its database keeps what its writes set off; absent: it does not, and writes are noted elsewhere
   * before they are done.
   */
  readonly outbox?: Outbox | undefined;
  /** Whether what a write set off is dropped when nobody knows if it was done; absent: it is handed on. */
  readonly dropsUncertain?: boolean | undefined;
  /**
   * Gets what `locate` needs for a path, such as the schema of a database on a server; undefined when it is
   * there already. Awaited before `locate`; never fails, because `handle` says what is wrong. Whoever is in a
   * transaction may hold the last connection, so nothing is looked for then that is known well enough.
   */
  ready?(path: readonly string[], isInTransaction?: boolean): Promise<void> | undefined;
  /** The location of a path, or undefined when the service has no such resource (404, no events). */
  locate(path: readonly string[], action: Action): Location | undefined;
  /** Does it. Throws PlatformError for refusals. */
  handle(operation: Operation, location: Location, context: CallContext): Promise<Result> | Result;
  /** Does a queued run of the script that it is; absent: it is none. */
  readonly perform?: ((work: QueuedWork) => Promise<QueuedEnd>) | undefined;
  /** The same list as long as it says the same: whoever makes something of it knows it by that. */
  describe(): Promise<readonly Endpoint[]> | readonly Endpoint[];
  /** Refuses clearly when the source cannot be used; used by "test connection". */
  test?(): Promise<void> | void;
  /** Forgets cached schema. */
  refresh?(): void;
  close?(): Promise<void> | void;
}

/** A field of a service type's configuration, as `system/service_type` lists it. */
export interface ConfigField {
  readonly name: string;
  readonly label: string;
  readonly type: 'string' | 'text' | 'integer' | 'boolean' | 'password' | 'picklist' | 'object';
  readonly description: string;
  readonly required: boolean;
  readonly default: unknown;
  readonly values?: readonly string[];
  /** Encrypted at rest and shown as `********`. */
  readonly secret?: boolean;
  /** Names in braces stay as they are: the service itself knows what they stand for. */
  readonly isVerbatim?: boolean;
  /** Says where secrets are sent to: who changes it has to give them anew. */
  readonly binds?: boolean;
  /** What its ids are of, also those in an object: for names that do not end in `role_id` and the like. */
  readonly refersTo?: ConfigReference;
}

/** Kinds of records that a configuration may refer to. */
export type ConfigReference = 'app' | 'role' | 'service' | 'template' | 'user';

/** The OpenAPI document that somebody wrote for a service: JSON (0) or YAML (1). */
export interface ServiceDocument {
  readonly content: string;
  readonly format: number;
}

/** What a service type is given to make a service with. */
export interface ServiceSettings {
  readonly id: number;
  readonly name: string;
  readonly label: string;
  readonly description?: string;
  /** Checked against the type's configuration schema, secrets in clear. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly document?: ServiceDocument;
}

/** A configuration that is about to be stored. */
export interface ServiceDraft {
  readonly name: string;
  readonly isActive: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

/** A kind of service. */
export interface ServiceType {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly group: string;
  /** Only one of it exists, made by us (system). */
  readonly singleton: boolean;
  readonly config: readonly ConfigField[];
  /** Makes the service; must not fail because its source is down: that is for `handle` and `test` to say. */
  create(settings: ServiceSettings): Service;
  /** The configuration as it is to be stored; refuses what can not be used. Absent: as it was given. */
  prepare?(draft: ServiceDraft): Readonly<Record<string, unknown>>;
  /** What whoever stores these settings should know although they are stored; undefined: nothing. */
  flaw?(settings: ServiceSettings): Promise<string | undefined>;
}

/** The configured services, by lower-case name. */
export interface ServiceDirectory {
  /** Throws `service.not_found` or `service.inactive`. */
  find(name: string): Service;
  list(): readonly Service[];
}
