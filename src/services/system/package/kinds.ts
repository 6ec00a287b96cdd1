// The kinds of records that packages hold, in the order in which they can be made. Invariant: records are
// written by the same collections that the API writes them by, so that whatever is refused there is refused
// here.
import type { ConfigField } from '../../../core/service.ts';
import type { LookupRecord, Store } from '../../../core/store.ts';
import { lookupPlace } from '../../../security/sealed-places.ts';
import { accountCollection } from '../account.ts';
import { adminAccounts } from '../admin.ts';
import { appCollection, keepKey } from '../app.ts';
import type { Collection } from '../collection.ts';
import { corsCollection } from '../cors.ts';
import { emailTemplateCollection } from '../email-template.ts';
import { eventScriptCollection } from '../event-script.ts';
import { limitCollection } from '../limit.ts';
import { lookupCollection } from '../lookup.ts';
import type { SchemaDesk, SystemParts } from '../parts.ts';
import { ConnectionTypes, queueConnectionCollection } from '../queue-connection.ts';
import { roleCollection } from '../role.ts';
import { scheduleCollection } from '../schedule-collection.ts';
import { derivedFields } from '../schedule-row.ts';
import { serviceCollection } from '../service.ts';
import { userAccounts } from '../user.ts';
import { Secret } from './document.ts';
import { type Reference, referencesAmong } from './names.ts';
import { keepHash } from './password-hash.ts';
import { keepSchema, readSchemas } from './schema.ts';

/** A kind of records. */
export interface Kind {
  readonly collection: Collection;
  /** Lists inside its records, with the fields that tell their rows apart. */
  readonly lists: readonly ListKind[];
  /** What the records of the API do not show. */
  readonly asides: readonly Aside[];
  /** Fields that documents do not hold: they say what is, not what is configured. */
  readonly without: readonly string[];
  /** Whether its records would be something else without what they name: a second pass is none for them. */
  readonly isWhole?: boolean;
  /** Only exported when it is asked for. */
  readonly isPersonal?: boolean;
  /** Its records have settings by their type, secrets among them. */
  readonly configured?: Configured;
}

/** What is known of the configurations of records. */
export interface Configured {
  /** The settings of a type; undefined where it is unknown. */
  settings(type: unknown): readonly ConfigField[] | undefined;
  /** The configurations of all records. */
  read(store: Store): Promise<readonly Configuration[]>;
}

/** The configuration of a record. */
export interface Configuration {
  readonly id: number;
  readonly type: string;
  /** As callers see it. */
  readonly shown: Readonly<Record<string, unknown>>;
  /** With its secrets in clear. Throws when they cannot be opened. */
  reveal(): Readonly<Record<string, unknown>>;
}

/** A list inside records. */
export interface ListKind {
  readonly field: string;
  /** Field of its rows that names their parent. */
  readonly parent: string;
  /** Fields, as documents hold them, by which a row is the same row. */
  readonly keys: readonly string[];
  /** All of its fields, as documents hold them. */
  readonly fields: readonly string[];
  /** Its fields that hold ids. */
  readonly references: readonly Reference[];
}

/** A member of documents that is kept beside the records of the API. */
export interface Aside {
  readonly member: string;
  /** Values by the id of their record; what is not set is absent. */
  read(store: Store): Promise<ReadonlyMap<number, unknown>>;
  write(change: AsideChange): Promise<void>;
}

/** A value to be kept beside a record. */
export interface AsideChange {
  readonly store: Store;
  readonly id: number;
  readonly value: unknown;
  readonly by: number | null;
  readonly schemas: SchemaDesk;
}

const access: ListKind = {
  field: 'role_service_access_by_role_id',
  parent: 'role_id',
  keys: ['service', 'component', 'requestor_mask'],
  fields: ['service', 'component', 'verb_mask', 'requestor_mask', 'filters', 'filter_op', 'fields'],
  references: referencesAmong(['service_id']),
};

