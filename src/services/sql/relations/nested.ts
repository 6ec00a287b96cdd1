// Writing records that bring related ones: parents first, then the record, then children and what lies beyond
// junctions (spec §5.9). Invariant: all of it happens in the write's transaction; each row is checked for the
// caller's rights on its table; a refusal names the place and undoes the whole record.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Action } from '../../../core/operation.ts';
import type { CallContext } from '../../../core/service.ts';
import type { Session } from '../../../database/connection.ts';
import type { Relation, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import type { WriteStatements } from '../writing/statements.ts';
import type { KeyValues, RowSteps } from '../writing/steps.ts';
import { JunctionRows, linkOf, withoutLink } from './junction.ts';
import { NestedErrors } from './nested-errors.ts';
import { ForeignRecords } from './nested-foreign.ts';
import { type NestedMember, type NestedPart, takeApart } from './nested-record.ts';
import { NestedRows } from './nested-rows.ts';

/** What nested writes of one request work on. */
export interface NestedOptions {
  readonly source: SqlSource;
  readonly statements: WriteStatements;
  readonly context: CallContext;
  /** Whether children whose key can not be null are deleted when they are disowned. */
  readonly allowsDelete: boolean;
  /** Who writes; undefined where nobody is logged in. */
  readonly userId: number | undefined;
}

/** A record at its place among those that bring each other. */
interface Place {
  readonly table: Table;
  readonly record: Readonly<Record<string, unknown>>;
  /** Empty for the record of the request itself. */
  readonly place: string;
  readonly depth: number;
}

/** A record that was written, and by which steps. */
interface WrittenRow {
  readonly steps: RowSteps;
  readonly key: KeyValues;
}

/** Writes a record's own fields. */
type WriteOwn = (own: Readonly<Record<string, unknown>>) => Promise<WrittenRow>;

/** JSON values of fields, by name. */
type Values = Readonly<Record<string, unknown>>;

/** Writes the nested records of one request. */
export class NestedWriter {
  readonly #options: NestedOptions;
  readonly #rows: NestedRows;
  readonly #errors: NestedErrors;
  readonly #foreign: ForeignRecords;
  readonly #allowed = new Set<string>();
  #count = 0;

  constructor(options: NestedOptions) {
    this.#options = options;
    this.#rows = new NestedRows(options);
    this.#errors = new NestedErrors(options.source.settings);
    this.#foreign = new ForeignRecords(options);
  }

  /** Creates a record of the request with what it brings. */
  async create(session: Session, record: unknown, steps: RowSteps): Promise<KeyValues> {
    const place: Place = { table: steps.table, record: record as Values, place: '', depth: 0 };
    const write: WriteOwn = async (own) => ({ steps, key: await steps.create(session, own) });
    return (await this.#whole(session, place, write)).key;
  }

  /** Changes a record of the request, with what it brings; `key` finds it. */
  async change(
    session: Session,
    record: unknown,
    change: { readonly steps: RowSteps; readonly key: KeyValues; readonly upsert: boolean },
  ): Promise<KeyValues> {
    const { steps, key, upsert } = change;
    const place: Place = { table: steps.table, record: record as Values, place: '', depth: 0 };
    const write: WriteOwn = async (own) => ({
      steps,
      key: await this.#rows.change(session, { steps, key, own, upsert }),
    });
    return (await this.#whole(session, place, write)).key;
  }

  async #whole(session: Session, at: Place, write: WriteOwn): Promise<WrittenRow> {
    const { own, parts } = takeApart(at.table, at.record, at.place);
    const given: Record<string, unknown> = { ...own };
    for (const part of parts) {
      if (part.relation.type !== 'belongs_to') continue;
      for (const member of part.records) {
        const values = await this.#parent(session, at, { part, member });
        this.#refuseOther(at, part.relation, { given, values });
        Object.assign(given, values);
      }
    }
    const { steps, key } = await write(given);
    for (const part of parts) {
      if (part.relation.type === 'belongs_to') continue;
      const values = await this.#rows.values(session, {
        steps,
        key,
        own: given,
        fields: part.relation.fields,
      });
      for (const member of part.records) await this.#child(session, at, { part, member, values });
    }
    return { steps, key };
  }

  // The record that this one belongs to; answers the values that refer to it.
  async #parent(session: Session, at: Place, { part, member }: Member): Promise<Values> {
    const { relation } = part;
    this.#enter(at, member);
    if (relation.refService !== null) {
      const found = await this.#errors.at(member.place, undefined, () =>
        this.#foreign.parent(relation, member),
      );
      return renamed(relation.refFields, relation.fields, found);
    }
    const table = this.#related(relation);
    return this.#errors.at(member.place, table, async () => {
      const { steps, key, own } = await this.#put(session, at, { table, member, fixed: {} });
      const values = await this.#rows.values(session, { steps, key, own, fields: relation.refFields });
      return renamed(relation.refFields, relation.fields, values);
    });
  }

  async #child(session: Session, at: Place, child: Child): Promise<void> {
    const { part, member, values } = child;
    const { relation } = part;
    this.#enter(at, member);
    if (relation.refService !== null || relation.junctionService !== null) {
      return this.#errors.at(member.place, undefined, () => this.#foreign.child(relation, member, values));
    }
    const table = this.#related(relation);
    await this.#errors.at(member.place, table, () =>
      relation.junction === null
        ? this.#owned(session, at, { ...child, table })
        : this.#linked(session, at, { ...child, table }),
    );
  }

  // A child of has_one or has_many: created, changed or adopted with the key of its parent, or let go.
  async #owned(session: Session, at: Place, { part, member, values, table }: ChildOf): Promise<void> {
    const { relation } = part;
    const fixed = renamed(relation.fields, relation.refFields, values);
    const { own } = takeApart(table, member.record, member.place);
    if (relation.refFields.some((name) => own[name] === null)) {
      const leaving = { table, own, fixed, allowsDelete: this.#options.allowsDelete };
      const { action, write } = this.#rows.leave(session, leaving);
      this.#allow(table, action);
      return write();
    }
    const present =
      relation.type === 'has_one'
        ? await this.#rows.keyBy(session, { table: this.#rows.as(table, 'PATCH'), values: fixed })
        : undefined;
    await this.#put(session, at, { table, member, fixed, present });
  }

  // A record beyond a junction: written, then linked; or only its link is taken away.
  async #linked(session: Session, at: Place, { part, member, values, table }: ChildOf): Promise<void> {
    const { junction, fields, refFields } = part.relation;
    if (junction === null) return;
    const rows = new JunctionRows({
      rows: this.#rows,
      table: this.#options.source.table(junction.table),
      near: renamed(fields, junction.fields, values),
      allow: (of, action) => this.#allow(of, action),
    });
    const link = linkOf(junction, rows.table, member.record);
    const record = withoutLink(rows.table, member.record);
    if (link.isCut) {
      const { own } = takeApart(table, record, member.place);
      const known = await this.#rows.known(session, { table, own, fields: refFields });
      return rows.cut(session, renamed(refFields, junction.refFields, known));
    }
    const linked: Put = { table, member: { ...member, record }, fixed: {} };
    const { steps, key, own } = await this.#put(session, at, linked);
    const far = await this.#rows.values(session, { steps, key, own, fields: refFields });
    await rows.link(session, renamed(refFields, junction.refFields, far), link.values);
  }

  // Creates a record, or changes the one that it names. `fixed`: values it has by its place.
  async #put(session: Session, at: Place, put: Put): Promise<WrittenRow & { readonly own: Values }> {
    const { table, member, fixed, present } = put;
    const { record, place } = member;
    const within = { table, record, place, depth: at.depth + 1 };
    let own: Values = {};
    const written = await this.#whole(session, within, async (given) => {
      own = { ...given, ...fixed };
      // A record that is only named, to be linked, is looked at.
      const changing = this.#rows.steps(this.#rows.as(table, 'PATCH'));
      const action = this.#rows.isChange(changing, own) ? 'PATCH' : 'GET';
      const steps = action === 'PATCH' ? changing : this.#rows.steps(table);
      const target = await this.#rows.target(session, { steps, own, fixed, present });
      if (target === undefined) {
        this.#allow(table, 'POST');
        const making = this.#rows.steps(this.#rows.as(table, 'POST'));
        return { steps: making, key: await making.create(session, own) };
      }
      this.#allow(table, action);
      return { steps, key: await this.#rows.change(session, { steps, key: target, own, upsert: false }) };
    });
    return { ...written, own };
  }

  #enter(at: Place, { place }: NestedMember): void {
    if (at.depth >= limits.nestedDepth) {
      throw invalid(`'${place}': related records can be written ${limits.nestedDepth} levels deep.`);
    }
    if (++this.#count > limits.nestedRecords) {
      throw invalid(
        `The request writes more than ${limits.nestedRecords} related records: send fewer at once.`,
      );
    }
  }

  #related(relation: Relation): Table {
    return this.#options.source.table(relation.refTable);
  }

  #allow(table: Table, action: Action): void {
    const name = `${action} ${table.name}`;
    if (this.#allowed.has(name)) return;
    if (table.isView && action !== 'GET')
      throw invalid(`'${table.name}' is a view: its records can not be written.`);
    this.#options.context.check(['_table', table.name], action);
    this.#allowed.add(name);
  }

  #refuseOther(at: Place, relation: Relation, { given, values }: { given: Values; values: Values }): void {
    for (const name of relation.fields) {
      const other = given[name];
      if (other === undefined || other === null || String(other) === String(values[name])) continue;
      const field = at.place === '' ? name : `${at.place}.${name}`;
      throw invalid(
        `Field '${field}' says something else than the record in '${relation.name}': send one of them.`,
      );
    }
  }
}

interface Member {
  readonly part: NestedPart;
  readonly member: NestedMember;
}

interface Child extends Member {
  /** Of the relation's fields, in the record that it stands in. */
  readonly values: Values;
}

interface ChildOf extends Child {
  readonly table: Table;
}

interface Put {
  readonly table: Table;
  readonly member: NestedMember;
  readonly fixed: Values;
  /** The key of the record that is there already. */
  readonly present?: KeyValues | undefined;
}

function renamed(from: readonly string[], to: readonly string[], values: Values): Values {
  return Object.fromEntries(to.map((name, index) => [name, values[from[index] ?? '']]));
}

function invalid(message: string): PlatformError {
  return new PlatformError('request.invalid_record', message);
}
