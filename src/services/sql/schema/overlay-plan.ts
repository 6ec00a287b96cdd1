// What is to be stored of what was said beside the database. Invariant: an alias is the name of nothing
// else; what the database says itself is not stored again.
import { PlatformError } from '../../../core/errors.ts';
import { labelOf, pluralOf } from '../naming.ts';
import { checkName, excerpt } from './definition-values.ts';
import type { FieldSaid, RelationSaid, TableSaid } from './overlay.ts';
import type { OverlayChange } from './overlays.ts';

/** A thing with a name and perhaps an alias. */
export interface Named {
  readonly ownName: string;
  readonly alias: string | null | undefined;
}

/** What is stored and what was said now. */
export interface Saying<Said> {
  readonly stored: Said | undefined;
  readonly given: Said;
  /** Takes back what is not said now. */
  readonly replaces: boolean;
}

/** What is to be stored of a table. */
export function tableSaying(name: string, saying: Saying<TableSaid>): OverlayChange {
  const { label, plural, ...rest } = merged(saying);
  const own = labelOf(name);
  const settings = {
    ...rest,
    ...(isOther(label, own) ? { label } : {}),
    ...(isOther(plural, pluralOf(label ?? own)) ? { plural } : {}),
  };
  return { tableName: name, part: 'table', name: '', settings: filled(settings) };
}

/** What is to be stored of a field. */
export function fieldSaying(tableName: string, name: string, saying: Saying<FieldSaid>): OverlayChange {
  const { label, ...rest } = merged(saying, ['is_virtual', 'type', 'is_aggregate']);
  const settings = { ...rest, ...(isOther(label, labelOf(name)) ? { label } : {}) };
  return { tableName, part: 'field', name, settings: filled(settings) };
}

/** What is to be stored of a relation. */
export function relationSaying(tableName: string, name: string, saying: Saying<RelationSaid>): OverlayChange {
  const { label, ...rest } = merged(saying, virtualParts);
  const settings = { ...rest, ...(isOther(label, labelOf(name)) ? { label } : {}) };
  return { tableName, part: 'relation', name, settings: filled(settings) };
}

const virtualParts: readonly (keyof RelationSaid)[] = [
  'is_virtual',
  'type',
  'field',
  'ref_service_id',
  'ref_table',
  'ref_field',
  'junction_service_id',
  'junction_table',
  'junction_field',
  'junction_ref_field',
];

// What a thing is stays also when all that is said of it is replaced.
function merged<Said extends object>(
  { stored, given, replaces }: Saying<Said>,
  kept: readonly (keyof Said)[] = [],
): Said {
  if (stored === undefined) return given;
  if (!replaces) return { ...stored, ...given };
  const base = Object.fromEntries(Object.entries(stored).filter(([key]) => kept.includes(key as keyof Said)));
  return { ...base, ...given } as Said;
}

function isOther(said: string | null | undefined, own: string): boolean {
  return said !== undefined && said !== null && said !== '' && said !== own;
}

// Nothing is stored of what is not said.
function filled(settings: object): Readonly<Record<string, unknown>> | undefined {
  const entries = Object.entries(settings).filter(
    ([, value]) => value !== null && value !== undefined && value !== false && value !== '',
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** The alias that is to be; null for none. Throws 409 when something else is called so. */
export function checkedAlias(
  { ownName, alias }: Named,
  what: string,
  others: readonly Named[],
): string | null | undefined {
  if (alias === undefined) return undefined;
  if (alias === null || alias === '' || alias === ownName) return null;
  checkName(alias, `the alias of ${what} '${excerpt(ownName)}'`);
  const isTaken = (name: string | null | undefined) => name?.toLowerCase() === alias.toLowerCase();
  const other = others.find((one) => one.ownName !== ownName && (isTaken(one.ownName) || isTaken(one.alias)));
  if (other === undefined) return alias;
  throw new PlatformError(
    'request.conflict',
    `The alias '${excerpt(alias)}' of ${what} '${excerpt(ownName)}' is taken: ${what} '${other.ownName}' ` +
      'is called that.',
  );
}
