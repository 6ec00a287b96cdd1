// Reads the text format of Prometheus as strictly as its documentation has it, for tests: whatever it does
// not allow is an error. https://prometheus.io/docs/instrumenting/exposition_formats/

/** A value with its labels. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all of its samples. */
export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const label = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const number = String.raw`[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|Inf)|Nan|NaN`;
const sampleLine = new RegExp(`^(${name})(?:\\{((?:${label})(?:,${label})*)\\})? (${number})$`);

/** The metrics of a text by their names. */
export function readExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  let current: [string, Family] | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind = '', its = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (line === '') continue;
    if (kind === 'HELP') {
      if (families.has(its)) throw new Error(`${its} comes twice`);
      current = [its, { help: rest, type: '', samples: [] }];
    } else if (kind === 'TYPE') {
      if (current?.[0] !== its) throw new Error(`the type of ${its} does not follow its help`);
      current = [its, { ...current[1], type: rest }];
      families.set(...current);
    } else addSample(line, current);
  }
  for (const [its, family] of families) check(its, family);
  return families;
}

/** The value of one sample; undefined where there is none. */
export function sampleOf(text: string, its: string, labels: Record<string, string> = {}): number | undefined {
  const samples = [...readExposition(text).values()].flatMap((family) => family.samples);
  const isIt = (sample: Sample) => sample.name === its && keyOf(sample.labels) === keyOf(labels);
  return samples.find(isIt)?.value;
}

function addSample(line: string, current: [string, Family] | undefined): void {
  const [, its = '', labels = '', value = ''] = sampleLine.exec(line) ?? [];
  if (its === '' || current === undefined) throw new Error(`not a line of the format: ${line}`);
  const [family, { type, samples }] = current;
  const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (!suffixes.some((suffix) => its === family + suffix)) throw new Error(`${its} is not of ${family}`);
  const pairs = [...labels.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)];
  const named = Object.fromEntries(pairs.map(([, key = '', text = '']) => [key, text]));
  if (Object.keys(named).length !== pairs.length) throw new Error(`a label comes twice: ${line}`);
  samples.push({ name: its, labels: named, value: Number(value.replace('Inf', 'Infinity')) });
}

function check(its: string, { type, samples }: Family): void {
  if (!['counter', 'gauge', 'histogram', 'summary'].includes(type))
    throw new Error(`${its} has the type ${type}`);
  const keys = samples.map((sample) => `${sample.name} ${keyOf(sample.labels)}`);
  if (new Set(keys).size !== keys.length) throw new Error(`a sample of ${its} comes twice`);
  if (type !== 'gauge' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${its} is below zero`);
  if (type === 'histogram') checkBuckets(its, samples);
}

function checkBuckets(its: string, samples: readonly Sample[]): void {
  const bySeries = Map.groupBy(samples, ({ labels: { le, ...others } }) => keyOf(others));
  for (const series of bySeries.values()) {
    const buckets = series.filter(({ name: own }) => own.endsWith('_bucket'));
    const bounds = buckets.map(({ labels }) => Number((labels.le ?? '').replace('+Inf', 'Infinity')));
    const counts = buckets.map(({ value }) => value);
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${its} has no bucket +Inf`);
    if (!isRising(bounds) || !isRising(counts, true)) throw new Error(`buckets of ${its} are out of order`);
    const count = series.find(({ name: own }) => own.endsWith('_count'))?.value;
    if (count !== counts.at(-1))
      throw new Error(`${its} counts ${count} in all, ${counts.at(-1)} in buckets`);
    if (!series.some(({ name: own }) => own.endsWith('_sum'))) throw new Error(`${its} has no sum`);
  }
}

function isRising(numbers: readonly number[], mayStay = false): boolean {
  return numbers.every((value, place) => {
    const before = numbers[place - 1] ?? Number.NEGATIVE_INFINITY;
    return value > before || (mayStay && value === before);
  });
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort());
}
