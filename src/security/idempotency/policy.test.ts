// The policy over a real system database: what is done, what is answered again, and what frees a key.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Body } from '../../core/body.ts';
import { limits } from '../../core/limits.ts';
import type { Observation } from '../../core/observe.ts';
import {
  anonymous,
  type Operation,
  type Principal,
  type Result,
  type UserView,
} from '../../core/operation.ts';
import type { Store } from '../../core/store.ts';
import { TransactionScope } from '../../core/transaction.ts';
import { createSqliteStore } from '../../store/sqlite.ts';
import { Idempotency } from './policy.ts';

const ann: Principal = { ...anonymous, kind: 'user', user: { id: 7 } as UserView };
const day = limits.idempotencyHours * 3_600_000;

let folder: string;
let file: string;
let store: Store;
let policy: Idempotency;
let now = 1_000_000_000_000;
let seen: Observation[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'idempotency-'));
  file = join(folder, 'system.sqlite');
  store = await createSqliteStore({ file, clock: () => now });
  seen = [];
  policy = new Idempotency({ store, observe: (observation) => seen.push(observation) });
});

afterEach(async () => {
  vi.useRealTimers();
  await policy.stop();
  await store.close();
  rmSync(folder, { recursive: true });
});

const operation = (over: Partial<Operation> = {}): Operation => ({
  ...{ service: 'db', path: ['_table', 'todo'], action: 'POST', origin: 'http', requestor: 'api' },
  ...{ principal: ann, depth: 0, uri: '', apiVersion: '2.0' },
  request: { parameters: {}, headers: { 'idempotency-key': 'k' }, body: Body.ofValue({ a: 1 }) },
  ...over,
});
const answer = (status: number): Result => ({ status, headers: {}, body: Body.ofValue({ status }) });
const once = (
  work: (noted: Operation) => Promise<Result>,
  over: Partial<Operation> = {},
  keepsNotes = false,
) => policy.once({ operation: operation(over), keepsNotes }, work);
const done = (status = 200) => vi.fn(async () => answer(status));
const never = () => Promise.reject(new Error('it was done again'));

describe('an answer', () => {
  it.each([200, 201, 202, 204, 302, 400, 404, 405, 410, 413, 451])('%i is kept', async (status) => {
    await once(done(status));
    const again = await once(never);
    expect([again.status, again.headers]).toEqual([status, { 'Idempotency-Replayed': 'true' }]);
  });

  it.each([401, 403, 408, 409, 422, 425, 429, 500, 501, 502, 503, 504])(
    '%i frees the key',
    async (status) => {
      const work = done(status);
      expect((await once(work)).status).toBe(status);
      expect((await once(work)).headers).toEqual({});
      expect(work).toHaveBeenCalledTimes(2);
    },
  );

  it('of a refusal is not kept for strangers, what was done is', async () => {
    const stranger = { principal: anonymous, remoteAddress: '10.0.0.1' };
    const refused = done(400);
    await once(refused, stranger);
    await once(refused, stranger);
    expect(refused).toHaveBeenCalledTimes(2);
    await once(done(201), stranger);
    expect((await once(never, stranger)).status).toBe(201);
  });

  it('is forgotten after a day, and its row is dropped', async () => {
    await once(done(201));
    now += day + 1;
    const work = done(202);
    expect((await once(work)).status).toBe(202);
    now += day + limits.idempotencyLeaseMs + 1;
    policy.start();
    await policy.stop();
    expect(await store.idempotency.trim()).toBe(0);
  });
});

describe('the operation that is done', () => {
  it('carries what its service is to keep, which is the same at the next try', async () => {
    const notes: unknown[] = [];
    const work = async (noted: Operation) => {
      notes.push(noted.idempotency);
      return answer(500);
    };
    await once(work);
    await once(work);
    // It was free in between, so that it is another beginning of the same.
    expect(notes[1]).toEqual({ ...(notes[0] as object), origin: expect.any(String) });
    expect(notes[0]).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      origin: expect.stringMatching(/^[0-9a-f]{44}$/),
    });
  });

  it('in a transaction has its note and no answer that stays, or is refused', async () => {
    const transaction = new TransactionScope();
    const work = done(200);
    for (let turn = 0; turn < 2; turn++) await once(work, { transaction }, true);
    expect(work).toHaveBeenCalledTimes(2);
    await expect(once(never, { transaction })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('platform.once'),
    });
    expect((await once(done(200))).headers).toEqual({});
  });
});

describe('while it is done', () => {
  it('others are told so, and it stays so however long it takes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const end = Promise.withResolvers<Result>();
    const first = once(() => end.promise);
    for (let turn = 0; turn < 5; turn++) {
      await expect(once(never)).rejects.toMatchObject({ status: 409, headers: { 'Retry-After': '1' } });
      now += limits.idempotencyLeaseMs / 2;
      await vi.advanceTimersByTimeAsync(limits.idempotencyLeaseMs / 2);
      // The clock of the database is not the one that is advanced.
      await vi.waitFor(() => expect(left()).toBe(limits.idempotencyLeaseMs), { timeout: 30_000 });
    }
    end.resolve(answer(201));
    expect((await first).status).toBe(201);
    expect(vi.getTimerCount()).toBe(0);
    expect((await once(never)).status).toBe(201);
  });

  it('the same key for something else is refused', async () => {
    const end = Promise.withResolvers<Result>();
    const first = once(() => end.promise);
    await expect(once(never, { action: 'PUT' })).rejects.toMatchObject({ status: 422 });
    end.resolve(answer(201));
    await first;
  });

  it('and its server stands still beyond the lease, another does it, whose answer is the one that is kept', async () => {
    const end = Promise.withResolvers<Result>();
    const first = once(() => end.promise);
    await vi.waitFor(() => expect(left()).toBeGreaterThan(0), { timeout: 30_000 });
    now += limits.idempotencyLeaseMs + 1;
    expect((await once(done(202))).status).toBe(202);
    end.resolve(answer(201));
    expect((await first).status).toBe(201);
    expect((await once(never)).status).toBe(202);
  });
});

describe('a system database that is away', () => {
  it('refuses before anything is done, and never takes an answer from its caller', async () => {
    await store.close();
    await expect(once(never)).rejects.toThrow();
    store = await createSqliteStore({ file, clock: () => now });
    policy = new Idempotency({ store, observe: (observation) => seen.push(observation) });
    const result = await once(async () => {
      await store.close();
      return answer(201);
    });
    expect(result.status).toBe(201);
    expect(seen).toMatchObject([{ kind: 'service.failed', reason: expect.stringContaining('idempotency') }]);
    store = await createSqliteStore({ file });
  });
});

// How long the lease of the only key lasts.
function left(): number {
  const database = new Database(file, { readonly: true });
  const until = database.prepare('select lease_until from idempotency_key').pluck().get();
  database.close();
  return until === undefined ? 0 : Number(until) - now;
}
