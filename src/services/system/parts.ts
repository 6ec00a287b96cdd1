// What the service `system` needs of the rest of the house; the composition root hands it over.
// Invariant: the system service reaches sessions, scripts and other services only through these.
import type { LimitCounter } from '../../core/limiter.ts';
import type { Observe } from '../../core/observe.ts';
import type { Principal } from '../../core/operation.ts';
import type { Trial, TrialEnd } from '../../core/run.ts';
import type { ScheduleDesk } from '../../core/schedule.ts';
import type { Service, ServiceType } from '../../core/service.ts';
import type { EventScriptRecord, New, ServiceRecord, Store, UserRecord } from '../../core/store.ts';
import type { OutgoingAnswer, OutgoingCall } from '../../egress/outgoing.ts';
import type { Act } from '../../security/actor.ts';
import type { AuditCheck, AuditNote } from '../../security/audit.ts';

/** The configured services: `Services` of services/directory.ts is one. */
export interface ServiceCatalog {
  readonly types: readonly ServiceType[];
  find(name: string): Service;
  list(): readonly Service[];
  reload(records: readonly ServiceRecord[]): void;
  /**
   * The configuration to store, checked and with secrets sealed; `config` undefined leaves the stored one.
   */
  prepare(
    draft: {
      readonly name: string;
      readonly type: string;
      readonly isActive: boolean;
      readonly config: unknown;
    },
    stored: ServiceRecord | undefined,
  ): Readonly<Record<string, unknown>>;
  /** The configuration of a record as callers may see it. */
  show(record: ServiceRecord): Readonly<Record<string, unknown>>;
  /** The configuration of a record with its secrets in clear, for exports under a passphrase. */
  reveal(record: ServiceRecord): Readonly<Record<string, unknown>>;
  /** What whoever stores a record should know although it is stored. */
  flaw(record: ServiceRecord): Promise<string | undefined>;
  /** Throws the reason when the service cannot be used. */
  test(record: ServiceRecord): Promise<void>;
}

/** A language that scripts are written in, as `system/script_type` lists it. */
interface ScriptTypeView {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly sandboxed: boolean;
  readonly supports_inline_execution: boolean;
}

/** The scripts that are in force. */
export interface ScriptDesk {
  readonly types: readonly ScriptTypeView[];
  /** Throws `script.*` when the script could not be run as it is. */
  validate(script: New<EventScriptRecord>): Promise<void> | void;
  /** Why text of a script cannot be loaded, with line and column; undefined when it can. */
  flaw(script: EventScriptRecord): Promise<string | undefined>;
  /** Takes over the stored scripts after a change. */
  reload(records: readonly EventScriptRecord[]): Promise<void> | void;
  /** Runs a script once, without binding it to anything; throws `script.*` for what could never be run. */
  try(trial: Trial): Promise<TrialEnd>;
  /** Resolves when the runs so far can be read. */
  recorded(): Promise<void>;
}

/** A session that was opened or refreshed. */
export interface OpenedSession {
  readonly token: string;
  readonly userId: number;
  /** ISO 8601 in UTC. */
  readonly expiresDate: string;
}

/** Opens, refreshes and closes sessions. */
interface SessionDesk {
  /** The principal of a token together with an API key. */
  resolve(token: string, apiKey: string | null): Principal | Promise<Principal>;
  open(user: UserRecord, remember: boolean): Promise<OpenedSession>;
  /** Takes a token that may have expired; throws `access.*` when it cannot be refreshed. */
  refresh(token: string): Promise<OpenedSession>;
  close(sessionId: string): Promise<void>;
  /** Forgets what is remembered of users, because it changed. */
  forget(userIds: readonly number[]): void;
}

/** Hashes passwords and compares with them, in equal time whether or not there is a hash to compare with. */
interface PasswordDesk {
  hash(password: string): Promise<string>;
  verify(hash: string | undefined, password: string): Promise<boolean>;
}

/** Counts failed logins per key (an account or an address). */
interface Throttle {
  /** Throws `access.too_many_attempts`. */
  check(key: string): Promise<void>;
  /** Does what an attempt consists of; when that fails, it was neither right nor wrong. */
  during<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Ends an attempt that was wrong. */
  fail(key: string): Promise<void>;
  succeed(key: string): Promise<void>;
  /** Ends an attempt that was neither right nor wrong. */
  release(key: string): Promise<void>;
  /** Counts a failure that nobody asked for. */
  note(key: string): Promise<void>;
  /** Counts what is limited whether or not it succeeds. Throws `access.too_many_attempts`. */
  count(key: string): Promise<void>;
}

