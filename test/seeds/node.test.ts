// The Node.js examples of the business-logic chapter that DreamFactory documents, run as written. Repairs,
// all of them where the chapter's text itself can not run, are named beside the example.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

const schema = `create table contact (id integer primary key autoincrement, name varchar(40) not null);
  insert into contact (name) values ('Ann'), ('Bob');
  create table test (id integer primary key, name varchar(10));
  insert into test values (1, 'one');
  create table TransactionHistory (id integer primary key autoincrement, user_name varchar(80), api_key varchar(80),
    timestamp varchar(80));`;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('db', schema);
});

afterAll(async () => {
  await server.close();
});

beforeEach(async () => {
  const all = await server.ask('/api/v2/system/event_script?fields=name');
  for (const { name } of all.body.resource) await server.ask(scriptPath(name), { method: 'DELETE' });
  server.observations.length = 0;
});

function scriptPath(name: string): string {
  return `/api/v2/system/event_script/${encodeURIComponent(name)}`;
}

async function attach(name: string, content: string, type = 'nodejs'): Promise<void> {
  const body = { name, type, content, is_active: true, allow_event_modification: true };
  expect((await server.ask(scriptPath(name), { method: 'POST', body })).status).toBe(201);
}

function logOf(script: string): string[] {
  return server.observations.flatMap((seen) =>
    seen.kind === 'script.finished' && seen.script === script ? seen.log.map((line) => line.text) : [],
  );
}

describe('Node.js Platform API Example', () => {
  test('an inner call prints what the API answers', async () => {
    const name = 'db._table.test.get.post_process';
    await attach(
      name,
      `var url = 'db/_table/contact';
    var options = null;
    platform.api.get(url, options, function(body, response) {
            var result = JSON.parse(body);
            console.log(result);
    });`,
    );
    expect((await server.ask('/api/v2/db/_table/test')).status).toBe(200);
    expect(logOf(name).join('\n')).toContain("{ id: 1, name: 'Ann' }");
  });
});

describe('NodeJS Custom Logging', () => {
  test('the call is written to TransactionHistory and answered with what the API said', async () => {
    const name = 'db._table.contact.get.post_process';
    await attach(
      name,
      `// To enable Node.js scripting, set the path to node in your DreamFactory .env file.
    // This setting is commented out by default.
    //
    // DF_NODEJS_PATH=/usr/local/bin/node
    //
    // Use npm to install any dependencies. This script requires 'lodash.'
    // Your scripts can call console.log to dump info to the log file in storage/logs.

    var payload = {

        user_name: platform.session.user.email,
        api_key: platform.session.api_key,
        timestamp: (new Date()).toString()
    };

    platform.api.post("db/_table/TransactionHistory", {"resource": [payload]}, '', function(body, response){

        console.log(response.statusCode + " " + response.statusMessage);
        event.setResponse(JSON.parse(body), response.statusCode, 'applicaton/json');
    });`,
    );
    const answer = await server.ask('/api/v2/db/_table/contact');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ resource: [{ id: 1 }] });
    expect(logOf(name)).toEqual(['200 OK']);
    const history = await server.ask('/api/v2/db/_table/TransactionHistory');
    expect(history.body.resource).toMatchObject([{ id: 1, user_name: 'admin@example.com', api_key: null }]);
  });
});

describe('Stopping Script Execution', () => {
  const example = `// Stop execution if verbs other than GET are used in Custom Scripting Service
    if (event.request.method !== "GET") {
        throw "Only HTTP GET is allowed on this endpoint."; // will result in a 500 back to client with the given message.
    }

    // Stop execution and return a specific status code
    if (event.resource !== "test") {
        // For pre-process scripts where event.response doesn't exist yet, just create it
        event.response = {};
        // For post-process scripts just update the members necessary
        event.response.status_code = 400;
        event.response.content = {"error": "Invalid resource requested."};
        return;
    }

    // defaults to 200 status code
    event.response.content = {"test": "value"};`;

  test('a thrown string is a 500 with that message, as the chapter promises', async () => {
    await attach('db._table.contact.post.pre_process', example);
    const body = { resource: [{ name: 'Eve' }] };
    const answer = await server.ask('/api/v2/db/_table/contact', { method: 'POST', body });
    expect(answer.status).toBe(500);
    expect(answer.body.error.message).toBe('Only HTTP GET is allowed on this endpoint.');
    expect((await server.ask('/api/v2/db/_table/contact?count_only=true')).body).toBe(2);
  });

  test('a response made before the call answers it', async () => {
    await attach('db._table.contact.get.pre_process', example);
    const answer = await server.ask('/api/v2/db/_table/contact');
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: 'Invalid resource requested.' });
  });

  test('a response changed after the call replaces it', async () => {
    await attach('db._table.test.get.post_process', example);
    const answer = await server.ask('/api/v2/db/_table/test');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ test: 'value' });
  });
});

describe('Validating Input Parameters', () => {
  // The chapter gives it in PHP only; here it is line by line in TypeScript.
  const example = `const payload = event.request.payload as { resource?: Record<string, unknown>[] };
if (payload.resource?.length) {
  for (const record of payload.resource) {
    if (!('first_name' in record)) throw new Error('Missing first_name.');
    if (!('hire_date' in record)) throw new Error('Missing hire_date.');
    if (Number(record['salary']) <= 0) throw new Error('Annual salary must be > 0');
  }
}`;

  test.each([
    [{ hire_date: '2020-01-01', salary: 1 }, 'Missing first_name.'],
    [{ first_name: 'Ann', salary: 1 }, 'Missing hire_date.'],
    [{ first_name: 'Ann', hire_date: '2020-01-01', salary: 0 }, 'Annual salary must be > 0'],
  ])('%j is refused', async (record, message) => {
    await attach('db._table.contact.post.pre_process', example, 'typescript');
    const answer = await server.ask('/api/v2/db/_table/contact', {
      method: 'POST',
      body: { resource: [record] },
    });
    expect(answer.status).toBe(500);
    expect(answer.body.error.message).toBe(message);
  });

  test('a good record is stored', async () => {
    await attach('db._table.contact.post.pre_process', example, 'typescript');
    const record = { first_name: 'Ann', hire_date: '2020-01-01', salary: 5, name: 'Ann' };
    const answer = await server.ask('/api/v2/db/_table/contact', {
      method: 'POST',
      body: { resource: [record] },
    });
    expect(answer.status).toBe(200);
  });
});

describe('Transforming a Response', () => {
  test('names are joined and the hire date is left out', async () => {
    await server.addDatabase(
      'mysql',
      `create table employees (emp_no integer primary key, birth_date date, first_name varchar(14),
        last_name varchar(16), gender char(1), hire_date date);
       insert into employees values (10001, '1953-09-02', 'Georgi', 'Facello', 'M', '1986-06-26');`,
    );
    // The chapter gives it in PHP only; here it is line by line in JavaScript.
    await attach(
      'mysql._table.employees.get.post_process',
      `var responseBody = event.response.content;
responseBody.resource.forEach(function (record, n) {
    record.name = record.first_name + " " + record.last_name;
    delete record.first_name;
    delete record.last_name;
    delete record.hire_date;
    responseBody.resource[n] = record;
});
event.response.content = responseBody;`,
    );
    const answer = await server.ask('/api/v2/mysql/_table/employees');
    expect(answer.body).toEqual({
      resource: [{ emp_no: 10001, birth_date: '1953-09-02', gender: 'M', name: 'Georgi Facello' }],
    });
  });
});
