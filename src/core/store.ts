// The port of the system database: one repository per record kind. Asynchronous, because PostgreSQL and MySQL
// are.
// Invariant: dates are ISO 8601 in UTC; secrets arrive here encrypted.

import type { RunRepository } from './run.ts';
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
}

/** A role; what it grants is in its rows of access. */
export interface RoleRecord extends Stamps {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  readonly isActive: boolean;
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
  readonly runs: RunRepository;
  /** Grows with every change of configuration, by whichever process. */
  generation(): Promise<number>;
  /** All that `work` does with the store it is given happens, or nothing does. Use only that store inside. */
  transaction<T>(work: (store: Store) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
