// Databases whose own tables and columns are called like attacks: names come from the schema, so that they
// reach SQL text by another way than requests do. Invariant: only names that the database itself took are
// tried, and what is read and written through them is compared with the driver.
import { isUnfit } from './sql-name-positions.ts';
import { sqlPayloads } from './sql-payloads.ts';
import { type LiveEngine, type Row, startWorld, type World } from './sql-world.ts';

/** What came of it. */
export interface NamesReport {
  readonly engine: LiveEngine;
  readonly columns: number;
  readonly tables: number;
  readonly requests: number;
  readonly findings: string[];
}

const columnsPerTable = 40;
const longest = 60;

const quotes: Readonly<Record<LiveEngine, (name: string) => string>> = {
  sqlite: (name) => `"${name.replaceAll('"', '""')}"`,
  postgres: (name) => `"${name.replaceAll('"', '""')}"`,
  mysql: (name) => `\`${name.replaceAll('`', '``')}\``,
};

/** Uses every `step`th text of the corpus that can be a name, from `start` on. */
export async function useHostileNames(
  engine: LiveEngine,
  { start, step }: { readonly start: number; readonly step: number },
): Promise<NamesReport> {
  const world = await startWorld(engine, ['x']);
  try {
    const run = new NamesRun(world);
    const fits = (text: string) =>
      text.trim() !== '' && text.isWellFormed() && Buffer.byteLength(text) <= longest;
    const names = sqlPayloads(engine).filter((text, index) => index % step === start % step && fits(text));
    return await run.use(names);
  } finally {
    await world.close();
  }
}

class NamesRun {
  readonly #world: World;
  readonly #quote: (name: string) => string;
  readonly #findings: string[] = [];
  readonly #tables = new Map<string, string[]>();
  #requests = 0;

  constructor(world: World) {
    this.#world = world;
    this.#quote = quotes[world.engine];
  }

  async use(names: readonly string[]): Promise<NamesReport> {
    for (let from = 0; from < names.length; from += columnsPerTable) {
      await this.#create(names.slice(from, from + columnsPerTable));
    }
    for (const [table, columns] of this.#tables) await this.#tryTable(table, columns);
    const columns = [...this.#tables.values()].reduce((sum, each) => sum + each.length, 0);
    const { engine } = this.#world;
    return { engine, columns, tables: this.#tables.size, requests: this.#requests, findings: this.#findings };
  }

  // The first name that the database takes for a table names it, the others are columns as far as it takes
  // them.
  async #create(names: readonly string[]): Promise<void> {
    const world = this.#world;
    const isTaken = (sql: string) => {
      return world.query(sql).then(
        () => true,
        () => false,
      );
    };
    let table: string | undefined;
    const columns: string[] = [];
    for (const name of names) {
      // Refused in everything that is written.
      if (name === '__proto__') continue;
      // Names of paths are bounded by what paths may hold.
      const isPath = !isUnfit.test(name) && name !== '.' && name.trim() === name;
      if (table === undefined) {
        const sql = `create table ${this.#quote(name)} (id integer primary key)`;
        if (isPath && (await isTaken(sql))) table = name;
        continue;
      }
      const isKnown = [...columns, 'id'].some((each) => each.toLowerCase() === name.toLowerCase());
      const sql = `alter table ${this.#quote(table)} add column ${this.#quote(name)} varchar(40)`;
      if (!isKnown && (await isTaken(sql))) columns.push(name);
    }
    if (table === undefined) return;
    await world.query(`insert into ${this.#quote(table)} (id) values (1)`);
    this.#tables.set(table, columns);
  }

  async #tryTable(table: string, columns: readonly string[]): Promise<void> {
    const path = `/_table/${encodeURIComponent(table)}`;
    const record = { id: 2, ...Object.fromEntries(columns.map((name, index) => [name, `v${index}`])) };
    await this.#ask(table, { method: 'POST', path, body: { resource: [record] } });
    this.#compare(`new record of ${JSON.stringify(table)}`, record, await this.#stored(table, 2));
    const list = await this.#ask(table, { path, query: { order: 'id' } });
    for (const [index, row] of ((list as { resource?: Row[] }).resource ?? []).entries()) {
      this.#compare(`list of ${JSON.stringify(table)}`, row, await this.#stored(table, index + 1));
    }
    const schema = await this.#ask(table, { path: `/_schema/${encodeURIComponent(table)}` });
    const described = ((schema as { field?: { name: string }[] }).field ?? []).map(({ name }) => name);
    this.#compare(`fields of ${JSON.stringify(table)}`, described.toSorted(), ['id', ...columns].toSorted());
    for (const name of columns) await this.#tryColumn(path, table, name);
  }

  async #tryColumn(path: string, table: string, name: string): Promise<void> {
    const quoted = `\`${name.replaceAll('`', '``')}\``;
    const what = `${JSON.stringify(name)} of ${JSON.stringify(table)}`;
    await this.#ask(what, {
      method: 'PATCH',
      path: `${path}/1`,
      body: { [name]: `mine ${name}`.slice(0, 40) },
    });
    const wanted = `mine ${name}`.slice(0, 40);
    this.#compare(`${what}, changed`, (await this.#stored(table, 1))?.[name], wanted);
    const filter = `${quoted} = :v and ${quoted} is not null`;
    const body = { filter, params: { v: wanted }, order: `${quoted} desc`, fields: 'id' };
    const headers = { 'X-HTTP-Method': 'GET' };
    const found = await this.#ask(what, { method: 'POST', path, headers, body });
    this.#compare(`${what}, filtered`, found, { resource: [{ id: 1 }] });
    if (name.includes(',') || name.trim() !== name || name === '*') return;
    const picked = await this.#ask(what, { method: 'POST', path, headers, body: { ids: [1], fields: name } });
    this.#compare(`${what}, picked`, picked, { resource: [{ [name]: wanted }] });
    const groups = { group: name, filter: `${quoted} = :v`, params: { v: wanted }, fields: name };
    const grouped = await this.#ask(what, { method: 'POST', path, headers, body: groups });
    this.#compare(`${what}, grouped`, grouped, { resource: [{ [name]: wanted }] });
  }

  async #stored(table: string, id: number): Promise<Row | undefined> {
    // Their own `?` would be taken for a mark of ours.
    const rows = await this.#world.query(`select * from ${this.#quote(table)} where id = ${id}`);
    return rows[0];
  }

  async #ask(what: string, asked: Parameters<World['ask']>[0]): Promise<unknown> {
    const { status, text } = await this.#world.ask(asked);
    this.#requests++;
    if (status !== 200) this.#findings.push(`${what}: status ${status}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  #compare(what: string, found: unknown, wanted: unknown): void {
    const [a, b] = [found, wanted].map((each) => entriesOf(each));
    const other = a?.findIndex((entry, index) => entry !== b?.[index]) ?? 0;
    if (a?.length === b?.length && other < 0) return;
    const place = Math.max(other, 0);
    this.#findings.push(`${what}: ${a?.[place]?.slice(0, 300)} instead of ${b?.[place]?.slice(0, 300)}`);
  }
}

/** What is compared, piece by piece, so that a finding shows the piece. */
function entriesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map((each) => JSON.stringify(each));
  if (typeof value !== 'object' || value === null) return [JSON.stringify(value)];
  const entries = Object.entries(value).map((entry) => JSON.stringify(entry));
  return entries.toSorted();
}
