// The port of the system database: one repository per record kind. Asynchronous, because PostgreSQL and MySQL
// are.
// Invariant: dates are ISO 8601 in UTC; secrets arrive here encrypted.

import type { IdempotencyRepository } from './idempotency.ts';
import type { NodeRegistry } from './node.ts';
import type { Elevation, Origin } from './operation.ts';
import type { Outbox, OutboxEntry } from './outbox.ts';
import type { Order, Where } from './query.ts';
import type { QueueSignal, RunStore } from './queue.ts';
import type { RunRepository } from './run.ts';
import type { ScheduleRecord, ScheduleSlots } from './schedule.ts';
import type { ServiceDocument } from './service.ts';

/** Who wrote a record and when. */
export interface Stamps {
  readonly createdDate: string;
  readonly lastModifiedDate: string;
  readonly createdById: number | null;
  readonly lastModifiedById: number | null;
}

/** A configured service. `config` is JSON with secret fields encrypted. */
export interface ServiceRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  readonly label: string;
  readonly description: string | null;
  readonly isActive: boolean;
  readonly type: string;
  readonly mutable: boolean;
  readonly deletable: boolean;
  readonly config: Readonly<Record<string, unknown>>;
  readonly document: ServiceDocument | null;
}

/** A script bound to an event; `name` is the whole event name (spec §2.5). */
export interface EventScriptRecord extends Stamps {
  readonly name: string;
  readonly type: string;
  readonly isActive: boolean;
  readonly content: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly allowEventModification: boolean;
  readonly storageServiceId: number | null;
  readonly storagePath: string | null;
  readonly scmRepository: string | null;
  readonly scmReference: string | null;
  /** The role in whose name the script's own calls are made; null: that of whoever set it off. */
  readonly runAsRoleId: number | null;
}

/** A user; system administrators are users with a flag. */
export interface UserRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  readonly username: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly passwordHash: string;
  readonly isActive: boolean;
  readonly isSysAdmin: boolean;
  readonly lastLoginDate: string | null;
  readonly phone: string | null;
  readonly defaultAppId: number | null;
  /** Whether the address was confirmed; whoever was invited or registered may have to do so first. */
  readonly isConfirmed: boolean;
  /**
   * Whether nobody but the user himself says that the address is his: no mail, no administrator; absent: no.
   */
  readonly isAddressClaimed?: boolean;
  readonly securityQuestion: string | null;
  /** Hashed like a password. */
  readonly securityAnswerHash: string | null;
}

/** A code that was mailed to a user; good once, until it expires. */
export interface UserCodeRecord extends Stamps {
  readonly id: number;
  readonly userId: number;
  readonly purpose: 'confirm' | 'reset' | 'invite';
  /** SHA-256 of the code, as hex. */
  readonly codeHash: string;
  readonly expiresDate: string;
  /** How often a wrong code was given for it. */
  readonly attempts: number;
}

/** A second factor of a user's login. */
export interface UserFactorRecord extends Stamps {
  readonly id: number;
  readonly userId: number;
  readonly kind: 'totp';
  /** Sealed. */
  readonly secret: string;
  /** Asked for at logins once a first code proved that it works. */
  readonly isActive: boolean;
  /** The step of the last code that was taken: no code counts twice. */
  readonly lastStep: number;
  /** SHA-256 of codes that stand in once each when the device is lost. */
  readonly recoveryHashes: readonly unknown[];
}

/** Who a user is at a provider of identities. */
export interface UserIdentityRecord extends Stamps {
  readonly id: number;
  readonly userId: number;
  /** The service that logs in there. */
  readonly serviceId: number;
  /** What the provider calls the user, for ever the same. */
  readonly subject: string;
}

/** A named value of any shape: settings of the system, and what clients keep for all or for a user. */
export interface SettingRecord extends Stamps {
  readonly id: number;
  /** Whose it is: `config`, `custom` or `user:3`. Names are unique for each. */
  readonly owner: string;
  readonly userId: number | null;
  readonly name: string;
  readonly value: unknown;
}

