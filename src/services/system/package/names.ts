// Names in place of ids, and back: ids differ from one server to the next. Invariant: a name that stands for
// nothing is refused; it never becomes "none", which in a row of access means all services.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { ConfigField, ConfigReference } from '../../../core/service.ts';
import type { Store } from '../../../core/store.ts';
import { isObject } from '../request.ts';
import { ignoresCase } from './document.ts';

/** A field that holds the id of another record. */
export interface Reference {
  /** Its name in the API: `role_id`. */
  readonly field: string;
  /** Its name in documents: `role`. */
  readonly member: string;
  readonly to: ConfigReference;
}

const pattern = /^(?:\w+_)?(app|role|service|template|user)_id$/;

/** Those of the fields that are references, by their names. */
export function referencesAmong(fields: readonly string[]): readonly Reference[] {
  return fields.flatMap((field) => {
    const to = pattern.exec(field)?.[1] as ConfigReference | undefined;
    return to === undefined ? [] : [{ field, member: field.slice(0, -'_id'.length), to }];
  });
}

/** Those of the settings of a service type that are references. */
export function settingsAmong(fields: readonly ConfigField[]): readonly Reference[] {
  return fields.flatMap(({ name, refersTo }) => {
    return refersTo === undefined ? referencesAmong([name]) : [{ field: name, member: name, to: refersTo }];
  });
}

type Fields = Readonly<Record<string, unknown>>;

/** The records that others refer to. */
export class Names {
  readonly #names: ReadonlyMap<ConfigReference, ReadonlyMap<number, string>>;

  private constructor(names: ReadonlyMap<ConfigReference, ReadonlyMap<number, string>>) {
    this.#names = names;
  }

  /** Of what is in the store now. */
  static async read(store: Store): Promise<Names> {
    // One after the other: in a transaction there is one connection.
    const apps = await store.apps.list();
    const roles = await store.roles.list();
    const services = await store.services.list();
    const templates = await store.emailTemplates.list();
    const users = await store.users.list();
    return new Names(
      new Map([
        ['app', new Map(apps.map(({ id, name }) => [id, name]))],
        ['role', new Map(roles.map(({ id, name }) => [id, name]))],
        ['service', new Map(services.map(({ id, name }) => [id, name]))],
        ['template', new Map(templates.map(({ id, name }) => [id, name]))],
        ['user', new Map(users.map(({ id, email }) => [id, email]))],
      ]),
    );
  }

  /** Fields with names where they hold ids: `role_id: 3` becomes `role: "readers"`. */
  withNames(fields: Fields, references: readonly Reference[]): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields).map(([field, value]) => {
        const reference = references.find((each) => each.field === field);
        if (reference === undefined) return [field, value];
        return [reference.member, mapped(value, (id) => this.#nameOf(reference.to, id))];
      }),
    );
  }

  /** Fields with ids where they hold names. Throws `UnknownName` for a name that stands for nothing. */
  withIds(fields: Fields, references: readonly Reference[]): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields).map(([member, value]) => {
        const reference = references.find((each) => each.member === member);
        if (reference === undefined) return [member, value];
        return [reference.field, mapped(value, (name) => this.#idOf(reference, name))];
      }),
    );
  }

  // What is gone has no name; what stands in its place is refused by whoever imports it.
  #nameOf(to: ConfigReference, id: unknown): unknown {
    if (typeof id !== 'number') return id ?? null;
    return this.#names.get(to)?.get(id) ?? `?${id}`;
  }

  #idOf({ member, to }: Reference, name: unknown): number | null {
    if (name === null || name === '') return null;
    const wanted = typeof name === 'string' && ignoresCase(to) ? name.toLowerCase() : name;
    for (const [id, known] of this.#names.get(to) ?? []) {
      if ((ignoresCase(to) ? known.toLowerCase() : known) === wanted) return id;
    }
    const said = typeof name === 'string' ? `'${name.slice(0, limits.excerpt)}'` : 'no text';
    throw new UnknownName(member, `names ${said}, and there is no such ${to}`);
  }
}

// Settings may hold ids by names of their own: roles by groups.
function mapped(value: unknown, change: (value: unknown) => unknown): unknown {
  if (!isObject(value)) return change(value);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, change(member)]));
}

/** The refusal of a name that stands for nothing, at least not yet. */
export class UnknownName extends PlatformError {
  constructor(field: string, problem: string) {
    super('request.invalid_record', `Field '${field}' ${problem}.`);
  }
}
