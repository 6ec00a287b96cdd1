// Sends an answer that comes in portions, no faster than its client takes it.
// Invariant: what is not complete never looks as if it were: the connection breaks before the last chunk.
import type { ServerResponse } from 'node:http';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/**
 * Sends texts and ends the answer; false when the client went away first. Throws what the texts throw, and
 * `request.timeout` when the client does not take what it asked for.
 */
export async function sendPortions(
  response: ServerResponse,
  portions: AsyncIterable<string>,
): Promise<boolean> {
  for await (const text of portions) {
    const bytes = Buffer.from(text);
    for (let from = 0; from < bytes.length; from += limits.streamSliceBytes) {
      if (response.destroyed) return false;
      const isFlowing = response.write(bytes.subarray(from, from + limits.streamSliceBytes));
      if (!isFlowing && !(await isTaken(response))) return false;
    }
  }
  if (response.destroyed) return false;
  response.end();
  return true;
}

// Each slice has a time limit, so that a client that trickles can not keep a connection of the database.
function isTaken(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const done = (work: () => void) => {
      clearTimeout(timer);
      response.off('drain', taken);
      response.off('close', gone);
      work();
    };
    const taken = () => done(() => resolve(true));
    const gone = () => done(() => resolve(false));
    const timer = setTimeout(() => done(() => reject(tooSlow())), limits.streamWaitMs);
    response.on('drain', taken);
    response.on('close', gone);
    // It may have gone between the write and now.
    if (response.destroyed) gone();
  });
}

function tooSlow(): PlatformError {
  return new PlatformError(
    'request.timeout',
    `The client did not take ${limits.streamSliceBytes} bytes of its answer within ${limits.streamWaitMs} ms.`,
  );
}
