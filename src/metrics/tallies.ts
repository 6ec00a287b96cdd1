// Plain numbers that are counted where something happens and handed to Prometheus when it asks: a request
// pays for an addition, not for labels. Invariant: what callers can choose makes no series; beyond so many
// sets of labels, further ones are counted together as `other`.
import { Counter, Histogram, type Registry } from 'prom-client';
import { limits } from '../core/limits.ts';

/** What a metric is called, and what it counts. */
export interface Naming<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
}

interface Entry<Value> {
  readonly labels: readonly string[];
  readonly value: Value;
}

/** One value for each set of labels. */
class LabelSets<Value> {
  readonly #make: () => Value;
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(make: () => Value) {
    this.#make = make;
  }

  of(labels: readonly string[]): Value {
    return (this.#entries.get(keyOf(labels)) ?? this.#add(labels)).value;
  }

  entries(): Iterable<Entry<Value>> {
    return this.#entries.values();
  }

  #add(labels: readonly string[]): Entry<Value> {
    const isFull = this.#entries.size >= limits.metricsSeries;
    const kept = isFull ? labels.map(() => 'other') : labels;
    const known = this.#entries.get(keyOf(kept));
    if (known !== undefined) return known;
    const entry = { labels: kept, value: this.#make() };
    this.#entries.set(keyOf(kept), entry);
    return entry;
  }
}

function keyOf(labels: readonly string[]): string {
  return labels.length === 1 ? (labels[0] ?? '') : labels.join('\u0000');
}

/** A number that is counted up. */
export interface Cell {
  count: number;
}

/** A counter of Prometheus over cells. */
export class Tally<Label extends string> {
  readonly #cells = new LabelSets<Cell>(() => ({ count: 0 }));

  constructor(registry: Registry, { name, help, labels: labelNames }: Naming<Label>) {
    const cells = this.#cells;
    new Counter<string>({
      ...{ name, help, labelNames, registers: [registry] },
      collect() {
        this.reset();
        for (const { labels, value } of cells.entries()) this.inc(named(labelNames, labels), value.count);
      },
    });
  }

  /** The cell of a set of labels, for whoever counts often. */
  cell(...labels: readonly string[]): Cell {
    return this.#cells.of(labels);
  }

  add(count: number, ...labels: readonly string[]): void {
    this.#cells.of(labels).count += count;
  }
}

/** From what a memory answers to what a person waits for. */
export const durationBounds: readonly number[] = [
  0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30,
];

/** How often something took how long. */
export class Durations {
  readonly #boundsMs: readonly number[];
  /** One for each bound, and one for what is beyond. */
  readonly counts: Float64Array;
  sumMs = 0;

  constructor(bounds: readonly number[]) {
    this.#boundsMs = bounds.map((seconds) => seconds * 1_000);
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(ms: number): void {
    let place = 0;
    while (ms > (this.#boundsMs[place] ?? Number.POSITIVE_INFINITY)) place++;
    this.counts[place] = (this.counts[place] ?? 0) + 1;
    this.sumMs += ms;
  }
}

/** A histogram of Prometheus over durations. */
export class DurationHistogram<Label extends string> extends Histogram<string> {
  readonly #naming: Naming<Label>;
  readonly #bounds: readonly number[];
  readonly #durations: LabelSets<Durations>;

  constructor(registry: Registry, naming: Naming<Label>, bounds: readonly number[] = durationBounds) {
    const { name, help, labels: labelNames } = naming;
    super({ name, help, labelNames, buckets: [...bounds], registers: [registry] });
    this.#naming = naming;
    this.#bounds = bounds;
    this.#durations = new LabelSets(() => new Durations(bounds));
  }

  /** The durations of a set of labels, for whoever observes often. */
  of(...labels: readonly string[]): Durations {
    return this.#durations.of(labels);
  }

  // What the registry asks a histogram for; the types of prom-client do not name it.
  async getForPromString() {
    const { name, help, labels: names } = this.#naming;
    const values = [...this.#durations.entries()].flatMap(({ labels, value }) =>
      series(name, { bounds: this.#bounds, labels: named(names, labels), durations: value }),
    );
    return { name, help, type: 'histogram', values };
  }
}

interface Series {
  readonly bounds: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
  readonly durations: Durations;
}

function series(name: string, { bounds, labels, durations }: Series) {
  let count = 0;
  const buckets = [...durations.counts].map((value, place) => {
    count += value;
    const le = place < bounds.length ? String(bounds[place]) : '+Inf';
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels: labels, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, sharedLabels: labels, value: durations.sumMs / 1_000 },
    { metricName: `${name}_count`, labels: {}, sharedLabels: labels, value: count },
  ];
}

function named(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, place) => [name, values[place] ?? '']));
}
