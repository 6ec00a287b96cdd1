// The outbox of a SQLite file: what damages it, who may only read the file, and answers that are too long.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../../core/limits.ts';
import { TransactionScope } from '../../../core/transaction.ts';
import { mssql } from '../dialects/mssql/index.ts';
import { postgres } from '../dialects/postgres/index.ts';
import { sqlite } from '../dialects/sqlite/index.ts';
import {
  effectsOf,
  idsOf,
  Leaving,
  nextId,
  type OutboxWorld,
  outboxTable,
  outboxWorld,
  post,
  waiting,
} from '../suite/outbox-fixture.ts';

let folder: string;
let file: string;
let other: Database.Database;
let world: OutboxWorld;

const serviceOf = (config: Readonly<Record<string, unknown>>) =>
  sqlite.create({ id: 1, name: 'hr', label: '', config: { database: file, ...config } });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-outbox-'));
  file = join(folder, 'data.sqlite');
  other = new Database(file);
  other.exec(outboxTable);
  world = outboxWorld(serviceOf({}));
});

afterEach(async () => {
  await world.service.close();
  other.close();
  rmSync(folder, { recursive: true });
});

describe('an outbox', () => {
  it('hands out none of what nobody can read', async () => {
    await post(world, 1, { leaving: new Leaving() });
    const insert = other.prepare("INSERT INTO _tenon_outbox (id, house, due, runs) VALUES (?, '', 0, ?)");
    for (const [index, text] of ['', '{', '{}', 'null', '"x"'].entries()) insert.run(`${index}`, text);
    expect(await waiting(world)).toEqual(['{"resource":[{"id":1}]}']);
  });

  it('of a database that is away says nothing of a run, so that it waits and has not failed', async () => {
    const config = { host: '127.0.0.1', port: 1, database: 'none', username: 'nobody', password: '' };
    const away = postgres.create({ id: 2, name: 'far', label: '', config });
    await expect(away.outbox?.wasApplied?.(nextId())).rejects.toMatchObject({
      ...{ kind: 'service.unavailable', status: 503 },
    });
    await away.close?.();
  });

  it('drops any number of entries', async () => {
    await post(world, 1, { leaving: new Leaving() });
    const insert = other.prepare("INSERT INTO _tenon_outbox (id, house, due, runs) VALUES (?, '', 0, ?)");
    const ids = Array.from({ length: 1_234 }, () => nextId());
    for (const count of [0, 1, 2, 10, 11, 100, 500, 501, 1_234]) {
      const some = ids.slice(0, count);
      for (const id of some) insert.run(id, '[]');
      await world.service.outbox?.remove(some);
      expect(other.prepare('SELECT count(*) FROM _tenon_outbox').pluck().get()).toBe(1);
    }
  });

  it('is found by a server that did not make it', async () => {
    const second = outboxWorld(serviceOf({}));
    expect(await waiting(second)).toEqual([]);
    await post(world, 1, { leaving: new Leaving() });
    // It asks from time to time only, unless it is told.
    expect(await waiting(second)).toEqual([]);
    second.service.outbox?.departed();
    expect(await waiting(second)).toHaveLength(1);
    await second.service.close();
  });

  it('is none of SQL Server', () => {
    const service = mssql.create({
      id: 2,
      name: 'x',
      label: '',
      config: { host: 'localhost', database: 'x', username: 'x', password: 'x' },
    });
    expect(service.outbox).toBeUndefined();
  });

  it('keeps an answer that is very long without its content', async () => {
    const idempotency = { id: 'k'.repeat(64), digest: 'd' };
    const name = 'x'.repeat(limits.idempotencyAnswerChars);
    const call = { body: { resource: [{ id: 1, name }] }, idempotency };
    const path = 'hr/_table/t?fields=*';
    const first = await world.house.ask('POST', path, call);
    expect(first.body.resource[0].name).toHaveLength(name.length);
    const second = await world.house.ask('POST', path, call);
    expect([second.status, second.body]).toEqual([200, undefined]);
    expect(second.headers).toEqual({ 'Idempotency-Replayed': 'true', 'Idempotency-Content': 'omitted' });
  });

  it('is not needed for a change of the schema, which is noted before', async () => {
    const leaving = new Leaving();
    const body = { resource: [{ name: 'made', field: [{ name: 'id', type: 'id' }] }] };
    expect((await world.house.ask('POST', 'hr/_schema', { body, leaving })).status).toBe(200);
    expect([leaving.intended, leaving.keeping]).toEqual([1, undefined]);
    const run = new TransactionScope({ effects: effectsOf(nextId()) });
    const second = { resource: [{ name: 'second', field: [{ name: 'id', type: 'id' }] }] };
    const within = await world.house.ask('POST', 'hr/_schema', { body: second, transaction: run });
    expect([within.status, run.service]).toEqual([200, undefined]);
    await post(world, 1, { transaction: run });
    const refused = await world.house.ask('DELETE', 'hr/_schema/second', { transaction: run });
    expect(refused.status).toBe(400);
    await run.commit();
    expect(await idsOf(world)).toEqual([1]);
  });
});

// Who may write everything, as in containers, is no one to try this with.
const program = `
  const [file] = process.argv.slice(1);
  const { outboxWorld, Leaving } = await import(${JSON.stringify(
    new URL('../suite/outbox-fixture.ts', import.meta.url).href,
  )});
  const { sqlite } = await import(${JSON.stringify(
    new URL('../dialects/sqlite/index.ts', import.meta.url).href,
  )});
  const world = outboxWorld(sqlite.create({ id: 1, name: 'hr', label: '', config: { database: file } }));
  const leaving = new Leaving();
  const plain = await world.house.ask('PATCH', 'hr/_table/t/1', { body: { name: 'y' } });
  const written = await world.house.ask('PATCH', 'hr/_table/t/1', { body: { name: 'y' }, leaving });
  const read = await world.house.ask('GET', 'hr/_table/t');
  const due = await world.service.outbox.due(1);
  const { intended } = leaving;
  console.log(JSON.stringify({ written, plain, read: read.body, due, intended }));
  await world.service.close();
`;

describe('a file that may only be read', () => {
  it('says so, as without an outbox, and can be read', () => {
    const readOnly = join(folder, 'read-only');
    mkdirSync(readOnly);
    const copy = join(readOnly, 'data.sqlite');
    other.exec("INSERT INTO t (id, name) VALUES (1, 'x')");
    other.prepare('VACUUM INTO ?').run(copy);
    chmodSync(copy, 0o444);
    chmodSync(readOnly, 0o555);
    chmodSync(folder, 0o755);
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const args = ['--no-warnings', '--input-type=module', '-e', program, copy];
    const { stdout, stderr } = spawnSync(process.execPath, args, { ...nobody, encoding: 'utf8' });
    expect(stderr).toBe('');
    const { written, plain, read, due, intended } = JSON.parse(stdout);
    expect([written.status, written.body]).toEqual([plain.status, plain.body]);
    expect(written.body.message).toContain('read-only');
    expect([read, due, intended]).toEqual([{ resource: [{ id: 1, name: 'x' }] }, [], 1]);
    chmodSync(readOnly, 0o755);
  });
});
