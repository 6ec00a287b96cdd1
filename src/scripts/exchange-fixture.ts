// Exchanges and outcomes as plain data, for the tests of this folder.
import { Body } from '../core/body.ts';
import { anonymous, type InnerCall, type Operation, type Principal, type Result } from '../core/operation.ts';
import type { Invocation, Outcome, Runner } from '../core/runner.ts';
import type { Exchange } from '../core/script.ts';

/** An administrator as the golden records have one. */
export const ada: Principal = {
  ...anonymous,
  kind: 'user',
  isAdmin: true,
  user: {
    id: 1,
    name: 'Ada Admin',
    username: 'admin@example.com',
    displayName: 'Ada Admin',
    firstName: 'Ada',
    lastName: 'Admin',
    email: 'admin@example.com',
    isAdmin: true,
    lastLogin: '2026-01-01T00:00:00Z',
  },
};

/** An operation on a table; a body is JSON text. */
export function operationOf(over: Partial<Operation> = {}, body?: string): Operation {
  return {
    service: 'hr',
    path: ['_table', 'todo'],
    action: 'GET',
    origin: 'http',
    requestor: 'api',
    principal: ada,
    depth: 0,
    request: {
      parameters: {},
      headers: { host: 'localhost' },
      body: body === undefined ? undefined : Body.ofText(body, 'application/json'),
    },
    uri: '/api/v2/hr/_table/todo',
    apiVersion: '2.0',
    ...over,
  };
}

/** An exchange before anything ran; inner calls are noted in `calls` and answered with `{}`. */
export function exchangeOf(
  operation: Operation = operationOf(),
  result?: Result,
): Exchange & { calls: InnerCall[] } {
  const calls: InnerCall[] = [];
  return {
    operation,
    request: operation.request,
    result,
    headersText: undefined,
    calls,
    call: async (call) => {
      calls.push(call);
      return { status: 200, headers: {}, body: Body.ofText('{}') };
    },
  };
}

/** A run that ended without returning or changing anything. */
export const quietly: Outcome = { kind: 'finished', returned: undefined, changes: {}, log: [] };

/** A language whose runs end as the test says; notes what it was asked. */
export function plannedRunner(
  outcome: (invocation: Invocation) => Outcome | Promise<Outcome>,
): Runner & { asked: Invocation[] } {
  const asked: Invocation[] = [];
  return {
    language: 'nodejs',
    asked,
    run: async (invocation) => {
      asked.push(invocation);
      return await outcome(invocation);
    },
    stop: async () => undefined,
  };
}
