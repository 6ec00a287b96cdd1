// Names in place of ids, and back: ids differ from one server to the next. Invariant: a name that stands for
// nothing is refused; it never becomes "none", which in a row of access means all services.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Store } from '../../../core/store.ts';

type Target = 'app' | 'role' | 'service' | 'user';

const reference = /^(?:\w+_)?(app|role|service|user)_id$/;

/** The records that others refer to. */
export class Names {
  readonly #names: Readonly<Record<Target, ReadonlyMap<number, string>>>;
  readonly #ids: Readonly<Record<Target, ReadonlyMap<string, number>>>;

  private constructor(names: Readonly<Record<Target, ReadonlyMap<number, string>>>) {
    const turned = (map: ReadonlyMap<number, string>) => new Map([...map].map(([id, name]) => [name, id]));
    this.#names = names;
    this.#ids = {
      app: turned(names.app),
      role: turned(names.role),
      service: turned(names.service),
      user: turned(names.user),
    };
  }

  /** Of what is in the store now. */
  static async read(store: Store): Promise<Names> {
    const [apps, roles, services, users] = await Promise.all([
      store.apps.list(),
      store.roles.list(),
      store.services.list(),
      store.users.list(),
    ]);
    return new Names({
      app: new Map(apps.map(({ id, name }) => [id, name])),
      role: new Map(roles.map(({ id, name }) => [id, name])),
      service: new Map(services.map(({ id, name }) => [id, name])),
      user: new Map(users.map(({ id, email }) => [id, email])),
    });
  }

  /** Fields with names where they hold ids: `role_id: 3` becomes `role: "readers"`. */
  withNames(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields).map(([field, value]) => {
        const target = reference.exec(field)?.[1] as Target | undefined;
        if (target === undefined) return [field, value];
        return [field.slice(0, -'_id'.length), this.#nameOf(target, value)];
      }),
    );
  }

  /**
   * Fields with ids where they hold names; `known` are the fields of the record, by their names in the API.
   * Throws `request.invalid_record` naming the field whose name stands for nothing.
   */
  withIds(fields: Readonly<Record<string, unknown>>, known: readonly string[]): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields).map(([field, value]) => {
        const target = targetOf(field, known);
        return target === undefined ? [field, value] : [`${field}_id`, this.#idOf(target, { field, value })];
      }),
    );
  }

  #idOf(
    target: Target,
    { field, value }: { readonly field: string; readonly value: unknown },
  ): number | null {
    if (value === null) return null;
    const id = typeof value === 'string' ? this.#ids[target].get(value) : undefined;
    if (id !== undefined) return id;
    const name = typeof value === 'string' ? `'${value.slice(0, limits.excerpt)}'` : 'no text';
    throw new UnknownName(field, `names ${name}, and there is no such ${target}`);
  }

  #nameOf(target: Target, value: unknown): unknown {
    if (typeof value !== 'number') return value ?? null;
    return this.#names[target].get(value) ?? `?${value}`;
  }
}

/** Which kind of record a field of a document names, if it is a reference of a record with these fields. */
export function targetOf(field: string, known: readonly string[]): Target | undefined {
  const id = `${field}_id`;
  if (known.includes(field) || !known.includes(id)) return undefined;
  return reference.exec(id)?.[1] as Target | undefined;
}

/** The refusal of a name that stands for nothing, at least not yet. */
export class UnknownName extends PlatformError {
  constructor(field: string, problem: string) {
    super('request.invalid_record', `Field '${field}' ${problem}.`);
  }
}
