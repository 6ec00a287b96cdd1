// Lists that may be too long for memory: read in portions, handed on as such to whoever takes them, collected
// up to a limit for all others.
// Invariant: an answer begins after its first portion is there, so that what is asked wrongly is refused as
// always; a list that ends with it is answered whole.
import { Body, writeJson } from '../../../core/body.ts';
import { limits } from '../../../core/limits.ts';
import type { Result } from '../../../core/operation.ts';
import type { RecordStream } from '../../../core/record-stream.ts';
import { type Bindable, DatabaseError } from '../../../database/connection.ts';
import type { Dialect } from '../dialect.ts';
import type { Field } from '../schema.ts';
import type { SqlRecord } from './fetch.ts';
import { type Meta, metaOf, pageSize } from './page.ts';
import { recordName } from './plan.ts';
import { Portions, Room } from './portions.ts';
import { answer, attached, type Read, selectedFields, shapeOf, writeList } from './reading.ts';

/** Whether a list may be so long that it is read in portions. */
export function isLong(read: Read): boolean {
  return read.keyed === undefined && pageSize(read) > limits.streamFrom;
}

/** Answers a list in portions where the caller takes them, else whole. */
export async function readLong(read: Read): Promise<Result> {
  const { request, context } = read;
  if (request.relations.length > 0) return collectRecords(read);
  switch (context.streams) {
    case 'texts': {
      const portions = new Portions(recordTexts(read));
      const whole = await portions.begin();
      if (whole !== undefined) return textList(read, whole);
      return streamed({
        form: 'texts',
        portions,
        meta: () => metaAfter(read, portions),
        close: portions.close,
      });
    }
    case 'values': {
      const portions = new Portions(recordValues(read, 0));
      const whole = await portions.begin();
      if (whole !== undefined) return writeList(whole, await metaOf(read, whole.length));
      return streamed({
        form: 'values',
        portions,
        meta: () => metaAfter(read, portions),
        close: portions.close,
      });
    }
    default:
      return collectTexts(read);
  }
}

function streamed(stream: RecordStream): Result {
  return { ...answer(undefined), stream };
}

async function metaAfter(read: Read, { length }: { readonly length: number }): Promise<Meta | undefined> {
  return metaOf(read, length);
}

async function collectTexts(read: Read): Promise<Result> {
  const all: string[] = [];
  const room = new Room();
  for await (const texts of recordTexts(read)) {
    for (const text of texts) {
      room.take(text.length + 1);
      all.push(text);
    }
  }
  return textList(read, all);
}

// Related records are fetched when the read is over: in the middle of it they would need a second connection.
async function collectRecords(read: Read): Promise<Result> {
  const all: SqlRecord[] = [];
  const room = new Room();
  for await (const records of recordValues(read, 0)) {
    for (const record of records) {
      room.take(sizeOf(record));
      all.push(record);
    }
  }
  const whole = await attached(read, all);
  return writeList(whole, await metaOf(read, all.length));
}

async function textList(read: Read, texts: readonly string[]): Promise<Result> {
  const meta = await metaOf(read, texts.length);
  const rest = meta === undefined ? '' : `,"meta":${writeJson(meta)}`;
  return answer(Body.ofText(`{"resource":[${texts.join(',')}]${rest}}`));
}

// What JSON made in the database can not hold (bytes in a text column) may come after thousands of records:
// from there on the list goes on by rows.
async function* recordTexts(read: Read): AsyncGenerator<readonly string[]> {
  const { source, request } = read;
  const { plan, values } = source.plans.list(shapeOf(read, request.fields));
  let done = 0;
  if (plan.json !== undefined && plan.texts !== undefined) {
    try {
      for await (const rows of source.database().stream(plan.texts, [...values, ...pageFrom(read, 0)])) {
        done += rows.length;
        yield rows.map((row) => String(row[recordName]));
      }
      return;
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.failure !== 'other') throw error;
      plan.json = undefined;
    }
  }
  for await (const records of recordValues(read, done)) yield records.map(writeJson);
}

async function* recordValues(read: Read, skipped: number): AsyncGenerator<readonly SqlRecord[]> {
  const { source } = read;
  const fields = selectedFields(read);
  const { plan, values } = source.plans.list(shapeOf(read, fields));
  const bind = [...values, ...pageFrom(read, skipped)];
  for await (const rows of source.database().stream(plan.rows, bind)) {
    for (const row of rows) decodeInPlace(source.dialect, fields, row);
    yield rows;
  }
}

// Rows have the names of the fields, so that no second object is needed for each of a hundred thousand.
function decodeInPlace(dialect: Dialect, fields: readonly Field[], row: SqlRecord): void {
  for (const field of fields) row[field.name] = dialect.decode(field, row[field.name]);
}

function pageFrom(read: Read, skipped: number): readonly Bindable[] {
  const { source, request } = read;
  return source.dialect.grammar.pageValues(pageSize(read) - skipped, request.offset + skipped);
}

function sizeOf(record: SqlRecord): number {
  let size = 2;
  for (const name in record) {
    const value = record[name];
    size += name.length + 6 + (typeof value === 'string' ? value.length : 4);
  }
  return size;
}