/** A role; what it grants is in its rows of access. */
export interface RoleRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  readonly isActive: boolean;
  /** Most operations of its callers at the same time; null: as many as there are. */
  readonly maxConcurrency: number | null;
  /** Most bytes of a request's body; null: as the server allows. */
  readonly maxBodyBytes: number | null;
}

/** A row of access of a role; without a service it speaks of all services. */
export interface RoleAccessRecord extends Stamps {
  readonly id: number;
  readonly roleId: number;
  readonly serviceId: number | null;
  readonly component: string | null;
  /** GET 1, POST 2, PUT 4, PATCH 8, DELETE 16. */
  readonly verbMask: number;
  /** API 1, scripts 2. */
  readonly requestorMask: number;
  readonly filters: readonly unknown[];
  readonly filterOp: string;
  /** Fields that are not shown, shown masked or only read: see `FieldRule` of core/role.ts. */
  readonly fields: readonly unknown[];
}

/** An app: an API key and the role of whoever comes with it alone. */
export interface AppRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  readonly apiKey: string;
  readonly description: string | null;
  readonly isActive: boolean;
  /** 0: none, 1: in a file service, 2: an address, 3: a path of this server. */
  readonly type: number;
  readonly path: string | null;
  readonly url: string | null;
  readonly storageServiceId: number | null;
  readonly storageContainer: string | null;
  readonly requiresFullscreen: boolean;
  readonly allowFullscreenToggle: boolean;
  readonly toggleLocation: string;
  readonly roleId: number | null;
}

/** The role that a user has in an app. */
export interface UserRoleRecord extends Stamps {
  readonly id: number;
  readonly userId: number;
  readonly appId: number;
  readonly roleId: number;
}

/** A named value; the value of a private one is sealed. */
export interface LookupRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  /** Whose it is: `system`, `app:3`, `role:3`, `user:3`. Names are unique for each. */
  readonly owner: string;
  readonly appId: number | null;
  readonly roleId: number | null;
  readonly userId: number | null;
  readonly value: string;
  readonly isPrivate: boolean;
  /** Whether scripts may see the value although it is private. */
  readonly isScriptVisible: boolean;
  readonly description: string | null;
}

/** What browsers from elsewhere may send to paths of the API. */
export interface CorsRecord extends Stamps {
  readonly id: number;
  readonly path: string;
  readonly description: string | null;
  readonly origin: string;
  readonly header: string | null;
  readonly exposedHeader: string | null;
  /** Mask of verbs. */
  readonly method: number;
  /** Seconds. */
  readonly maxAge: number;
  readonly supportsCredentials: boolean;
  readonly enabled: boolean;
}

/** A mail with gaps. */
export interface EmailTemplateRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  readonly to: readonly unknown[];
  readonly cc: readonly unknown[];
  readonly bcc: readonly unknown[];
  readonly subject: string | null;
  readonly attachment: readonly unknown[];
  readonly bodyText: string | null;
  readonly bodyHtml: string | null;
  readonly fromName: string | null;
  readonly fromEmail: string | null;
  readonly replyToName: string | null;
  readonly replyToEmail: string | null;
  readonly defaults: Readonly<Record<string, unknown>>;
}

/** How many calls somebody may make in a period. */
export interface LimitRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  /** `instance`, `instance.each_user.service` … */
  readonly type: string;
  readonly rate: number;
  /** `minute`, `hour`, `day`, `7-day`, `30-day`. */
  readonly period: string;
  readonly userId: number | null;
  readonly roleId: number | null;
  readonly serviceId: number | null;
  readonly endpoint: string | null;
  readonly verb: string | null;
  /** What it limits, as one text: no two limits have the same. */
  readonly keyText: string;
  readonly isActive: boolean;
}

/** A named place where queues live. */
export interface QueueConnectionRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  /** Kind of its transport: `database`, `sync`, `null` … */
  readonly type: string;
  /** JSON with secret fields encrypted. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Where runs go whose script names no queue. */
  readonly defaultQueue: string;
  readonly isActive: boolean;
  /** Whether runs go there whose script names no connection; one at most. */
  readonly isDefault: boolean;
}

