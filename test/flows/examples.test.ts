// The example scripts do the same in every language, pushed as a user pushes them.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tenonProgram } from '../program.ts';
import { startTestServer, type TestServer } from '../server.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase(
    'hr',
    `create table employees (emp_no integer primary key, first_name varchar(14), last_name varchar(16), hire_date date);
     insert into employees values (1, 'Ann', 'Lee', '2020-01-01'), (2, 'Bob', 'Ray', '2021-01-01');`,
  );
});

afterAll(() => server.close());

test.each(['ts', 'js', 'py', 'php'])('transform-employees.%s', async (extension) => {
  const file = `examples/transform-employees.${extension}`;
  const args = [tenonProgram(), 'script', 'push', file, '--server', server.url, '--token', server.token];
  await promisify(execFile)(process.execPath, args, { cwd: root });
  const answer = await server.ask('/api/v2/hr/_table/employees');
  expect(answer.body).toEqual({
    resource: [
      { emp_no: 1, name: 'Ann Lee' },
      { emp_no: 2, name: 'Bob Ray' },
    ],
  });
});
