// A SQLite service configured through the API: made, used, tested, changed and removed (golden 117, 118,
// 122).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;
let folder: string;
let file: string;
beforeEach(async () => {
  house = await openHouse();
  folder = mkdtempSync(join(tmpdir(), 'system-'));
  file = join(folder, 'hr.db');
  const database = new Sqlite(file);
  database.exec('create table todo (id integer primary key, title text)');
  database.close();
});
afterEach(async () => {
  await house.services.close();
  await house.store.close();
  rmSync(folder, { recursive: true });
});

const create = (config: unknown) => {
  return house.ask('POST', 'service', {
    body: { resource: [{ name: 'hr', type: 'sqlite', label: 'HR', config }] },
  });
};

describe('a SQLite service', () => {
  it('is made, tested and shown with its configuration', async () => {
    expect(await create({ database: file })).toEqual({ status: 201, body: { resource: [{ id: 2 }] } });
    expect(await house.ask('POST', 'service/2/_test')).toEqual({ status: 200, body: { success: true } });
    expect((await house.ask('GET', 'service/2')).body).toMatchObject({
      config: { service_id: 2, database: file, allow_upsert: false, max_records: 1000 },
    });
  });

  it('lists the events that its tables fire', async () => {
    await create({ database: file });
    const { body } = await house.ask('GET', 'event?service=hr');
    expect(body).toMatchObject({
      hr: {
        hr: { type: 'api', endpoints: ['hr.get'], parameter: null },
        'hr._table': { endpoints: ['hr._table.get'] },
        'hr._table.{table_name}': {
          endpoints: ['get', 'post', 'put', 'patch', 'delete'].map(
            (verb) => `hr._table.{table_name}.${verb}`,
          ),
          parameter: { table_name: ['todo'] },
        },
        'hr._table.{table_name}.{id}': {
          endpoints: ['get', 'put', 'patch', 'delete'].map((verb) => `hr._table.{table_name}.{id}.${verb}`),
        },
      },
    });
  });

  it.each([
    ['no configuration', undefined],
    ['a file that does not exist', { database: '/nowhere/at/all.db' }],
    ['a folder', { database: tmpdir() }],
  ])('can be stored with %s; its test and its events tell or leave it out', async (_what, config) => {
    expect((await create(config)).status).toBe(201);
    const { status, body } = await house.ask('POST', 'service/2/_test');
    expect([400, 503]).toContain(status);
    expect(JSON.stringify(body)).not.toMatch(/SQLITE_|node_modules|\.ts:/);
    expect((await house.ask('GET', 'event')).status).toBe(200);
    await house.ask('PATCH', 'service/2', { body: { config: { database: file } } });
    expect((await house.ask('POST', 'service/2/_test')).status).toBe(200);
  });
});
