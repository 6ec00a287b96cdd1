// Runs the corpus of hostile texts against the positions of a service over a live engine, and counts.
// Invariant: every answer is judged by its position, and for decency whatever it says; at the end every table
// is what it was.
import { faultsOf } from './decency.ts';
import { sqlPayloads } from './sql-payloads.ts';
import { type Attack, type Position, skipped } from './sql-position.ts';
import { positions } from './sql-positions.ts';
import { type Asked, type LiveEngine, secretToken, startWorld, type World } from './sql-world.ts';
import type { Reply } from './wire.ts';

/** What of the corpus runs: every `step`th pair of text and position, from `start` on. */
export interface Portion {
  readonly start: number;
  readonly step: number;
  /** Without: those of reads, writes and calls. */
  readonly positions?: readonly Position[];
}

/** What came of it. */
export interface InjectionReport {
  readonly engine: LiveEngine;
  readonly payloads: number;
  readonly positions: number;
  readonly attacks: number;
  readonly requests: number;
  readonly skipped: number;
  /** Answers by their status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** What is wrong, each with its position and text. */
  readonly findings: readonly string[];
}

const atOnce = 6;
const manyFindings = 50;

// What drivers and servers say of themselves and of statements.
const databaseWords = new RegExp(
  [
    String.raw`syntax error|near ["'\`]|You have an error in your SQL|SQLSTATE|SQL logic|no such (table|col)`,
    String.raw`\b(ER|PG|SQLITE|ECONN)_?[A-Z]{3,}|errno|sqlMessage|MariaDB|PostgreSQL|mysql2|node-postgres`,
    `relation ".*" does not|operator does not exist|invalid (input syntax|byte sequence)`,
    String.raw`Incorrect \w+ value|Unknown column|unterminated|Illegal mix|out of range for type`,
  ].join('|'),
);

/** Attacks a service over the engine. */
export async function attackEngine(engine: LiveEngine, portion: Portion): Promise<InjectionReport> {
  const texts = sqlPayloads(engine);
  const world = await startWorld(engine, texts);
  try {
    return await attackWorld(world, { texts, portion });
  } finally {
    await world.close();
  }
}

/** Attacks a service that runs. */
export async function attackWorld(
  world: World,
  { texts, portion }: { readonly texts: readonly string[]; readonly portion: Portion },
): Promise<InjectionReport> {
  const before = await world.snapshot();
  const run = new InjectionRun(world);
  await run.attackAll(pairs(texts, portion));
  if ((await world.snapshot()) !== before) run.findings.push('the tables are not what they were');
  const places = (portion.positions ?? positions).length;
  return { engine: world.engine, payloads: texts.length, positions: places, ...run.counted() };
}

type Pair = readonly [text: string, position: Position];

/**
 * Texts times positions, mixed so that a portion has all positions and texts from everywhere, whatever its
 * step.
 */
function* pairs(texts: readonly string[], portion: Portion): Generator<Pair> {
  const { start, step, positions: places = positions } = portion;
  const all = texts.length * places.length;
  for (let index = start; index < all; index += step) {
    const place = Math.floor(index / places.length);
    const text = texts[place];
    const position = places[(index + place) % places.length];
    if (text !== undefined && position !== undefined) yield [text, position];
  }
}

class InjectionRun {
  readonly findings: string[] = [];
  readonly #world: World;
  readonly #statuses: Record<string, number> = {};
  #attacks = 0;
  #requests = 0;
  #skipped = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async attackAll(given: Iterable<Pair>): Promise<void> {
    const queue = given[Symbol.iterator]();
    const worker = async () => {
      for (let next = queue.next(); !next.done; next = queue.next()) {
        if (this.findings.length >= manyFindings) return;
        await this.#attack(...next.value);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  counted() {
    const { findings } = this;
    const statuses = this.#statuses;
    return { attacks: this.#attacks, requests: this.#requests, skipped: this.#skipped, statuses, findings };
  }

  async #attack(text: string, position: Position): Promise<void> {
    const turn = ++this.#attacks;
    const find = (what: string) => {
      this.findings.push(`${position.name} with ${JSON.stringify(text.slice(0, 120))}: ${what}`);
    };
    const ask = async (asked: Asked) => {
      const reply = await this.#world.ask(asked);
      this.#requests++;
      this.#statuses[reply.status] = (this.#statuses[reply.status] ?? 0) + 1;
      for (const fault of indecencies(reply, asked)) find(fault);
      return reply;
    };
    const attack: Attack = { world: this.#world, text, turn: 1_000 + turn, ask };
    try {
      const found = await position.attack(attack);
      if (found === skipped) this.#skipped++;
      else if (found !== undefined) find(found);
    } catch (error) {
      find(String(error));
    }
  }
}

function indecencies(reply: Reply, asked: Asked): string[] {
  const { method = 'GET', path, query, headers, body } = asked;
  const sent = [
    path,
    decodeURIComponent(path),
    ...Object.values(query ?? {}),
    ...Object.values(headers ?? {}),
  ];
  const all = `${sent.join('\n')}\n${JSON.stringify(body ?? '')}`;
  // What nobody accepts is refused in words, because an envelope would not be accepted either.
  const isWords =
    headers?.Accept !== undefined && reply.headers.get('content-type')?.startsWith('text/plain');
  const found = faultsOf(reply, { method, path, sent: all });
  const faults = found.filter((fault) => !isWords || fault !== 'an error that is no JSON text');
  // Records hold the corpus itself; only refusals are ours to word.
  const told = reply.status < 400 ? undefined : databaseWords.exec(reply.text)?.[0];
  if (told !== undefined && !all.includes(told)) faults.push(`tells '${told}'`);
  const mayReadSecret = /secret/i.test(decodeURIComponent(path));
  if (reply.text.includes(secretToken) && !mayReadSecret) faults.push('tells the secret');
  return reply.status < 400
    ? faults.filter((fault) => !fault.startsWith('tells ') || fault.includes('secret'))
    : faults;
}
