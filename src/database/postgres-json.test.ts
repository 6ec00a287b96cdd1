import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { type JsonKind, JsonShape, JsonText } from './postgres-json.ts';
import { readerOf } from './postgres-values.ts';
import { takeRows } from './postgres-wire.ts';

const types: Readonly<Record<JsonKind, number>> = {
  ...{
    text: 25,
    padded: 1042,
    integer: 20,
    decimal: 1700,
    double: 701,
    boolean: 16,
    moment: 1184,
    other: 114,
  },
};

/** A row as it comes on the wire, from its number of fields on. */
function wireRow(fields: readonly (string | null)[]): Buffer {
  const head = Buffer.alloc(2);
  head.writeInt16BE(fields.length);
  const parts = fields.map((field) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(field === null ? -1 : Buffer.byteLength(field));
    return Buffer.concat([length, Buffer.from(field ?? '')]);
  });
  return Buffer.concat([head, ...parts]);
}

function message(code: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(code);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** The JSON of one column of these texts; what goes through the value is in brackets. */
function written(kind: JsonKind, texts: readonly (string | null)[], typeId = types[kind]): string {
  const shape = new JsonShape([{ name: 'v', kind, json: (value) => `["${String(value)}"]` }]);
  const list = new JsonText(shape, Buffer.alloc(4));
  const columns = { names: ['v'], readers: [readerOf(typeId)], typeIds: [typeId] };
  for (const text of texts) list.row(wireRow([text]), 0, columns);
  return list.end().text;
}

describe('JSON of bytes', () => {
  test.each<[JsonKind, string, string]>([
    ['text', 'plain ü€😀', '"plain ü€😀"'],
    ['text', '', '""'],
    ['text', 'a"b', '["a"b"]'],
    ['text', 'a\\b', '["a\\b"]'],
    ['text', 'a\nb', '["a\nb"]'],
    ['padded', 'ab  ', '"ab"'],
    ['integer', '-9223372036854775808', '-9223372036854775808'],
    ['decimal', '10.50', '10.5'],
    ['decimal', '10.00', '10'],
    ['decimal', '0', '0'],
    ['decimal', '-0.25', '-0.25'],
    ['decimal', '0.000001', '0.000001'],
    ['decimal', '0.0000001', '["0.0000001"]'],
    ['decimal', '0.00', '["0.00"]'],
    ['decimal', 'NaN', '["NaN"]'],
    ['decimal', '123456789012345678901234567890', '123456789012345678901234567890'],
    ['decimal', '1.2345678901234567890', '["1.2345678901234567890"]'],
    ['double', '1e+300', '["1e+300"]'],
    ['double', '-0', '["0"]'],
    ['boolean', 't', 'true'],
    ['boolean', 'f', 'false'],
    ['moment', '2026-01-31 09:30:00+00', '"2026-01-31T09:30:00Z"'],
    ['moment', '2026-01-31 09:30:00.123456+00', '"2026-01-31T09:30:00.123456Z"'],
    ['moment', 'infinity', '["infinity"]'],
    ['moment', '0044-03-15 09:30:00+00 BC', '["0044-03-15 09:30:00+00 BC"]'],
    ['other', '{"a": 1}', '["{"a": 1}"]'],
  ])('%s %s', (kind, text, expected) => {
    expect(written(kind, [text])).toBe(`[{"v":${expected}}]`);
  });

  test('of a column that is of another type than was expected goes through the value', () => {
    expect(written('integer', ['x'], 25)).toBe('[{"v":["x"]}]');
    expect(written('text', ['5'], 23)).toBe('[{"v":["5"]}]');
    expect(written('moment', ['2026-01-31 09:30:00'], 1114)).toBe('[{"v":["2026-01-31 09:30:00"]}]');
  });

  test('of many rows is one list, with nulls, and of none an empty one', () => {
    const texts = Array.from({ length: 3_000 }, (_each, index) => (index % 7 === 0 ? null : `row ${index}`));
    expect(JSON.parse(written('text', texts))).toEqual(texts.map((v) => ({ v })));
    expect(written('text', [])).toBe('[]');
  });
});

describe('rows on the wire', () => {
  test('are taken out, and the rest goes on in order, however it is cut', () => {
    const sent = fc.array(fc.tuple(fc.constantFrom('D', 'Z', 'C', 'T'), fc.uint8Array({ maxLength: 30 })));
    fc.assert(
      fc.property(sent, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (messages, cuts) => {
        const whole = Buffer.concat(messages.map(([code, body]) => message(code, Buffer.from(body))));
        const seen: string[] = [];
        const source = new EventEmitter();
        const connection = {
          attachListeners: (rest: Pick<EventEmitter, 'on'>) =>
            void rest.on('data', (bytes: Buffer) => seen.push(...bodies(bytes))),
        };
        takeRows(connection, () => ({
          row: (bytes, from) => {
            const length = bytes.readUInt32BE(from - 4) - 4;
            seen.push(`D${bytes.subarray(from, from + length).toString('hex')}`);
          },
        }));
        connection.attachListeners(source);
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const end = at + (cuts[turn % cuts.length] ?? 1);
          source.emit('data', whole.subarray(at, end));
          at = end;
        }
        expect(seen).toEqual(messages.map(([code, body]) => `${code}${Buffer.from(body).toString('hex')}`));
      }),
    );
  });

  test('go on with the others while nobody takes them', () => {
    const seen: string[] = [];
    const connection = {
      attachListeners: (rest: Pick<EventEmitter, 'on'>) =>
        void rest.on('data', (bytes: Buffer) => seen.push(...bodies(bytes))),
    };
    takeRows(connection, () => undefined);
    const source = new EventEmitter();
    connection.attachListeners(source);
    source.emit('data', Buffer.concat([message('D', Buffer.of(1)), message('Z', Buffer.of(2))]));
    expect(seen).toEqual(['D01', 'Z02']);
  });

  function bodies(bytes: Buffer): string[] {
    const found: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      found.push(`${String.fromCharCode(bytes[at] ?? 0)}${bytes.subarray(at + 5, end).toString('hex')}`);
      at = end;
    }
    return found;
  }
});