/** Roles, apps and lookups in force. */
interface AuthorityDesk {
  /** Takes over what is stored. */
  load(): Promise<void>;
}

/** Seals texts for the place where they are kept. */
interface SecretDesk {
  seal(text: string, place: string): string;
  /** Throws when the text was not sealed for this place or with this key. */
  open(sealed: string, place: string): string;
}

/** Keeps who changed what. */
interface AuditDesk {
  /** Adds an entry; in the transaction of `store` where one is given. */
  add(note: AuditNote, store?: Store): Promise<void>;
  verify(): Promise<AuditCheck>;
}

/** What administrators may know of the server. */
export interface ServerFacts {
  readonly version: string;
  /** The settings in force, secret ones masked. */
  readonly settings: readonly {
    readonly name: string;
    /** The environment variable that sets it. */
    readonly variable: string;
    readonly value: unknown;
    readonly default: string;
    readonly description: string;
  }[];
}

/** What the operator says of accounts. */
interface AccountRules {
  /** Where people reach the server, for links in mails. */
  readonly publicUrl: string;
  readonly hasForeverSessions: boolean;
}

/** The limits in force, and their counters: of one limit, or of all. */
interface LimitDesk {
  /** Takes over what is stored. */
  load(): Promise<void>;
  counters(limitId?: number): Promise<readonly LimitCounter[]>;
  /** Lets them begin anew. */
  reset(limitId?: number): Promise<void>;
}

/** What is said of tables beside their databases. */
export interface SchemaDesk {
  /** Takes over what is stored. */
  load(): Promise<void>;
  /** Throws `request.invalid_schema` for what can not be said of a field. */
  check(field: string, settings: Readonly<Record<string, unknown>>): void;
}

/** A kind of queue connections. */
interface QueueKind extends Pick<ServiceType, 'name' | 'label' | 'description' | 'config'> {
  /** What is wrong with a field of a complete configuration; secrets are in clear. */
  refuse?(
    config: Readonly<Record<string, unknown>>,
  ): { readonly field: string; readonly reason: string } | undefined;
}

/** The connections of queues that are in use. */
interface QueueDesk {
  /** The kinds of transports that there are. */
  readonly kinds: readonly QueueKind[];
  /** Takes over what is stored. */
  load(): Promise<void>;
  /** Lets scripts name a connection that is being stored. */
  expect(name: string): void;
  /** Refuses one that is neither in force nor being stored. Throws `queue.unknown_connection`. */
  check(name: string): void;
  /** Why the transport of a connection can do nothing at the moment; undefined: it can, or is not there. */
  flaw(name: string): Promise<string | undefined>;
  /** Names of connections that are in force. */
  names(): readonly string[];
  /** The one of that name, '' being the default one. Throws `queue.unknown_connection`. */
  find(name: string): { readonly name: string; readonly type: string; readonly defaultQueue: string };
}

/** Those who perform queued runs, in whichever process. */
interface WorkerDesk {
  /** Asks all of them to end the runs that they have and to begin anew; `by` is who wants it. */
  restart(by: number | null): Promise<void>;
}

/** Calls other hosts. */
interface OutgoingDesk {
  call(call: OutgoingCall): Promise<OutgoingAnswer>;
}

/** What the service `system` is made with. */
export interface SystemParts {
  readonly schemas: SchemaDesk;
  readonly outgoing: OutgoingDesk;
  readonly store: Store;
  readonly services: ServiceCatalog;
  readonly scripts: ScriptDesk;
  readonly sessions: SessionDesk;
  readonly passwords: PasswordDesk;
  readonly throttle: Throttle;
  readonly authority: AuthorityDesk;
  readonly secrets: SecretDesk;
  readonly facts: ServerFacts;
  readonly accounts: AccountRules;
  readonly limitCounts: LimitDesk;
  readonly audit: AuditDesk;
  readonly workers: WorkerDesk;
  readonly queues: QueueDesk;
  readonly schedules: ScheduleDesk;
  readonly act: Act;
  readonly observe: Observe;
}
