// What the audit log keeps of a change of a record. Invariant: nothing secret gets in, whatever kind the
// record is of: what callers see masked stays so, keys are told by their digest, long texts by theirs.
import { createHash } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import type { Operation } from '../../core/operation.ts';
import type { AuditNote } from '../../security/audit.ts';
import { mask } from '../configuration.ts';
import { isObject, type Written } from './request.ts';
import { type Row, stampFields } from './selection.ts';

/** A record that was made, changed or removed. */
export interface RecordedChange {
  readonly action: 'create' | 'update' | 'delete';
  /** Kind of the record and its identifier: `role/3`. */
  readonly record: string;
  /** The field that its identifier is in, which is always kept. */
  readonly identifier: string;
  readonly before?: Row | undefined;
  readonly after?: Row | undefined;
  /** What the caller wrote, to tell that a secret is another one although it looks the same. */
  readonly written?: Written | undefined;
}

/** What there is to tell of a change. */
export function changeNote(operation: Operation, change: RecordedChange): AuditNote {
  const { action, record, identifier, before, after, written } = change;
  const kept = { before: before && shown(before), after: after && shown(withSecrets(after, written)) };
  if (kept.before === undefined || kept.after === undefined) {
    return actionNote(operation, { action, record, ...kept });
  }
  const told = difference(kept.before, kept.after, identifier);
  return actionNote(operation, { action, record, ...told });
}

/** Something that an administrator did that is no change of a record. */
export interface RecordedAction {
  readonly action: string;
  readonly record: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** What there is to tell of it. */
export function actionNote(
  operation: Operation,
  { action, record, before, after }: RecordedAction,
): AuditNote {
  const { principal, remoteAddress, origin, elevation } = operation;
  return {
    action,
    record,
    userId: principal.user?.id ?? null,
    userEmail: principal.user?.email ?? null,
    remoteAddress: remoteAddress ?? null,
    door: origin,
    ...(principal.app === null ? {} : { appId: principal.app.id }),
    ...(elevation === undefined ? {} : { elevation }),
    before: bounded(before),
    after: bounded(after),
  };
}

// Many long texts in one record are still too much for an entry.
function bounded(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  const text = JSON.stringify(value);
  if (text.length <= limits.auditValueChars) return value;
  return { cut: `${text.length} characters, ${digestOf(text)}` };
}

// Who wrote it and when is said by the entry itself.
const stamps: ReadonlySet<string> = new Set(stampFields.map(({ name }) => name));

// A secret that is another one than before.
const replaced = `${mask} (new)`;

// Random and long, so that a digest gives nothing away; of a password it would.
const keyName = /api_?keys?$/i;
const secretName = /(password|passwd|secret|token|private_?key)s?$/i;

function shown(row: Row): Row {
  const fields = Object.entries(row).filter(([name]) => !stamps.has(name));
  return Object.fromEntries(fields.map(([name, value]) => [name, plain(value, name)]));
}

function plain(value: unknown, name: string): unknown {
  const isKnown = value === null || value === undefined || typeof value === 'boolean' || value === '';
  if (isKnown || isMasked(value)) return value;
  if (keyName.test(name)) return digestOf(typeof value === 'string' ? value : JSON.stringify(value));
  if (secretName.test(name)) return mask;
  if (typeof value === 'string') return cutText(value);
  if (Array.isArray(value)) {
    const kept = value.slice(0, limits.auditList).map((item) => plain(item, name));
    const left = value.length - kept.length;
    return left === 0 ? kept : [...kept, `… and ${left} more`];
  }
  return isObject(value) ? shown(value) : value;
}

function isMasked(value: unknown): boolean {
  return value === mask || value === replaced;
}

/** A text as the audit log keeps it: the beginning and the digest of one that is long. */
export function cutText(text: string): string {
  if (text.length <= limits.auditText) return text;
  return `${text.slice(0, limits.auditText)}… (${text.length} characters, ${digestOf(text)})`;
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

// A secret that was given looks like the one before; and passwords are not in the row at all.
function withSecrets(row: Row, written: Written = {}): Row {
  const told = Object.entries(written).flatMap(([name, given]) => {
    const value = row[name];
    if (given === null || given === undefined || given === '' || given === mask) return [];
    const isHidden = value === mask || (secretName.test(name) && !keyName.test(name));
    if (isHidden) return [[name, replaced]];
    return isObject(value) && isObject(given) ? [[name, withSecrets(value, given)]] : [];
  });
  return { ...row, ...Object.fromEntries(told) };
}

function difference(before: Row, after: Row, identifier: string): { before: Row; after: Row } {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names.filter((name) => !isSame(before[name], after[name]));
  const old: Record<string, unknown> = { [identifier]: before[identifier] };
  const now: Record<string, unknown> = { [identifier]: after[identifier] };
  for (const name of changed) [old[name], now[name]] = parts(before[name], after[name]);
  return { before: old, after: now };
}

// Of an object only what changed in it, of a list the records that did.
function parts(before: unknown, after: unknown): [unknown, unknown] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    const changed = names.filter((name) => !isSame(before[name], after[name]));
    return [pick(before, changed), pick(after, changed)];
  }
  if (!Array.isArray(before) || !Array.isArray(after)) return [before, after];
  const missing = (from: readonly unknown[], others: readonly unknown[]) => {
    const known = new Set(others.map((other) => JSON.stringify(other)));
    return from.filter((item) => !known.has(JSON.stringify(item)));
  };
  return [missing(before, after), missing(after, before)];
}

function pick(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(
    names.filter((name) => Object.hasOwn(row, name)).map((name) => [name, row[name]]),
  );
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
