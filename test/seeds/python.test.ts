// The Python examples of the business-logic chapter that DreamFactory documents, run as written: they are
// Python 2, so their type is `python`. Repairs, all of them where the chapter's text itself can not run, are
// named beside the example.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Chapter } from './chapter.ts';

let chapter: Chapter;

beforeAll(async () => {
  chapter = await Chapter.open();
});

afterEach(() => chapter.clear());
afterAll(() => chapter.close());

describe('Retrieving A Request Parameter', () => {
  const example = `request = event.request
print request.headers['x-dreamfactory-api-key']`;

  test('a header of the request is printed', async () => {
    const event = 'db._table.contact.get.pre_process';
    await chapter.attach(event, 'python', example);
    const answer = await chapter.server.ask('/api/v2/db/_table/contact', {
      headers: { 'X-DreamFactory-API-Key': 'the-key' },
    });
    expect(answer.status).toBe(200);
    expect(chapter.logOf(event)).toBe('the-key');
  });

  test('a header that is not there is an error that names it', async () => {
    await chapter.attach('db._table.contact.get.pre_process', 'python', example);
    const answer = await chapter.ask('db/_table/contact');
    expect(answer.status).toBe(500);
    expect(answer.body.error.message).toContain('x-dreamfactory-api-key');
  });
});

describe('Python Platform API Example', () => {
  test('an inner call is printed and read', async () => {
    // Beside the repairs: the last line shows that what was read can be used.
    const example = `url = 'db/_table/contact'
result = platform.api.get(url)
data = result.read()
print data
jsonData = bunchify(json.loads(data))
event.response.content = jsonData.resource[0].name`;
    const event = 'db._table.test.get.post_process';
    await chapter.attach(event, 'python', example);
    const answer = await chapter.ask('db/_table/test');
    expect([answer.status, answer.body]).toEqual([200, 'Ann']);
    expect(chapter.logOf(event)).toContain('{"resource":[{"id":1,"name":"Ann"}');
  });
});

describe('Adding HTTP Headers, Query Parameters, or cURL Options to API Calls', () => {
  test('a call to another host has headers and parameters', async () => {
    // Repair: example.com has no such API; the call goes to a server of this test.
    const example = `url = 'http://example.com/my_api'
payload = '{\\"name\\":\\"test\\"}'
options = {}
options['headers'] = {}
options['headers']['Content-Type'] = 'application/json'
options['parameters'] = {}
options['parameters']['api_key'] = 'my_api_key'
result = platform.api.post(url, payload, options)
data = result.read()
print data
jsonData = bunchify(json.loads(data))`;
    await chapter.serve('caller', 'python', example.replace('example.com', chapter.foreign.address));
    expect((await chapter.ask('caller')).status).toBe(200);
    expect(chapter.foreign.requests).toMatchObject([
      {
        method: 'POST',
        path: '/my_api?api_key=my_api_key',
        headers: { 'content-type': 'application/json' },
        body: { name: 'test' },
      },
    ]);
    expect(chapter.logOf('service.caller')).toContain('"path": "/my_api?api_key=my_api_key"');
  });
});

describe('the same in Python 3', () => {
  // Line by line: print is a function, and munch has taken the place of bunch.
  test('an inner call is printed and read', async () => {
    const event = 'db._table.test.get.post_process';
    await chapter.attach(
      event,
      'python3',
      `url = 'db/_table/contact'
result = platform.api.get(url)
data = result.read()
print(data)
jsonData = munchify(json.loads(data))
event.response.content = jsonData.resource[0].name`,
    );
    const answer = await chapter.ask('db/_table/test');
    expect([answer.status, answer.body]).toEqual([200, 'Ann']);
    expect(chapter.logOf(event)).toContain('b\'{"resource":[{"id":1,"name":"Ann"}');
  });

  test('munch can be imported as the chapter installs it', async () => {
    await chapter.serve(
      'munched',
      'python3',
      `from munch import Munch, munchify
made = munchify({'a': {'b': [1, {'c': 2}]}})
return {'c': made.a.b[1].c, 'isMunch': isinstance(made.a, Munch)}`,
    );
    expect((await chapter.ask('munched')).body).toEqual({ c: 2, isMunch: true });
  });
});
