// JSON of lists too long for memory: the records' own texts, with what belongs around them.
// Invariant: the text is the one that the whole list would have as a body.
import { writeJson } from '../core/body.ts';
import type { TextStream } from '../core/record-stream.ts';

/** The JSON of a list, in portions. */
export async function* streamJson(stream: TextStream): AsyncGenerator<string> {
  let before = '{"resource":[';
  for await (const texts of stream.portions) {
    if (texts.length === 0) continue;
    yield before + texts.join(',');
    before = ',';
  }
  const meta = await stream.meta();
  const after = meta === undefined ? ']}' : `],"meta":${writeJson(meta)}}`;
  yield before === ',' ? after : before + after;
}
