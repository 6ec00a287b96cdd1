// Sends an answer that comes in portions, no faster than its client takes it.
// Invariant: what is not complete never looks as if it were: the connection breaks before the last chunk.
import type { ServerResponse } from 'node:http';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/** How long a client may keep the server waiting. */
export interface Patience {
  /** At once. */
  readonly waitMs: number;
  /** For each slice that it took, on average. */
  readonly sliceMs: number;
}

const usual: Patience = { waitMs: limits.streamWaitMs, sliceMs: limits.streamSliceMs };

/**
 * Sends texts and ends the answer; false when the client went away first. Throws what the texts throw, and
 * `request.timeout` when the client takes its answer too slowly.
 */
export async function sendPortions(
  response: ServerResponse,
  portions: AsyncIterable<string>,
  patience = usual,
): Promise<boolean> {
  const { waitMs, sliceMs } = patience;
  let leftMs = waitMs;
  for await (const text of portions) {
    for (let from = 0; from < text.length; ) {
      const to = endOfSlice(text, from + limits.streamSliceChars);
      if (response.destroyed) return false;
      // As text, which leaves no buffers behind that only the collector of garbage would free.
      const isFlowing = response.write(from === 0 && to === text.length ? text : text.slice(from, to));
      from = to;
      if (isFlowing) continue;
      const began = performance.now();
      if (!(await isTaken(response, leftMs))) return false;
      leftMs = Math.min(waitMs, leftMs + sliceMs - (performance.now() - began));
    }
  }
  if (response.destroyed) return false;
  response.end();
  return true;
}

// The two halves of a character beyond the first 65,536 stay together.
function endOfSlice(text: string, end: number): number {
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last <= 0xdbff ? end + 1 : Math.min(end, text.length);
}

function isTaken(response: ServerResponse, waitMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void) => {
      clearTimeout(timer);
      response.off('drain', taken);
      response.off('close', gone);
      settle();
    };
    const taken = () => done(() => resolve(true));
    const gone = () => done(() => resolve(false));
    const timer = setTimeout(() => done(() => reject(tooSlow())), waitMs);
    response.on('drain', taken);
    response.on('close', gone);
    // It may have gone between the write and now.
    if (response.destroyed) gone();
  });
}

function tooSlow(): PlatformError {
  return new PlatformError('request.timeout', 'The client took its answer too slowly.');
}