/** The texts of scripts by version, for runs that were queued with them. */
export interface ScriptTextRepository {
  /** Keeps a text unless it is kept already. */
  keep(version: string, content: string): Promise<void>;
  get(version: string): Promise<string | undefined>;
  /**
   * Drops texts that were kept longer ago, that no run needs and that are not among the current ones; a part
   * at a time.
   */
  trim(current: readonly string[], olderThanMs: number): Promise<number>;
}

/** Where runs wait that are set off by writes elsewhere; in a transaction of the store, part of that. */
export interface SystemOutbox extends Outbox {
  /** Keeps an entry; resolves when it is durable. One whose id is known is left as it is. */
  put(entry: OutboxEntry): Promise<void>;
}

/** An entry of the audit log, as it is added. */
export interface AuditEntry {
  /** ISO 8601 in UTC. */
  readonly date: string;
  /** `create`, `update`, `delete`, `elevate`, `export`, `rotate` … */
  readonly action: string;
  /** What it is about: `role/3`. */
  readonly record: string;
  readonly userId: number | null;
  /** As it was then. */
  readonly userEmail: string | null;
  readonly remoteAddress: string | null;
  readonly door: Origin;
  /** Set where an API key came with it. */
  readonly appId?: number;
  /** Set where it was done with more authority than that of the user. */
  readonly elevation?: Elevation;
  /** The row as callers see it, secrets masked; null: there was none. */
  readonly before: unknown;
  readonly after: unknown;
}

/** A kept entry; each carries the digest of the one before, so that none can be taken out unseen. */
export interface AuditRecord extends AuditEntry {
  readonly id: number;
  readonly previousHash: string;
  readonly hash: string;
  /** Which key of the log its digest was made with; grows with every rotation. */
  readonly keyNumber: number;
}

/** A kept entry with what its digest was made of. */
export interface AuditLink extends AuditRecord {
  readonly content: string;
  /** Whether the columns that entries are found by say the same as the content. */
  readonly isConsistent: boolean;
}

/** Where the log ends. */
export interface AuditHead {
  readonly entries: number;
  /** Digest of the last entry. */
  readonly hash: string;
  /** Digest of both, so that entries cannot be taken from the end unseen; null before the first entry. */
  readonly mac: string | null;
  /** The keys of the log, sealed; null before the first entry. */
  readonly keys: string | null;
}

/** What makes an entry the next one: the new head, and the number of the key that it was made with. */
export interface AuditSeal extends Omit<AuditHead, 'entries'> {
  readonly keyNumber: number;
}

/** Which entries of the audit log are wanted; the newest first, unless an order is given. */
export interface AuditQuery {
  /** May name `id`, `date`, `action`, `record` and `userId`. */
  readonly where?: Where | undefined;
  readonly order?: readonly Order[];
  /** Only entries with a lower id. */
  readonly before?: number | undefined;
  readonly limit: number;
  readonly skip?: number;
}

/**
 * What administrators say of a table, field or relation of a service beside its database; `revision` (one
 * for each service) changes with every change of the database's schema that went through us.
 */
