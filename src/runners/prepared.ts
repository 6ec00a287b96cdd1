// Reading a text without running it: the invocation that asks for it, and what the answer says.
// Invariant: an answer that is no answer is "unavailable", so that nobody takes a text for good that was not
// read.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Invocation, Outcome, Prepared, ProgramSource, Sections } from '../core/runner.ts';

const nothing: Sections = {
  meta: '{}',
  parameters: '[]',
  headers: '[]',
  content: '',
  payload: '',
  session: '{}',
  response: '',
  responseContent: '',
};

/** The invocation that reads a text; it is as good as a quick run, and may be done twice. */
export function checkOf({ name, content, dialect }: ProgramSource): Invocation {
  const code = content;
  const kind = { isAsync: false, isPristine: false, isQuick: true, isCheck: true };
  return {
    program: { hash: '', name, code, ...kind, ...(dialect === undefined ? {} : { dialect }) },
    sections: nothing,
    timeoutMs: limits.compileMs,
    depth: 0,
    bridge: { call: () => Promise.reject(new PlatformError('script.unavailable', 'Nothing runs here.')) },
  };
}

/** What the outcome of such an invocation says of the text. */
export function preparedBy(outcome: Outcome): Prepared {
  switch (outcome.kind) {
    case 'finished':
      return readyBy(outcome.returned ?? '');
    case 'threw': {
      const { message, line = 1, column = 1 } = outcome.error;
      return { kind: 'flawed', message, line, column };
    }
    case 'timeout':
      return { kind: 'flawed', message: 'the text takes too long to read', line: 1, column: 1 };
    case 'saturated':
    case 'unavailable':
      return { kind: 'unavailable', message: outcome.message };
    default:
      return { kind: 'unavailable', message: 'The process that read the text ended.' };
  }
}

function readyBy(text: string): Prepared {
  const told = JSON.parse(text === '' ? '{}' : text) as Partial<Record<string, unknown>>;
  const { isPristine, isQuick, code } = told;
  if (typeof isPristine !== 'boolean' || typeof isQuick !== 'boolean') {
    return { kind: 'unavailable', message: 'The process that read the text said nothing of it.' };
  }
  return { kind: 'ready', isPristine, isQuick, ...(typeof code === 'string' ? { code } : {}) };
}