// Of a question only the hash of its answer is kept; what people set up for themselves stays theirs.
const ofAccount = ['is_sys_admin', 'last_login_date', 'expired', 'security_question', 'second_factor'];

const rolesOfUser: ListKind = {
  field: 'user_to_app_to_role_by_user_id',
  parent: 'user_id',
  keys: ['app'],
  fields: ['app', 'role'],
  references: referencesAmong(['app_id', 'role_id']),
};

function lookupsOf(parent: 'app' | 'role' | 'user'): ListKind {
  return {
    field: `lookup_by_${parent}_id`,
    parent: `${parent}_id`,
    keys: ['name'],
    fields: ['name', 'value', 'private', 'description', 'script_visible'],
    references: [],
  };
}

/** All kinds. */
export function packageKinds(parts: SystemParts): readonly Kind[] {
  const plain = { lists: [], asides: [], without: [] };
  const hash: Aside = { member: 'password_hash', read: readHashes, write: keepHash };
  const account = { without: ofAccount, asides: [hash] };
  return [
    // Scripts name them, and services may be scripts.
    {
      ...plain,
      collection: queueConnectionCollection(parts),
      configured: ofConnections(new ConnectionTypes(parts)),
    },
    {
      ...plain,
      collection: serviceCollection(parts),
      asides: [{ member: 'schema', read: readSchemas, write: keepSchema }],
      without: ['mutable', 'deletable'],
      configured: ofServices(parts),
    },
    { ...plain, collection: roleCollection(parts), lists: [access, lookupsOf('role')] },
    {
      ...plain,
      collection: appCollection(parts),
      lists: [lookupsOf('app')],
      asides: [{ member: 'api_key', read: readKeys, write: keepKey }],
      without: ['api_key', 'launch_url'],
    },
    {
      ...account,
      collection: accountCollection(parts, adminAccounts(parts)),
      lists: [rolesOfUser, lookupsOf('user')],
      isPersonal: true,
    },
    {
      ...account,
      collection: accountCollection(parts, userAccounts(parts)),
      lists: [rolesOfUser, lookupsOf('user')],
      isPersonal: true,
    },
    { ...plain, collection: eventScriptCollection(parts) },
    { ...plain, collection: scheduleCollection(parts), without: derivedFields, isWhole: true },
    { ...plain, collection: lookupCollection(parts) },
    { ...plain, collection: corsCollection(parts) },
    { ...plain, collection: emailTemplateCollection(parts) },
    { ...plain, collection: limitCollection(parts), without: ['key_text'] },
  ];
}

function ofServices({ services }: SystemParts): Configured {
  return {
    settings: (type) => services.types.find(({ name }) => name === type)?.config,
    read: async (store) =>
      (await store.services.list()).map((record) => {
        const { service_id: _id, ...shown } = services.show(record);
        return { id: record.id, type: record.type, shown, reveal: () => services.reveal(record) };
      }),
  };
}

function ofConnections(types: ConnectionTypes): Configured {
  return {
    settings: (type) => types.settings(type),
    read: async (store) =>
      (await store.queueConnections.list()).map((record) => {
        const { id, type } = record;
        return { id, type, shown: types.show(record), reveal: () => types.reveal(record) };
      }),
  };
}

async function readKeys(store: Store): Promise<ReadonlyMap<number, unknown>> {
  const apps = await store.apps.list();
  return new Map(apps.map(({ id, apiKey }) => [id, new Secret(apiKey, { isKey: true })]));
}

async function readHashes(store: Store): Promise<ReadonlyMap<number, unknown>> {
  const users = (await store.users.list()).filter(({ passwordHash }) => passwordHash !== '');
  return new Map(users.map(({ id, passwordHash }) => [id, new Secret(passwordHash)]));
}

/** The value of a private lookup. */
export function lookupSecret({ secrets }: SystemParts, { owner, name, value }: LookupRecord): Secret {
  return new Secret(secrets.open(value, lookupPlace(owner, name)));
}
