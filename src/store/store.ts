// The system database on any engine that Kysely speaks to: migrated when opened, one repository per kind of
// record.
import { Kysely } from 'kysely';
import type { ScheduleRecord } from '../core/schedule.ts';
import type {
  AppRecord,
  CorsRecord,
  EmailTemplateRecord,
  EventScriptRecord,
  LimitRecord,
  LookupRecord,
  QueueConnectionRecord,
  RoleAccessRecord,
  RoleRecord,
  SchemaOverlayRecord,
  ServiceRecord,
  SettingRecord,
  Store,
  UserCodeRecord,
  UserFactorRecord,
  UserIdentityRecord,
  UserRoleRecord,
} from '../core/store.ts';
import { settingKind, userCodeKind, userFactorKind, userIdentityKind } from './accounts.ts';
import { Audit } from './audit.ts';
import { appKind, lookupKind, roleAccessKind, roleKind, userRoleKind } from './authority.ts';
import { Details } from './details.ts';
import type { StoreDialect } from './dialect.ts';
import { eventScriptKind } from './event-scripts.ts';
import { readGeneration } from './generation.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { corsKind, emailTemplateKind, limitKind } from './mail-and-limits.ts';
import { migrate } from './migrations.ts';
import { Nodes } from './nodes.ts';
import { SystemOutbox } from './outbox.ts';
import { Queue } from './queue/queue.ts';
import { Signal, type Told, Untold } from './queue/signal.ts';
import { Statements } from './queue/statements.ts';
import { queueConnectionKind } from './queue-connections.ts';
import { Records } from './records.ts';
import { Runs } from './runs.ts';
import { ScheduleSlots } from './schedule-slots.ts';
import { scheduleKind } from './schedules.ts';
import { schemaOverlayKind } from './schema-overlay.ts';
import { ScriptTexts } from './script-texts.ts';
import { serviceKind } from './services.ts';
import { Sessions } from './sessions.ts';
import { type Handle, inTransaction, type TableRow } from './table.ts';
import { Users } from './users.ts';

/**
 * Opens the system database of an engine and brings its schema up to date; closes it again when that
 * fails.
 */
export async function openStore(dialect: StoreDialect): Promise<Store> {
  const handle: Handle = new Kysely<Record<string, TableRow>>({ dialect: dialect.kysely });
  try {
    await migrate(handle, dialect);
    await dialect.migrated?.(handle);
  } catch (error) {
    await handle.destroy();
    throw error;
  }
  return storeOn({ handle, dialect });
}

/** Opens it without bringing its schema up to date; undefined where nobody made it yet. */
export async function openStoreAsItIs(dialect: StoreDialect): Promise<Store | undefined> {
  const handle: Handle = new Kysely<Record<string, TableRow>>({ dialect: dialect.kysely });
  try {
    const tables = await handle.introspection.getTables();
    if (tables.some(({ name }) => name === 'service')) return storeOn({ handle, dialect });
  } catch (error) {
    await handle.destroy();
    throw error;
  }
  await handle.destroy();
  return undefined;
}

interface StoreParts {
  readonly handle: Handle;
  readonly dialect: StoreDialect;
  readonly signal?: Signal;
  /** Told of runs that are queued: the signal, or whoever passes it on after a commit. */
  readonly told?: Told;
  readonly statements?: Statements;
}

function storeOn({ handle, dialect, ...telling }: StoreParts): Store {
  const { signal = new Signal(dialect.channel), told = signal } = telling;
  const { statements = new Statements(dialect) } = telling;
  return {
    services: new Records<ServiceRecord, number>({ handle, dialect, kind: serviceKind }),
    eventScripts: new Records<EventScriptRecord, string>({ handle, dialect, kind: eventScriptKind }),
    users: new Users({ handle, dialect }),
    sessions: new Sessions(handle),
    roles: new Records<RoleRecord, number>({ handle, dialect, kind: roleKind }),
    roleAccess: new Details<RoleAccessRecord>({ handle, dialect, kind: roleAccessKind }),
    apps: new Records<AppRecord, number>({ handle, dialect, kind: appKind }),
    userRoles: new Details<UserRoleRecord>({ handle, dialect, kind: userRoleKind }),
    lookups: new Details<LookupRecord>({ handle, dialect, kind: lookupKind }),
    schemaOverlays: new Details<SchemaOverlayRecord>({ handle, dialect, kind: schemaOverlayKind }),
    cors: new Records<CorsRecord, number>({ handle, dialect, kind: corsKind }),
    emailTemplates: new Records<EmailTemplateRecord, number>({ handle, dialect, kind: emailTemplateKind }),
    limits: new Records<LimitRecord, number>({ handle, dialect, kind: limitKind }),
    settings: new Details<SettingRecord>({ handle, dialect, kind: settingKind }),
    userCodes: new Details<UserCodeRecord>({ handle, dialect, kind: userCodeKind }),
    userFactors: new Details<UserFactorRecord>({ handle, dialect, kind: userFactorKind }),
    userIdentities: new Details<UserIdentityRecord>({ handle, dialect, kind: userIdentityKind }),
    audit: new Audit(handle),
    runs: new Runs({ handle, dialect }),
    queue: new Queue({ handle, dialect, statements, told }),
    queueSignal: signal,
    queueConnections: new Records<QueueConnectionRecord, number>({
      handle,
      dialect,
      kind: queueConnectionKind,
    }),
    scriptTexts: new ScriptTexts({ handle, dialect }),
    schedules: new Records<ScheduleRecord, number>({ handle, dialect, kind: scheduleKind }),
    scheduleSlots: new ScheduleSlots({ handle, dialect, statements }),
    nodes: new Nodes({ handle, dialect }),
    idempotency: new IdempotencyKeys({ handle, dialect }),
    outbox: new SystemOutbox({ handle, dialect, statements }),
    generation: () => readGeneration(handle),
    transaction: async (work) => {
      const untold = new Untold();
      const parts = { dialect, signal, statements, told: untold };
      const result = await inTransaction(handle, (inside) => work(storeOn({ ...parts, handle: inside })));
      untold.passTo(told);
      return result;
    },
    close: async () => {
      if (handle.isTransaction) return;
      await signal.close();
      await handle.destroy();
    },
  };
}
