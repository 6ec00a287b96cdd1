// Everything the platform does is an operation: a principal asks a service for an action on a resource.
// Invariant: an operation is plain data; only its message parts may be replaced on the way, and only by
// scripts.
import type { Body } from './body.ts';
import type { PlatformError } from './errors.ts';
import type { IdempotencyNote } from './idempotency.ts';
import type { RecordStream } from './record-stream.ts';
import type { Role } from './role.ts';
import type { TransactionScope } from './transaction.ts';

/** What is done to a resource, in the field's own words. */
export type Action = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** All actions, in the order in which they are listed. */
export const actions: readonly Action[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Who may ask: through the API or from a script (DreamFactory's requestor masks 1 and 2). */
export type Requestor = 'api' | 'script';

/** The door by which an operation came in. */
export type Origin = 'http' | 'script' | 'queue' | 'schedule' | 'cli';

/** A value of a query parameter: text, nothing (`?flag`), a list (`a[]=1`) or a map (`a[b]=1`). */
export type ParameterValue =
  | string
  | number
  | boolean
  | null
  | ParameterValue[]
  | { [name: string]: ParameterValue };

/** Query parameters by name. Never changed in place: whoever edits them makes new ones. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/** Header values by lower-case name. */
export type Headers = Readonly<Record<string, string>>;

/** The parts of an exchange that scripts may replace. */
export interface Message {
  readonly parameters: Parameters;
  readonly headers: Headers;
  /** Undefined when there is none. */
  readonly body: Body | undefined;
}

/** An answer: also what an error becomes at request scope. */
export interface Result {
  readonly status: number;
  /** Only headers beyond content type and length. */
  readonly headers: Headers;
  readonly body: Body | undefined;
  /** Records in portions, in place of a body; only for callers that said they take it. */
  readonly stream?: RecordStream;
  /** Media type that a script or service asked for; undefined: JSON or as the caller accepts. */
  readonly mediaType?: string;
}

/** The user behind a principal, as scripts and session answers show it. */
export interface UserView {
  readonly id: number;
  readonly name: string;
  readonly username: string;
  readonly displayName: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly isAdmin: boolean;
  readonly lastLogin: string | null;
  readonly phone?: string | null;
  readonly defaultAppId?: number | null;
}

/** The app whose API key came with a request. */
export interface AppView {
  readonly id: number;
  readonly name: string;
  readonly isActive: boolean;
}

/** Values of lookups by name, as scripts may see them. */
export interface LookupValues {
  readonly open: Readonly<Record<string, string>>;
  /** Private ones that scripts were expressly allowed to see. */
  readonly secret: Readonly<Record<string, string>>;
  /** What anybody may know of this server: `df.version`. */
  readonly facts?: Readonly<Record<string, string>>;
}

/** On whose authority an operation is done. */
export interface Principal {
  readonly kind: 'user' | 'app' | 'system' | 'anonymous';
  readonly user: UserView | undefined;
  /** System administrators pass every access check. */
  readonly isAdmin: boolean;
  /** What everybody else may do; null: nothing but what is public. */
  readonly role: Role | null;
  readonly app: AppView | null;
  readonly lookups: LookupValues;
  /** The API key that came with the request, whether or not it is one of ours. */
  readonly apiKey: string | null;
  readonly sessionId: string | null;
  /** A token for some minutes of this session, where there is one: what `{session.token}` stands for. */
  readonly sessionToken?: () => string | undefined;
  /** Why credentials that were given are no good; a refusal throws it, what is public does not ask. */
  readonly failure?: PlatformError;
}

/** Authority beyond that of the caller, and who gave it. */
export interface Elevation {
  /** What acts: `script db._table.todo.post.pre_process`, `mail of an invitation`. */
  readonly by: string;
  /** What it acts as: `role auditors`, `the system`. */
  readonly to: string;
}

/** No lookups at all. */
export const noLookups: LookupValues = { open: {}, secret: {} };

/** The system itself, where it acts for people who have no right to what has to be done for them. */
export const itself: Principal = {
  kind: 'system',
  user: undefined,
  isAdmin: true,
  role: null,
  app: null,
  lookups: noLookups,
  apiKey: null,
  sessionId: null,
};

/** Nobody: no key and no token. */
export const anonymous: Principal = {
  kind: 'anonymous',
  user: undefined,
  isAdmin: false,
  role: null,
  app: null,
  lookups: noLookups,
  apiKey: null,
  sessionId: null,
};

/** Who acts in place of whoever caused it. */
export interface Acting {
  readonly principal: Principal;
  readonly elevation: Elevation;
}

/** A run of a script, as those that it causes know it. */
export interface RunMark {
  /** Its id in the log of runs; made when somebody asks for it, and kept by the log from then on. */
  readonly id: string;
  /** On whose authority the calls are made that it makes itself; absent: on that of whoever set it off. */
  readonly acting?: Acting | undefined;
  /** Ends it where it is, and the runs that it causes with it. */
  readonly signal?: AbortSignal | undefined;
}

/** One thing asked of the platform. */
export interface Operation {
  /** Name of the service, as asked for. */
  readonly service: string;
  /** Decoded path below the service: `['_table', 'contact', '5']`; empty at the service's root. */
  readonly path: readonly string[];
  readonly action: Action;
  readonly origin: Origin;
  readonly requestor: Requestor;
  readonly principal: Principal;
  /** 0 for a call from outside; one more for each call from a script inside it. */
  readonly depth: number;
  /** Calls over the network, from script to script, that led here; none when absent. */
  readonly hops?: number;
  readonly request: Message;
  /** Path and query as received, e.g. `/api/v2/db/_table/contact?limit=1`. */
  readonly uri: string;
  /** Version in the path, e.g. `2.0`. */
  readonly apiVersion: string;
  /** Network address of the caller; absent when nobody called over the network. */
  readonly remoteAddress?: string;
  /** The run of a script that asks for it, or that asked for what this is a part of. */
  readonly run?: RunMark | undefined;
  /** The transaction that it is a part of, and all that it causes. */
  readonly transaction?: TransactionScope | undefined;
  /** Set when its principal has more authority than whoever caused it. */
  readonly elevation?: Elevation | undefined;
  /** Set where the clock asks for it as the system, whatever its principal may do; not for what it causes. */
  readonly isPrivileged?: boolean;
  /** What its service keeps with what it writes, so that it is written once; not for what that causes. */
  readonly idempotency?: IdempotencyNote;
}

/**
 * What a service or a script says to ask for something else: the rest is inherited from the operation it is
 * in.
 */
export interface InnerCall {
  readonly service: string;
  readonly path: readonly string[];
  readonly action: Action;
  readonly request: Message;
  readonly uri: string;
  /** The transaction that it joins; absent: that of the operation it is in. */
  readonly transaction?: TransactionScope | undefined;
}
