// Scripts without runners, for the tests of this folder: a handler does what the test says.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { HandlerSource, ScriptHandler, ScriptHandlers } from '../../core/script.ts';

/** Handlers that tell what they were made of and asked. */
export interface PlannedHandlers extends ScriptHandlers {
  readonly made: HandlerSource[];
  readonly asked: Operation[];
}

/** Text with `(((` in it can not be loaded, and `forbidden` may not even be stored. */
export function plannedHandlers(answer: ScriptHandler['handle'] = async () => said('ran')): PlannedHandlers {
  const made: HandlerSource[] = [];
  const asked: Operation[] = [];
  return {
    made,
    asked,
    handler: (source) => {
      made.push(source);
      return {
        handle: (operation, call) => {
          asked.push(operation);
          return answer(operation, call);
        },
        enqueue: async (operation) => {
          asked.push(operation);
          return { status: 202, headers: {}, body: Body.ofValue({ success: true }) };
        },
        perform: async ({ operation }) => {
          asked.push(operation);
          return { outcome: 'finished' };
        },
        flaw: async () => (source.content.includes('(((') ? 'too many “(” (line 1, column 3)' : undefined),
      };
    },
    check: ({ content }) => {
      if (content.includes('forbidden')) throw new PlatformError('script.invalid', 'It is forbidden.');
    },
  };
}

/** An answer with a JSON value. */
export function said(value: unknown): Result {
  return { status: 200, headers: {}, body: Body.ofValue(value) };
}
