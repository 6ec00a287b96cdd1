import { describe, expect, it } from 'vitest';
import { fc } from '../../test/properties.ts';
import { FrameFields, FrameReader, FrameWriter, ProtocolError } from './protocol.ts';

interface Frame {
  kind: number;
  body: string;
}

function collect(max = 1_000): { frames: Frame[]; reader: FrameReader } {
  const frames: Frame[] = [];
  const reader = new FrameReader(max, (kind, fields) => {
    frames.push({ kind, body: fields.copied().buffer.toString('latin1') });
  });
  return { frames, reader };
}

function written(frames: readonly Frame[]): Buffer {
  const writer = new FrameWriter(8);
  for (const { kind, body } of frames) {
    writer.begin(kind);
    for (const byte of Buffer.from(body, 'latin1')) writer.u8(byte);
    writer.end();
  }
  return Buffer.from(writer.take());
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    const frame = fc.record({
      kind: fc.integer({ min: 0, max: 255 }),
      body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 })),
        (given, cuts) => {
          const bytes = written(given);
          const { frames, reader } = collect();
          let at = 0;
          for (const cut of cuts) {
            reader.push(bytes.subarray(at, at + cut));
            at = Math.min(at + cut, bytes.length);
          }
          reader.push(bytes.subarray(at));
          expect(frames).toEqual(given);
        },
      ),
    );
  });

  it('do not depend on the chunk after it was pushed', () => {
    const { frames, reader } = collect();
    const bytes = written([{ kind: 3, body: 'abcdefgh' }]);
    const chunk = Buffer.alloc(6);
    for (let at = 0; at < bytes.length; at += 6) {
      const length = bytes.copy(chunk, 0, at, at + 6);
      reader.push(chunk.subarray(0, length));
      chunk.fill(0xff);
    }
    expect(frames).toEqual([{ kind: 3, body: 'abcdefgh' }]);
  });

  it.each([0, 1_001, 0xff_ff_ff_ff])('of %i announced bytes are refused at once', (length) => {
    const { frames, reader } = collect();
    const head = Buffer.alloc(5);
    head.writeUInt32LE(length);
    expect(() => reader.push(head)).toThrow(ProtocolError);
    expect(frames).toEqual([]);
  });

  it('of the largest size are taken', () => {
    const { frames, reader } = collect(9);
    reader.push(written([{ kind: 1, body: '12345678' }]));
    expect(frames).toHaveLength(1);
  });
});

describe('fields', () => {
  const fieldsOf = (bytes: Buffer) => new FrameFields(bytes, 5, bytes.length);

  it('keep every text, and tell nothing, null and empty apart', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(undefined, null, ''));
    fc.assert(
      fc.property(fc.array(text), (texts) => {
        const writer = new FrameWriter(8);
        writer.begin(1);
        for (const each of texts) writer.text(each);
        writer.end();
        const fields = fieldsOf(Buffer.from(writer.take()));
        expect(texts.map(() => fields.text())).toEqual(texts);
        fields.finish();
      }),
    );
  });

  it('keep numbers and ids', () => {
    const writer = new FrameWriter(8);
    const id = '\u0000\u00ff0123456789abcd';
    writer
      .begin(1)
      .id(id)
      .u8(255)
      .u16(65_535)
      .u32(0xff_ff_ff_ff)
      .u32(-3 >>> 0);
    writer.end();
    const fields = fieldsOf(Buffer.from(writer.take()));
    expect([fields.id(), fields.u8(), fields.u16(), fields.u32(), fields.i32()]).toEqual([
      id,
      255,
      65_535,
      0xff_ff_ff_ff,
      -3,
    ]);
    fields.finish();
  });

  it('name a run by the id that lies in its page', () => {
    const page = Buffer.from(Array.from({ length: 48 }, (_, i) => i * 5));
    const [first, second] = [
      { page, at: 16 },
      { page, at: 32 },
    ];
    const writer = new FrameWriter(8);
    writer.begin(1).runId(second).u8(7).end();
    const fields = fieldsOf(Buffer.from(writer.take()));
    expect(fields.isRun(first)).toBe(false);
    expect(fields.isRun(second)).toBe(true);
    expect(fields.isRun(second)).toBe(false);
    expect(fields.u8()).toBe(7);
    fields.finish();
  });

  it('stay as they are with whoever took them while the writer goes on', () => {
    const writer = new FrameWriter();
    writer.begin(1).text('first').end();
    const taken = writer.take();
    writer.leave();
    writer.begin(1).text('second').end();
    expect(fieldsOf(taken).text()).toBe('first');
    expect(fieldsOf(writer.take()).text()).toBe('second');
  });

  it('beyond the end of a frame are refused', () => {
    const writer = new FrameWriter();
    writer.begin(1).u32(1_000_000).u8(1);
    writer.end();
    const bytes = Buffer.from(writer.take());
    expect(() => fieldsOf(bytes).text()).toThrow(ProtocolError);
    expect(() => fieldsOf(bytes).id()).toThrow(ProtocolError);
    expect(() => fieldsOf(bytes).finish()).toThrow(ProtocolError);
  });

  it('that must be there are demanded', () => {
    const writer = new FrameWriter();
    writer.begin(1).text(undefined);
    writer.end();
    expect(() => fieldsOf(Buffer.from(writer.take())).given()).toThrow(ProtocolError);
  });
});

describe('a writer', () => {
  it('drops a cancelled frame and keeps those before it', () => {
    const writer = new FrameWriter(8);
    writer.begin(1).u8(7);
    writer.end();
    writer.begin(2).text('x'.repeat(100));
    expect(writer.frameSize).toBe(109);
    writer.cancel();
    const { frames, reader } = collect();
    reader.push(Buffer.from(writer.take()));
    expect(frames).toEqual([{ kind: 1, body: '\u0007' }]);
    expect(writer.size).toBe(0);
  });
});
