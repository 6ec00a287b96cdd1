// Scripts bound to events (spec §2.5); the event's name is their identifier.
// Invariant: what is stored as active can be run: a script that cannot is refused when it is saved.
import { PlatformError } from '../../core/errors.ts';
import { parseEventName } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import type { EventScriptRecord, New } from '../../core/store.ts';
import type { Change, Collection } from './collection.ts';
import {
  invalidField,
  onlyGiven,
  readFlag,
  readMap,
  readOptionalId,
  readOptionalText,
  readText,
  required,
} from './fields.ts';
import type { SystemParts } from './parts.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { checkRunAs, permitRunAs } from './run-as.ts';
import type { Field, Row } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'name', type: 'string' },
  { name: 'type', type: 'string' },
  { name: 'is_active', type: 'boolean' },
  { name: 'content', type: 'text' },
  { name: 'config', type: 'object' },
  { name: 'allow_event_modification', type: 'boolean' },
  { name: 'storage_service_id', type: 'integer' },
  { name: 'storage_path', type: 'string' },
  { name: 'scm_repository', type: 'string' },
  { name: 'scm_reference', type: 'string' },
  { name: 'run_as_role_id', type: 'integer' },
  { name: 'created_date', type: 'datetime' },
  { name: 'last_modified_date', type: 'datetime' },
  { name: 'created_by_id', type: 'integer' },
  { name: 'last_modified_by_id', type: 'integer' },
];

const rule = { max: limits.labelText };

const empty: Omit<New<EventScriptRecord>, 'name' | 'type'> = {
  isActive: false,
  content: '',
  config: {},
  allowEventModification: false,
  storageServiceId: null,
  storagePath: null,
  scmRepository: null,
  scmReference: null,
  runAsRoleId: null,
};

/** The records of `event_script`. */
export function eventScriptCollection(parts: SystemParts): Collection {
  const { store, scripts, observe } = parts;
  return {
    name: 'event_script',
    noun: 'event script',
    identifier: 'name',
    fields,
    upserts: true,
    permit: (attempt) => permitRunAs(attempt, (record) => record.run_as_role_id),
    rows: async (source) => (await source.eventScripts.list()).map(rowOf),
    create: (change) => create(parts, change),
    update: (row, change) => update(parts, String(row.name), change),
    remove: async (row, change) => {
      await change.store.eventScripts.delete(String(row.name));
    },
    applied: async (names, by) => {
      await scripts.reload(await store.eventScripts.list());
      for (const name of names) observe({ kind: 'config.changed', record: `event_script/${name}`, by });
    },
    warning: (names) => flawsOf(parts, new Set(names)),
  };
}

// Text that cannot be loaded is stored all the same, as DreamFactory does; whoever stores it should know.
async function flawsOf(
  { store, scripts }: SystemParts,
  names: ReadonlySet<unknown>,
): Promise<string | undefined> {
  const flaws: string[] = [];
  for (const record of await store.eventScripts.list()) {
    const flaw = names.has(record.name) ? await scripts.flaw(record) : undefined;
    if (flaw !== undefined) flaws.push(`Script '${record.name}' can not be loaded: ${flaw}.`);
  }
  return flaws.length === 0 ? undefined : flaws.join(' ');
}

async function create({ scripts }: SystemParts, { store, written, by }: Change): Promise<Row> {
  const script: New<EventScriptRecord> = {
    ...empty,
    ...readScript(written),
    name: readEventName(written),
    type: required(readText(written, 'type', rule), 'type'),
  };
  await check(scripts, script);
  await checkRunAs(store, script.runAsRoleId);
  return rowOf(await store.eventScripts.create(script, by));
}

async function update({ scripts }: SystemParts, name: string, { store, written, by }: Change): Promise<Row> {
  const stored = await store.eventScripts.get(name);
  if (stored === undefined) throw recordNotFound(name);
  const changes = readScript(written);
  await check(scripts, { ...stored, ...changes });
  await checkRunAs(store, changes.runAsRoleId);
  const script = await store.eventScripts.update(name, changes, by);
  if (script === undefined) throw recordNotFound(name);
  return rowOf(script);
}

async function check(scripts: SystemParts['scripts'], script: New<EventScriptRecord>): Promise<void> {
  const isLinked = script.storageServiceId !== null || script.scmRepository !== null;
  if (script.isActive && isLinked) {
    throw new PlatformError(
      'script.invalid',
      'A script that is linked to a storage service or repository cannot be active. Put its text in ' +
        "'content' and clear 'storage_service_id' and 'scm_repository'.",
    );
  }
  await scripts.validate(script);
}

function readEventName(written: Written): string {
  const name = required(readText(written, 'name', { max: limits.eventName }), 'name');
  const [service = ''] = name.split('.');
  if (parseEventName(name) === undefined || service !== service.toLowerCase()) {
    throw new PlatformError(
      'script.unknown_event',
      `'${name}' is no event name: it must be service.path.verb with the service in lower case, for ` +
        "example 'db._table.contact.get.post_process'. GET system/event lists the events.",
    );
  }
  return name;
}

function readScript(written: Written): Partial<New<EventScriptRecord>> {
  return onlyGiven<Partial<New<EventScriptRecord>>>({
    type: readText(written, 'type', rule),
    isActive: readFlag(written, 'is_active'),
    content: readContent(written),
    config: readMap(written, 'config'),
    allowEventModification: readFlag(written, 'allow_event_modification'),
    storageServiceId: readOptionalId(written, 'storage_service_id'),
    storagePath: readOptionalText(written, 'storage_path', rule),
    scmRepository: readOptionalText(written, 'scm_repository', rule),
    scmReference: readOptionalText(written, 'scm_reference', rule),
    runAsRoleId: readOptionalId(written, 'run_as_role_id'),
  });
}

function readContent(written: Written): string | undefined {
  const value = Object.hasOwn(written, 'content') ? written.content : undefined;
  if (value === undefined) return undefined;
  if (value === null) return '';
  if (typeof value !== 'string') throw invalidField('content', 'must be text');
  if (Buffer.byteLength(value) > limits.scriptBytes) {
    throw invalidField('content', `must have at most ${limits.scriptBytes} bytes`);
  }
  return value.trim();
}

function rowOf(script: EventScriptRecord): Row {
  return {
    name: script.name,
    type: script.type,
    is_active: script.isActive,
    content: script.content,
    config: script.config,
    allow_event_modification: script.allowEventModification,
    storage_service_id: script.storageServiceId,
    storage_path: script.storagePath,
    scm_repository: script.scmRepository,
    scm_reference: script.scmReference,
    run_as_role_id: script.runAsRoleId,
    created_date: script.createdDate,
    last_modified_date: script.lastModifiedDate,
    created_by_id: script.createdById,
    last_modified_by_id: script.lastModifiedById,
  };
}
