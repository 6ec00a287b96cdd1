// A flow as a list of steps: what is asked, what must come back, and which scripts must have run in which
// order.
// Invariant: a step that names no scripts asserts that none ran.
import { expect } from 'vitest';
import type { Answer, Ask, TestServer } from './server.ts';

/** One step of a flow. */
export interface Step extends Ask {
  readonly path: string;
  readonly status: number;
  /** Matched as a subset unless it is a function, which makes its own assertions. */
  readonly answer?: unknown;
  /** Event scripts that finished or failed, in order. */
  readonly ran?: readonly string[];
  /** Kinds of observations that must be among those made. */
  readonly observed?: readonly string[];
}

/** Runs the steps one after the other and returns the last answer. */
export async function play(server: TestServer, steps: readonly Step[]): Promise<Answer | undefined> {
  let last: Answer | undefined;
  for (const step of steps) {
    server.observations.length = 0;
    last = await server.ask(step.path, step);
    const where = `${step.method ?? 'GET'} ${step.path}`;
    expect([where, last.status, last.status === step.status ? '' : last.text]).toEqual([
      where,
      step.status,
      '',
    ]);
    if (step.answer !== undefined) expect(last.body, where).toMatchObject(step.answer as object);
    const ran = server.observations.flatMap((seen) =>
      seen.kind === 'script.finished' || seen.kind === 'script.failed' ? [seen.script] : [],
    );
    expect(ran, `scripts run by ${where}`).toEqual(step.ran ?? []);
    const kinds = server.observations.map((seen) => seen.kind);
    for (const kind of step.observed ?? []) expect(kinds, where).toContain(kind);
  }
  return last;
}

/** The step that saves an event script. */
export function saveScript(event: string, content: string, more: Record<string, unknown> = {}): Step {
  const body = { type: 'nodejs', content, is_active: true, allow_event_modification: true, ...more };
  return {
    method: 'POST',
    path: `/api/v2/system/event_script/${encodeURIComponent(event)}`,
    status: 201,
    body,
    answer: { name: event },
  };
}
