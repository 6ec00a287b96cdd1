// The Node.js examples of the business-logic chapter that DreamFactory documents, run as written. Repairs,
// all of them where the chapter's text itself can not run, are named beside the example.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Chapter } from './chapter.ts';

let chapter: Chapter;

beforeAll(async () => {
  chapter = await Chapter.open();
});

afterEach(() => chapter.clear());
afterAll(() => chapter.close());

describe('Node.js Platform API Example', () => {
  test('an inner call prints what the API answers', async () => {
    const name = 'db._table.test.get.post_process';
    await chapter.attach(
      name,
      'nodejs',
      `var url = 'db/_table/contact';
    var options = null;
    platform.api.get(url, options, function(body, response) {
            var result = JSON.parse(body);
            console.log(result);
    });`,
    );
    expect((await chapter.server.ask('/api/v2/db/_table/test')).status).toBe(200);
    expect(chapter.logOf(name)).toContain("{ id: 1, name: 'Ann' }");
  });
});

describe('NodeJS Custom Logging', () => {
  test('the call is written to TransactionHistory and answered with what the API said', async () => {
    const name = 'db._table.contact.get.post_process';
    await chapter.attach(
      name,
      'nodejs',
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
    const answer = await chapter.server.ask('/api/v2/db/_table/contact');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ resource: [{ id: 1 }] });
    expect(chapter.logOf(name)).toBe('200 OK');
    const history = await chapter.server.ask('/api/v2/db/_table/TransactionHistory');
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
    await chapter.attach('db._table.contact.post.pre_process', 'nodejs', example);
    const body = { resource: [{ name: 'Eve' }] };
    const answer = await chapter.server.ask('/api/v2/db/_table/contact', { method: 'POST', body });
    expect(answer.status).toBe(500);
    expect(answer.body.error.message).toBe('Only HTTP GET is allowed on this endpoint.');
    expect((await chapter.server.ask('/api/v2/db/_table/contact?count_only=true')).body).toBe(2);
  });

  test('a response made before the call answers it', async () => {
    await chapter.attach('db._table.contact.get.pre_process', 'nodejs', example);
    const answer = await chapter.server.ask('/api/v2/db/_table/contact');
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: 'Invalid resource requested.' });
  });

  test('a response changed after the call replaces it', async () => {
    await chapter.attach('db._table.test.get.post_process', 'nodejs', example);
    const answer = await chapter.server.ask('/api/v2/db/_table/test');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ test: 'value' });
  });

  test.each([
    ['DELETE', 'only/test', 500, { error: { message: 'Only HTTP GET is allowed on this endpoint.' } }],
    ['GET', 'only/other', 400, { error: 'Invalid resource requested.' }],
    ['GET', 'only/test', 200, { test: 'value' }],
  ])('as a service: %s %s', async (method, path, status, expected) => {
    await chapter.serve('only', 'nodejs', example);
    const answer = await chapter.ask(path, method);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject(expected);
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
    await chapter.attach('db._table.contact.post.pre_process', 'typescript', example);
    const answer = await chapter.server.ask('/api/v2/db/_table/contact', {
      method: 'POST',
      body: { resource: [record] },
    });
    expect(answer.status).toBe(500);
    expect(answer.body.error.message).toBe(message);
  });

  test('a good record is stored', async () => {
    await chapter.attach('db._table.contact.post.pre_process', 'typescript', example);
    const record = { first_name: 'Ann', hire_date: '2020-01-01', salary: 5, name: 'Ann' };
    const answer = await chapter.server.ask('/api/v2/db/_table/contact', {
      method: 'POST',
      body: { resource: [record] },
    });
    expect(answer.status).toBe(200);
  });
});

describe('Transforming a Response', () => {
  test('names are joined and the hire date is left out', async () => {
    // The chapter gives it in PHP only; here it is line by line in JavaScript.
    await chapter.attach(
      'db._table.employees.get.post_process',
      'nodejs',
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
    const answer = await chapter.server.ask(
      '/api/v2/db/_table/employees?fields=emp_no,birth_date,first_name,last_name,gender,hire_date',
    );
    expect(answer.body).toEqual({
      resource: [{ emp_no: 10001, birth_date: '1953-09-02', gender: 'M', name: 'Georgi Facello' }],
    });
  });
});

describe('Adding HTTP Headers, Query Parameters, or cURL Options to API Calls', () => {
  test('a call to another host has headers and parameters', async () => {
    // Repairs: the chapter forgets the bracket and semicolon that end the call; example.com has no such API,
    // the call goes to a server of this test.
    const example = `var url = 'http://example.com/my_api';
var payload = {"name":"test"};
var options = {
    'headers': {
        'Content-Type': 'application/json'
    },
    'parameters': {
        'api_key': 'my_api_key'
    },
};
platform.api.post(url, payload, options, function(body, response) {
        var result = JSON.parse(body);
        console.log(result);
});`;
    await chapter.serve('caller', 'nodejs', example.replace('example.com', chapter.foreign.address));
    expect((await chapter.ask('caller')).status).toBe(200);
    expect(chapter.foreign.requests).toMatchObject([
      {
        method: 'POST',
        path: '/my_api?api_key=my_api_key',
        headers: { 'content-type': 'application/json' },
        body: { name: 'test' },
      },
    ]);
    expect(chapter.logOf('service.caller')).toContain("path: '/my_api?api_key=my_api_key'");
  });
});
