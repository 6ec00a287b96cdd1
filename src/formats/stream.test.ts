// A list in portions is written as the same text as the whole list would be.

import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { writeJson } from '../core/body.ts';
import type { RecordStream, RecordValues } from '../core/record-stream.ts';
import { formatOf, streamForm, streamText } from './index.ts';

const types = [
  'application/json',
  'application/x-ndjson',
  'text/csv',
  'application/xml',
  'text/xml',
] as const;

type Portions = readonly (readonly RecordValues[])[];

function streamOf(type: string, portions: Portions, meta?: RecordValues): RecordStream {
  const rest = { meta: async () => meta, close: () => undefined };
  if (streamForm(type) === 'values') return { form: 'values', portions: given(portions), ...rest };
  const texts = portions.map((portion) => portion.map(writeJson));
  return { form: 'texts', portions: given(texts), ...rest };
}

async function* given<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function written(type: string, portions: Portions, meta?: RecordValues): Promise<string> {
  return joined(await streamText(streamOf(type, portions, meta), type));
}

async function joined(parts: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part;
  return text;
}

async function whole(type: string, records: readonly RecordValues[], meta?: RecordValues): Promise<string> {
  const value = meta === undefined ? { resource: records } : { resource: records, meta };
  const format = await formatOf(type);
  return format === undefined ? writeJson(value) : format.write(value);
}

describe.each(types)('%s', (type) => {
  const a = { id: 1, name: 'Tea & <Coffee>', facts: { likes: ['x', null] }, none: null };
  const b = { id: 2n ** 60n, name: '"two"\nlines', facts: [], none: false };

  test.each<[string, Portions]>([
    ['one portion', [[a, b]]],
    ['several portions', [[a], [b], [a, b]]],
    ['portions without anything', [[], [a], [], [b], []]],
  ])('%s', async (_what, portions) => {
    expect(await written(type, portions)).toBe(await whole(type, portions.flat()));
  });

  test('what is said beside the records', async () => {
    const meta = { count: 7, next: 2, schema: { name: 'x' } };
    const text = await written(type, [[a], [b]], meta);
    const hasPlace = type === 'application/json' || type.endsWith('xml');
    expect(text).toBe(await whole(type, [a, b], hasPlace ? meta : undefined));
  });

  test('any records in any portions', async () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null));
    const record = fc.record({ a: value, b: value });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(record), { minLength: 1 }), async (portions) => {
        fc.pre(portions.flat().length > 0);
        expect(await written(type, portions)).toBe(await whole(type, portions.flat()));
      }),
      { numRuns: 50 },
    );
  });

  test('a failure is passed on behind what came before it', async () => {
    async function* failing(): AsyncGenerator<readonly never[]> {
      yield [];
      throw new Error('gone');
    }
    const stream = { ...streamOf(type, []), portions: failing() } as RecordStream;
    const parts = await streamText(stream, type);
    await expect(joined(parts)).rejects.toThrow('gone');
  });
});

test('a list without records is one all the same', async () => {
  expect(await written('application/json', [])).toBe('{"resource":[]}');
  expect(await written('text/csv', [])).toBe('');
  expect(await written('application/x-ndjson', [])).toBe('');
});

test.each(['text/plain', 'image/png', undefined])('%s is no form of streams', (type) => {
  expect(streamForm(type)).toBeUndefined();
});
