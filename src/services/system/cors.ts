// Rules of CORS: which pages of other origins may call which paths, and how (spec §5.11). Invariant: no rule
// lets any page at all call with credentials.
import { limits } from '../../core/limits.ts';
import { actions } from '../../core/operation.ts';
import { verbBits } from '../../core/role.ts';
import type { CorsRecord, New } from '../../core/store.ts';
import type { Change, Collection } from './collection.ts';
import { invalidField, onlyGiven, readFlag, readOptionalText, readText, required } from './fields.ts';
import type { SystemParts } from './parts.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { type Field, type Row, stampFields } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'path', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'origin', type: 'text' },
  { name: 'header', type: 'text' },
  { name: 'exposed_header', type: 'text' },
  { name: 'method', type: 'array' },
  { name: 'max_age', type: 'integer' },
  { name: 'supports_credentials', type: 'boolean' },
  { name: 'enabled', type: 'boolean' },
  ...stampFields,
];

const text = { max: limits.descriptionText };

/** The records of `cors`. */
export function corsCollection({ observe }: SystemParts): Collection {
  return {
    name: 'cors',
    noun: 'rule of CORS',
    identifier: 'id',
    fields,
    rows: async (store) => (await store.cors.list()).map(rowOf),
    create: async ({ store, written, by }) => {
      const path = required(readPath(written), 'path');
      const rule = { ...empty, ...readRule(written), path };
      return rowOf(await store.cors.create(checked(rule), by));
    },
    update: ({ id }, change) => update(Number(id), change),
    remove: async ({ id }, { store }) => void (await store.cors.delete(Number(id))),
    applied: async (ids, by) => {
      for (const id of ids) observe({ kind: 'config.changed', record: `cors/${id}`, by });
    },
  };
}

const empty: Omit<New<CorsRecord>, 'path'> = {
  description: null,
  origin: '*',
  header: '*',
  exposedHeader: null,
  method: 31,
  maxAge: 0,
  supportsCredentials: false,
  enabled: true,
};

async function update(id: number, { store, written, by }: Change): Promise<Row> {
  const path = readPath(written);
  const changes = { ...readRule(written), ...(path === undefined ? {} : { path }) };
  return store.transaction(async (inside) => {
    const stored = await inside.cors.get(id);
    if (stored === undefined) throw recordNotFound(id);
    checked({ ...stored, ...changes });
    const changed = await inside.cors.update(id, changes, by);
    return rowOf(changed ?? stored);
  });
}

function readRule(written: Written): Partial<New<CorsRecord>> {
  return onlyGiven<Partial<New<CorsRecord>>>({
    description: readOptionalText(written, 'description', text),
    origin: readOrigin(written),
    header: readOptionalText(written, 'header', text),
    exposedHeader: readOptionalText(written, 'exposed_header', text),
    method: readMethods(written),
    maxAge: readAge(written),
    supportsCredentials: readFlag(written, 'supports_credentials'),
    enabled: readFlag(written, 'enabled'),
  });
}

// Any page could then act with what a browser keeps for somebody who is logged in.
function checked(rule: New<CorsRecord>): New<CorsRecord> {
  if (rule.supportsCredentials && originsOf(rule).includes('*')) {
    throw invalidField('supports_credentials', "needs origins by name; with the origin '*' it must be false");
  }
  return rule;
}

function originsOf({ origin }: Pick<CorsRecord, 'origin'>): string[] {
  return origin.split(',').map((part) => part.trim());
}

function readPath(written: Written): string | undefined {
  const path = readText(written, 'path', { max: limits.labelText });
  if (path === undefined || /^\/?[\w./{}~%-]*\*?$/.test(path)) return path;
  throw invalidField('path', "must be a path such as 'api/v2/db/_table/todo', or one that ends in '*'");
}

function readOrigin(written: Written): string | undefined {
  const origin = readText(written, 'origin', text);
  if (origin === undefined) return undefined;
  for (const part of originsOf({ origin })) {
    if (part === '*' || isOrigin(part)) continue;
    throw invalidField('origin', `must be '*' or addresses such as https://example.com, not '${part}'`);
  }
  return origin;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

// As a mask, as names, or as a list of names.
function readMethods(written: Written): number | undefined {
  const given = Object.hasOwn(written, 'method') ? written.method : undefined;
  if (given === undefined || given === null) return undefined;
  if (Number.isInteger(given) && Number(given) >= 0 && Number(given) <= 31) return Number(given);
  const names = Array.isArray(given) ? given : typeof given === 'string' ? given.split(',') : [given];
  return names.reduce<number>((mask, name) => mask | bitOf(name), 0);
}

function bitOf(name: unknown): number {
  const upper = String(name).trim().toUpperCase();
  if (upper === '*') return 31;
  const action = actions.find((known) => known === upper);
  if (action !== undefined) return verbBits[action];
  throw invalidField('method', `must list verbs (${actions.join(', ')}) or be their mask from 0 to 31`);
}

function readAge(written: Written): number | undefined {
  const age = Object.hasOwn(written, 'max_age') ? written.max_age : undefined;
  if (age === undefined || age === null) return undefined;
  if (Number.isInteger(age) && Number(age) >= 0 && Number(age) <= limits.corsMaxAge) return Number(age);
  throw invalidField('max_age', `must be a number of seconds from 0 to ${limits.corsMaxAge}`);
}

function rowOf(rule: CorsRecord): Row {
  return {
    id: rule.id,
    path: rule.path,
    description: rule.description,
    origin: rule.origin,
    header: rule.header,
    exposed_header: rule.exposedHeader,
    method: actions.filter((action) => (rule.method & verbBits[action]) !== 0),
    max_age: rule.maxAge,
    supports_credentials: rule.supportsCredentials,
    enabled: rule.enabled,
    created_date: rule.createdDate,
    last_modified_date: rule.lastModifiedDate,
    created_by_id: rule.createdById,
    last_modified_by_id: rule.lastModifiedById,
  };
}