export interface SchemaOverlayRecord extends Stamps {
  readonly id: number;
  readonly serviceId: number;
  /** The table's own name. */
  readonly tableName: string;
  readonly part: 'table' | 'field' | 'relation' | 'revision';
  /** The own name of the field or relation; empty for the table itself. */
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** An open session: a token is good only while its row is here and not closed. */
export interface SessionRecord {
  readonly id: string;
  readonly userId: number;
  readonly createdDate: string;
  readonly expiresDate: string;
  /** After this the session cannot be refreshed either. */
  readonly refreshUntilDate: string;
  readonly closedDate: string | null;
}

/** What the caller gives to make a record: without what the store adds. */
export type New<Record extends Stamps> = Omit<Record, 'id' | keyof Stamps>;

/** Named, stamped records with a key. `by` is the id of the acting user or null. */
export interface Repository<Entry extends Stamps, Key> {
  list(): Promise<Entry[]>;
  get(key: Key): Promise<Entry | undefined>;
  /** Throws `config.conflict` when a unique field is taken. */
  create(entry: New<Entry>, by: number | null): Promise<Entry>;
  /** Undefined when there is no such record. */
  update(key: Key, changes: Partial<New<Entry>>, by: number | null): Promise<Entry | undefined>;
  delete(key: Key): Promise<boolean>;
}

/** Stamped records that belong to others and are listed with them. */
export interface DetailRepository<Entry extends Stamps> {
  /** Those that have these values, all without; in the order in which they were made. */
  list(having?: Partial<Entry>): Promise<Entry[]>;
  /** Throws `config.conflict` when what must be unique is taken. */
  add(entry: New<Entry>, by: number | null): Promise<void>;
  /** False when there is none with that id. */
  update(id: number, changes: Partial<New<Entry>>, by: number | null): Promise<boolean>;
  delete(id: number): Promise<boolean>;
}

/** Users with the look-ups that logging in needs. */
export interface UserRepository extends Repository<UserRecord, number> {
  findByEmail(email: string): Promise<UserRecord | undefined>;
  findByUsername(username: string): Promise<UserRecord | undefined>;
  /** How many active administrators there are. */
  countAdmins(): Promise<number>;
  touchLogin(id: number): Promise<string>;
}

/** Sessions. */
export interface SessionRepository {
  open(session: Omit<SessionRecord, 'closedDate'>): Promise<void>;
  get(id: string): Promise<SessionRecord | undefined>;
  /** Moves the expiry of an open session, never the end of its refresh window. */
  extend(id: string, expiresDate: string): Promise<void>;
  close(id: string): Promise<void>;
  /** Closes all sessions of a user but, where one is given, the session that goes on. */
  closeAll(userId: number, except: string | null): Promise<void>;
  /** Drops sessions that can no longer be refreshed; returns how many. */
  prune(): Promise<number>;
}

/** The audit log: entries are added, never changed. */
export interface AuditRepository {
  /**
   * Adds one at the end of the chain, in the transaction it is called in. `seal` is given the head as it is,
   * the new entry counted, and makes the digests.
   */
  add(entry: AuditEntry, seal: (head: AuditHead, content: string) => AuditSeal): Promise<void>;
  list(query: AuditQuery): Promise<AuditRecord[]>;
  get(id: number): Promise<AuditRecord | undefined>;
  count(where?: Where): Promise<number>;
  head(): Promise<AuditHead>;
  /** Puts the keys of the log down anew, sealed with another master key. */
  reseal(keys: string): Promise<void>;
  /** In portions from the oldest to the newest. */
  chain(after: number, limit: number): Promise<readonly AuditLink[]>;
}

/** The system database. */
export interface Store {
  readonly services: Repository<ServiceRecord, number>;
  readonly eventScripts: Repository<EventScriptRecord, string>;
  readonly users: UserRepository;
  readonly sessions: SessionRepository;
  readonly roles: Repository<RoleRecord, number>;
  readonly roleAccess: DetailRepository<RoleAccessRecord>;
  readonly apps: Repository<AppRecord, number>;
  readonly userRoles: DetailRepository<UserRoleRecord>;
  readonly lookups: DetailRepository<LookupRecord>;
  readonly schemaOverlays: DetailRepository<SchemaOverlayRecord>;
  readonly cors: Repository<CorsRecord, number>;
  readonly emailTemplates: Repository<EmailTemplateRecord, number>;
  readonly limits: Repository<LimitRecord, number>;
  /** Not configuration: changes of these leave the generation as it is. */
  readonly settings: DetailRepository<SettingRecord>;
  readonly userCodes: DetailRepository<UserCodeRecord>;
  readonly userFactors: DetailRepository<UserFactorRecord>;
  readonly userIdentities: DetailRepository<UserIdentityRecord>;
  readonly audit: AuditRepository;
  readonly runs: RunRepository;
  readonly queue: RunStore;
  readonly queueSignal: QueueSignal;
  readonly queueConnections: Repository<QueueConnectionRecord, number>;
  readonly scriptTexts: ScriptTextRepository;
  readonly schedules: Repository<ScheduleRecord, number>;
  readonly scheduleSlots: ScheduleSlots;
  readonly nodes: NodeRegistry;
  readonly idempotency: IdempotencyRepository;
  readonly outbox: SystemOutbox;
  /** Grows with every change of configuration, by whichever process. */
  generation(): Promise<number>;
  /** All that `work` does with the store it is given happens, or nothing does. Use only that store inside. */
  transaction<T>(work: (store: Store) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
