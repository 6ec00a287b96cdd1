// `platform.once` on the server's side: what a run remembers is asked for and kept by calls of its runner.
// Invariant: what cannot be remembered is refused before it is said to be; a refusal is a result.
import { Body } from '../core/body.ts';
import { errorResult } from '../core/dispatch.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Result } from '../core/operation.ts';
import { type BridgeCall, memoStatus } from '../core/runner.ts';
import type { RunMemory } from '../core/script.ts';

const unknown: Result = Object.freeze({ status: memoStatus.unknown, headers: {}, body: undefined });
const forgetful: Result = Object.freeze({ status: memoStatus.forgetful, headers: {}, body: undefined });

/** Answers a call with `memoMethod`; without a memory the run is no queued one. */
export async function answerMemo(call: BridgeCall, memory: RunMemory | undefined): Promise<Result> {
  try {
    const key = checkedKey(call.path);
    if (memory === undefined) return forgetful;
    if (call.payload === undefined) return recalled(await memory.recall(key));
    await remember(memory, key, call.payload);
    return unknown;
  } catch (error) {
    return errorResult(error);
  }
}

function recalled(value: string | undefined): Result {
  return value === undefined
    ? unknown
    : { status: memoStatus.known, headers: {}, body: Body.ofText(value, 'application/json') };
}

async function remember(memory: RunMemory, key: string, value: string): Promise<void> {
  const most = limits.queueMemoChars;
  if (value.length > most) {
    throw refusal(`What it is given under the key '${key}' is longer than ${most} characters as JSON.`);
  }
  if (await memory.remember(key, value)) return;
  throw new PlatformError(
    'queue.lost',
    'The run is worked by somebody else by now; what it does is in vain.',
  );
}

// The store would refuse these, too; here they are refused outside of queued runs as well, where scripts are
// tried out.
function checkedKey(path: string): string {
  const key = path.trimEnd();
  if (key !== '' && key.length <= limits.queueKeyChars && !key.includes('\0')) return key;
  throw refusal(`It takes a key of 1 to ${limits.queueKeyChars} characters and a function.`);
}

function refusal(message: string): PlatformError {
  return new PlatformError('request.invalid_parameter', `platform.once: ${message}`);
}
