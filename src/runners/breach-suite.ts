// What no script may achieve on its process's channel, in any language: frames that are forged, late, twice,
// half or giant, and floods of calls. A language's test calls `breachSuite` with scripts in its own words.
// Invariant: nothing that a script writes there is taken for an answer of a run or reaches the platform.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Body } from '../core/body.ts';
import { limits } from '../core/limits.ts';
import type { BridgeCall, Invocation, Outcome, Runner } from '../core/runner.ts';
import { endings, idBytes, kinds } from './protocol.ts';
import { invocationOf, programOf, returnedBy } from './suite.ts';

/** Scripts of one language. */
export interface BreachSamples {
  /** Returns the map `{"ok": true}`. */
  readonly returns: string;
  /** Writes these bytes to descriptor 3 and goes on. */
  writes(hex: string): string;
  /** What makes a script never end, to be put behind another. */
  readonly hangs: string;
  /** Calls the platform without end, waiting for each answer. */
  readonly callsForEver: string;
  /** Writes these bytes to descriptor 3 without end, reading nothing. */
  writesForEver(hex: string): string;
  /** Calls the platform once and prints text that looks like a result of old. */
  readonly printsFrames: string;
}

/** What the suite needs. `create` gives a runner of one or two processes. */
export interface BreachSuiteOptions {
  readonly language: string;
  readonly samples: BreachSamples;
  create(): Runner;
}

/** A frame of any kind over a body in hex. */
function frame(kind: number, body = ''): string {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(1 + body.length / 2);
  return length.toString('hex') + kind.toString(16).padStart(2, '0') + body;
}

const foreignId = 'ab'.repeat(idBytes);
const absent = 'ffffffff';
const text = (value: string) => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return length.toString('hex') + bytes.toString('hex');
};

// A result in perfect order, of a run that is not: returned "forged", nothing else.
const ending = endings.finished.toString(16).padStart(2, '0');
const forged = `${foreignId}${ending}0000000000${absent}${absent}${text('"forged"')}${absent.repeat(7)}`;
const call = `${foreignId}01000000${text('DELETE')}${text('system/service/1')}${text('')}${absent}`;

const breaches: Readonly<Record<string, string>> = {
  'a result of another run': frame(kinds.result, forged),
  'the same result twice': frame(kinds.result, forged).repeat(2),
  'a result without a body': frame(kinds.result),
  'a result that is longer than its fields': frame(kinds.result, `${forged}00`),
  'a call of another run': frame(kinds.call, call),
  'a recalled run that was not': frame(kinds.dropped, foreignId),
  'a second beginning': frame(kinds.ready),
  'a frame that only the server sends': frame(kinds.run, foreignId),
  'a frame of an unknown kind': frame(99, foreignId),
  'a giant frame': `ffffff7f${kinds.result.toString(16)}`,
  'a frame of no length': '0000000011',
  'a text that is longer than its frame': frame(kinds.call, `${foreignId}01000000ffffff0f`),
};

/** Runs the suite for one language. */
export function breachSuite({ language, samples, create }: BreachSuiteOptions): void {
  describe(`the channel of ${language}`, () => {
    let runner: Runner;
    const asked: BridgeCall[] = [];
    const bridge = {
      call: async (made: BridgeCall) => {
        asked.push(made);
        return { status: 200, headers: {}, body: Body.ofText('{}') };
      },
    };
    const run = (code: string, more: Partial<Invocation> = {}): Promise<Outcome> =>
      runner.run(invocationOf(programOf(code), { bridge, ...more }));
    const stillRuns = async () => expect(returnedBy(await run(samples.returns))).toEqual({ ok: true });

    beforeAll(() => {
      runner = create();
    });
    afterAll(() => runner.stop());

    it.each(Object.entries(breaches))('does not take %s', async (_what, hex) => {
      asked.length = 0;
      const others = Array.from({ length: 10 }, () => run(samples.returns));
      const outcome = await run(samples.writes(hex) + samples.hangs, { timeoutMs: 2_000 });
      expect(outcome.kind).toBe('crashed');
      for (const other of await Promise.all(others)) expect(returnedBy(other)).toEqual({ ok: true });
      expect(asked).toEqual([]);
      await stillRuns();
    });

    it('does not wait for the rest of half a frame beyond the deadline', async () => {
      const half = frame(kinds.result, forged).slice(0, 60);
      const outcome = await run(samples.writes(half) + samples.hangs, { timeoutMs: 300 });
      expect(outcome.kind).toBe('timeout');
      await stillRuns();
    });

    it('takes nothing that comes after half a frame for an answer', async () => {
      const outcome = await run(samples.writes(frame(kinds.result, forged).slice(0, 60)), { timeoutMs: 300 });
      expect(['timeout', 'crashed']).toContain(outcome.kind);
      await stillRuns();
    });

    it('ends a run that calls without end', async () => {
      asked.length = 0;
      const outcome = await run(samples.callsForEver, { timeoutMs: 20_000 });
      expect(['crashed', 'threw', 'timeout']).toContain(outcome.kind);
      expect(asked.length).toBeLessThanOrEqual(limits.innerCalls);
      await stillRuns();
    });

    it('ends a run that floods it with calls of others', async () => {
      const outcome = await run(samples.writesForEver(frame(kinds.call, call)), { timeoutMs: 2_000 });
      expect(outcome.kind).toBe('crashed');
      await stillRuns();
    });

    it('knows output from frames, whatever it looks like', async () => {
      const outcome = await run(samples.printsFrames);
      expect(outcome).toMatchObject({ kind: 'finished', returned: undefined, changes: {} });
      await stillRuns();
    });
  });
}
