// The example that keeps a table of one database up to date with that of another, in every language, between
// databases of one engine and of two. Invariant: the copy is that of one read, whole, or what it was before.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../databases.ts';
import { tenonProgram } from '../program.ts';
import { startTestServer, type TestServer } from '../server.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

type Kind = 'sqlite' | ServerKind;
const types: Readonly<Record<ServerKind, string>> = { postgres: 'pgsql', mysql: 'mysql' };
const table = `create table employees (
  emp_no integer not null primary key, first_name varchar(40) not null, last_name varchar(40) not null,
  hire_date date not null, check (first_name <> 'Nobody'));`;

const isLive = canTest('postgres') && canTest('mysql');
const ways: readonly (readonly [Kind, Kind])[] = [
  ['sqlite', 'sqlite'],
  ...(isLive
    ? ([
        ['postgres', 'mysql'],
        ['mysql', 'postgres'],
      ] as const)
    : []),
];

describe.each(ways)('from %s to %s', (from, to) => {
  let server: TestServer;
  const databases: TestDatabase[] = [];

  beforeAll(async () => {
    server = await startTestServer();
    await addService('hr', from);
    await addService('copy', to);
  });
  afterAll(async () => {
    await server.close();
    for (const database of databases) await database.drop();
  });

  async function addService(name: string, kind: Kind): Promise<void> {
    if (kind === 'sqlite') {
      await server.addDatabase(name, table);
      return;
    }
    const made = await testDatabase(kind);
    databases.push(made);
    await made.execute(table);
    const { host, port, user: username, password, database } = made;
    const config = { host, port, username, password, database, max_connections: 1 };
    const resource = [{ name, label: name, type: types[kind], is_active: true, config }];
    const answer = await server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
    expect([answer.status, answer.text]).toEqual([201, answer.text]);
  }

  const employees = (service: string) => `/api/v2/${service}/_table/employees`;
  const post = (resource: unknown, method = 'POST') =>
    server.ask(employees('hr'), { method, body: { resource } });
  const copied = async () => (await server.ask(`${employees('copy')}?order=emp_no`)).body.resource;
  const employee = (emp_no: number, first_name: string) =>
    ({ emp_no, first_name, last_name: 'Lee', hire_date: '2020-02-29' }) as const;

  it.each(['js', 'py', 'php'])('sync-employees.%s', async (extension) => {
    for (const service of ['hr', 'copy'])
      await server.ask(`${employees(service)}?force=true`, { method: 'DELETE' });
    const args = [tenonProgram(), 'script', 'push', `examples/sync-employees.${extension}`];
    const login = ['--server', server.url, '--token', server.token];
    await promisify(execFile)(process.execPath, [...args, ...login], { cwd: root });
    const read = () => server.ask(`${employees('hr')}?order=emp_no`);

    await post([employee(1, 'Ann'), employee(2, 'Bob')]);
    expect(await read()).toMatchObject({ status: 200, body: { resource: [{ emp_no: 1 }, { emp_no: 2 }] } });
    expect(await copied()).toEqual([employee(1, 'Ann'), employee(2, 'Bob')]);

    await post([{ emp_no: 2, first_name: 'Bert' }], 'PATCH');
    await post([employee(3, 'Cid')]);
    server.observations.length = 0;
    expect((await read()).status).toBe(200);
    const log = server.observations.flatMap((seen) => (seen.kind === 'script.finished' ? seen.log : []));
    expect(log).toMatchObject([{ text: 'copied: 1 new, 1 changed' }]);
    expect(await copied()).toEqual([employee(1, 'Ann'), employee(2, 'Bert'), employee(3, 'Cid')]);

    // The copy takes none of a read that it refuses a record of.
    await server.ask(`${employees('copy')}/3`, { method: 'PATCH', body: { first_name: 'Cedric' } });
    await post([employee(4, 'Dot')]);
    const spoilt = await server.ask(`${employees('copy')}`, {
      method: 'POST',
      body: { resource: [employee(5, 'Eve')] },
    });
    expect(spoilt.status).toBe(200);
    await post([employee(5, 'Eva')]);
    const before = await copied();
    const free = await refuseInCopy();
    const failed = await read();
    expect(failed.status).toBe(500);
    expect(failed.body.error.message).toContain('PATCH copy/_table/employees');
    expect(await copied()).toEqual(before);
    await free();
    expect((await read()).status).toBe(200);
    expect((await copied()).map(({ first_name }: { first_name: string }) => first_name)).toEqual([
      'Ann',
      'Bert',
      'Cid',
      'Dot',
      'Eva',
    ]);
    await server.ask('/api/v2/system/event_script/hr._table.employees.get.post_process', {
      method: 'DELETE',
    });
  });

  /** Changes of the copy are refused, though not what is new. */
  async function refuseInCopy(): Promise<() => Promise<unknown>> {
    const path = '/api/v2/system/event_script/copy._table.employees.patch.pre_process';
    const body = { type: 'nodejs', content: 'throw new Error("not today");', is_active: true };
    expect((await server.ask(path, { method: 'POST', body })).status).toBe(201);
    return () => server.ask(path, { method: 'DELETE' });
  }
});
