// Values that clients keep by name: for everybody (`system/custom`), or for a user (`user/custom`).
// Invariant: whoever asks for those of a user is that user; how many and how long they are is limited.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Action, Result } from '../../core/operation.ts';
import type { SettingRecord, Store } from '../../core/store.ts';
import { describedCustom } from './describe-custom.ts';
import { invalidField } from './fields.ts';
import { ownAccount } from './own-account.ts';
import type { SystemParts } from './parts.ts';
import { flagOption, isObject, listOption, readOptions } from './request.ts';
import { answer, type Call, type Resource, recordNotFound, success } from './resource.ts';
import { type Field, listAnswer, type RowSet, stampFields } from './selection.ts';

const all: readonly Action[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

const fields: readonly Field[] = [
  { name: 'name', type: 'string' },
  { name: 'value', type: 'object' },
  ...stampFields.filter(({ name }) => name.endsWith('_date')),
];

/** Whose values: `custom` of the system, `user:3`. */
interface Owner {
  readonly owner: string;
  readonly userId: number | null;
}

/** The resource `custom` of the service `system`. */
export function systemCustom(parts: SystemParts): Resource {
  return customResource(parts, 'custom', async () => ({ owner: 'custom', userId: null }));
}

/** The resource `admin/custom`. */
export function adminCustom(parts: SystemParts): Resource {
  return customResource(parts, 'admin/custom', (call) => ownerOf(parts, call));
}

/** The resource `custom` of the service `user`: everybody who is logged in has such values. */
export function userCustom(parts: SystemParts): Resource {
  const resource = customResource(parts, 'custom', (call) => ownerOf(parts, call));
  return { ...resource, userActions: all };
}

async function ownerOf(parts: SystemParts, { operation }: Call): Promise<Owner> {
  const { id } = await ownAccount(parts, operation);
  return { owner: `user:${id}`, userId: id };
}

function customResource(
  { store }: SystemParts,
  name: string,
  ownerAt: (call: Call) => Promise<Owner>,
): Resource {
  const path = name.split('/');
  return {
    name,
    endpoints: describedCustom([
      { pattern: path, actions: all, summary: 'values that clients keep' },
      { pattern: [...path, '{name}'], actions: all, summary: 'one value that clients keep' },
    ]),
    handle: async (call) => {
      const owner = await ownerAt(call);
      const [only] = call.path;
      if (call.action === 'GET')
        return only === undefined ? readAll(store, owner, call) : readOne(store, owner, only);
      if (call.action === 'DELETE') return remove(store, owner, call);
      return write(store, owner, call);
    },
  };
}

async function readAll(store: Store, { owner }: Owner, call: Call): Promise<Result> {
  const rows = (await store.settings.list({ owner })).map(rowOf);
  const set: RowSet = { name: 'custom', identifier: 'name', fields, rows };
  return answer(listAnswer(set, readOptions(call.operation)));
}

async function readOne(store: Store, { owner }: Owner, name: string): Promise<Result> {
  const [found] = await store.settings.list({ owner, name });
  if (found === undefined) throw recordNotFound(name);
  return answer({ name, value: found.value });
}

async function write(store: Store, { owner, userId }: Owner, call: Call): Promise<Result> {
  const [only] = call.path;
  const { body } = call.operation.request;
  const values =
    only === undefined ? readValues(body?.value) : [{ name: only, value: readValue(body?.value) }];
  for (const { name, value } of values) checkValue(name, value);
  await store.transaction(async (inside) => {
    const stored = await inside.settings.list({ owner });
    checkSum([...stored, ...values]);
    for (const { name, value } of values) {
      const known = stored.find((entry) => entry.name === name);
      if (known !== undefined) await inside.settings.update(known.id, { value }, call.by);
      else await inside.settings.add({ owner, userId, name, value }, call.by);
    }
  });
  const names = values.map(({ name }) => ({ name }));
  const isNew = call.action === 'POST';
  return answer(only === undefined ? { resource: names } : { name: only }, isNew ? 201 : 200);
}

async function remove(store: Store, { owner }: Owner, call: Call): Promise<Result> {
  const [only] = call.path;
  const options = readOptions(call.operation);
  const isAll = only === undefined && flagOption(options, 'force');
  const names = only === undefined ? listOption(options, 'ids') : [only];
  if (names === undefined && !isAll) {
    throw new PlatformError(
      'request.no_records',
      'No names given for delete request. Give them as ids, or force=true for all.',
    );
  }
  await store.transaction(async (inside) => {
    const stored = await inside.settings.list({ owner });
    for (const name of isAll ? stored.map((entry) => entry.name) : (names ?? [])) {
      const known = stored.find((entry) => entry.name === name);
      if (known === undefined) throw recordNotFound(name);
      await inside.settings.delete(known.id);
    }
  });
  if (only !== undefined) return answer({ name: only });
  return isAll ? success() : answer({ resource: (names ?? []).map((name) => ({ name })) });
}

interface Value {
  readonly name: string;
  readonly value: unknown;
}

// `{"resource": [{"name", "value"}]}`, a list of such records, one of them, or a map of values by name.
function readValues(content: unknown): readonly Value[] {
  const wrapped = isObject(content) && Array.isArray(content.resource) ? content.resource : content;
  if (Array.isArray(wrapped)) return wrapped.map(readNamed);
  if (!isObject(wrapped) || Object.keys(wrapped).length === 0) {
    throw new PlatformError(
      'request.no_records',
      'No values detected in request. Example: {"resource":[{"name":"theme","value":"dark"}]}',
    );
  }
  const isRecord = typeof wrapped.name === 'string' && Object.hasOwn(wrapped, 'value');
  if (isRecord) return [readNamed(wrapped)];
  return Object.entries(wrapped).map(([name, value]) => ({ name, value }));
}

function readNamed(entry: unknown): Value {
  if (isObject(entry) && typeof entry.name === 'string' && Object.hasOwn(entry, 'value'))
    return { name: entry.name, value: entry.value };
  throw invalidField('name', "and 'value' are required in each record");
}

// A value alone, or a record of it.
function readValue(content: unknown): unknown {
  if (content === undefined) throw invalidField('value', 'is required');
  const isRecord =
    isObject(content) && Object.keys(content).every((key) => key === 'name' || key === 'value');
  return isRecord && Object.hasOwn(content, 'value') ? content.value : content;
}

function checkValue(name: string, value: unknown): void {
  if (name.trim() === '' || name.length > limits.labelText) {
    throw invalidField('name', `must be text of at most ${limits.labelText} characters`);
  }
  if (JSON.stringify(value).length > limits.customValueChars) {
    throw invalidField('value', `must have at most ${limits.customValueChars} characters as JSON`);
  }
}

// Of several with one name the last one counts, as it will be kept.
function checkSum(values: readonly Value[]): void {
  const kept = new Map(values.map(({ name, value }) => [name, JSON.stringify(value).length]));
  if (kept.size > limits.customValues) throw tooMany(`${limits.customValues} values`);
  const sum = [...kept.values()].reduce((before, length) => before + length, 0);
  if (sum > limits.customChars) throw tooMany(`${limits.customChars} characters of JSON`);
}

function rowOf({ name, value, createdDate, lastModifiedDate }: SettingRecord) {
  return { name, value, created_date: createdDate, last_modified_date: lastModifiedDate };
}

function tooMany(bound: string): PlatformError {
  const message = `More than ${bound} cannot be kept. Delete some values first.`;
  return new PlatformError('request.invalid_record', message);
}
