// The PHP examples of the business-logic chapter that DreamFactory documents, run as written. Repairs, all of
// them where the chapter's text itself can not run, are named beside the example.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Chapter } from './chapter.ts';

let chapter: Chapter;

beforeAll(async () => {
  chapter = await Chapter.open();
});

afterEach(() => chapter.clear());
afterAll(() => chapter.close());

const event = 'db._table.contact.get.pre_process';

describe('Retrieving A Request Parameter', () => {
  test('a parameter by its name', async () => {
    await chapter.attach(
      event,
      'php',
      `// PHP
$customerKey = $event['request']['parameters']['customer_key'];
$event['response'] = ['content' => $customerKey];`,
    );
    expect((await chapter.ask('db/_table/contact?customer_key=k1')).body).toBe('k1');
  });

  test('a value out of the filter', async () => {
    // Repair: the chapter forgets the semicolon behind the first statement.
    await chapter.attach(
      event,
      'php',
      `// PHP
$filter = $event['request']['parameters']['filter'];
// PHP
$id = explode("=", $event['request']['parameters']['filter'])[1];
$event['response'] = ['content' => [$filter, $id]];`,
    );
    expect((await chapter.ask('db/_table/contact?filter=id=50')).body).toEqual(['id=50', '50']);
  });
});

describe('PHP Platform API Example', () => {
  test('what an inner call gives is dumped into the log', async () => {
    const after = 'db._table.test.get.post_process';
    await chapter.attach(
      after,
      'php',
      `$url = 'db/_table/contact';
$api = $platform['api'];
$get = $api->get;
$result = $get($url);
var_dump($result);`,
    );
    expect((await chapter.ask('db/_table/test')).body).toEqual({ resource: [{ id: 1, name: 'one' }] });
    expect(chapter.logOf(after)).toMatch(/\["status_code"\]=>\s+int\(200\)/);
    expect(chapter.logOf(after)).toMatch(/\["name"\]=>\s+string\(3\) "Ann"/);
  });
});

describe('Adding HTTP Headers, Query Parameters, or cURL Options to API Calls', () => {
  test('headers and parameters', async () => {
    // Repair: example.com has no such API; the call goes to a server of this test.
    const example = String.raw`$url = 'http://example.com/my_api';
$payload = json_decode("{\"name\":\"test\"}", true);
$options = [];
$options['headers'] = [];
$options['headers']['Content-Type'] = 'application/json';
$options['parameters'] = [];
$options['parameters']['api_key'] = 'my_api_key';
$api = $platform['api'];
$post = $api->post;
$result = $post($url, $payload, $options);
var_dump($result);`;
    await chapter.serve('caller', 'php', example.replace('example.com', chapter.foreign.address));
    expect((await chapter.ask('caller')).status).toBe(200);
    expect(chapter.foreign.requests).toMatchObject([{ method: 'POST', path: '/my_api?api_key=my_api_key' }]);
    expect(chapter.logOf('service.caller')).toContain('/my_api?api_key=my_api_key');
  });

  test('cURL options', async () => {
    // Repair: the chapter gives the options without a call, which is added.
    const example = `$options = [];
$options['headers'] = [];
$options['headers']['Content-Type'] = 'application/json';
$options['parameters'] = [];
$options['parameters']['api_key'] = 'my_api_key';
$options['CURLOPT_USERNAME'] = 'user@example.com';
$options['CURLOPT_PASSWORD'] = 'password123';`;
    const call = `return ($platform['api']->get)('http://${chapter.foreign.address}/my_api', null, $options);`;
    await chapter.serve('caller', 'php', `${example}\n${call}`);
    expect((await chapter.ask('caller')).status).toBe(200);
    const credentials = Buffer.from('user@example.com:password123').toString('base64');
    expect(chapter.foreign.requests).toMatchObject([
      {
        path: '/my_api?api_key=my_api_key',
        headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/json' },
      },
    ]);
  });
});

describe('Validating Input Parameters', () => {
  const example = String.raw`$payload = $event['request']['payload'];

if(!empty($payload['resource'])){
    foreach($payload['resource'] as $record){
        if(!array_key_exists('first_name', $record)){
            throw new \Exception('Missing first_name.');
        }

        if(!array_key_exists('hire_date', $record)){
            throw new \Exception('Missing hire_date.');
        }

        if($record['salary'] <= 0){
            throw new \Exception('Annual salary must be > 0');
        }
    }
}`;

  test.each([
    [{ hire_date: '2020-01-01', salary: 1 }, 'Missing first_name.'],
    [{ first_name: 'Ann', salary: 1 }, 'Missing hire_date.'],
    [{ first_name: 'Ann', hire_date: '2020-01-01', salary: 0 }, 'Annual salary must be > 0'],
  ])('%j is refused', async (record, message) => {
    await chapter.attach('db._table.employees.post.pre_process', 'php', example);
    const answer = await chapter.ask('db/_table/employees', 'POST', { resource: [record] });
    expect([answer.status, answer.body.error.message]).toEqual([500, message]);
  });

  test('a good record is stored', async () => {
    await chapter.attach('db._table.employees.post.pre_process', 'php', example);
    const record = { emp_no: 2, first_name: 'Ann', hire_date: '2020-01-01', salary: 5 };
    const answer = await chapter.ask('db/_table/employees', 'POST', { resource: [record] });
    expect([answer.status, answer.body]).toEqual([200, { resource: [{ emp_no: 2 }] }]);
    await chapter.ask('db/_table/employees/2', 'DELETE');
  });
});

describe('Transforming a Response', () => {
  test('names are joined and the hire date is left out', async () => {
    await chapter.attach(
      'db._table.employees.get.post_process',
      'php',
      `$responseBody = $event['response']['content'];

foreach ($responseBody['resource'] as $n => $record) {
    $record["name"] = $record["first_name"] . " " . $record["last_name"];
    unset($record["first_name"]);
    unset($record["last_name"]);
    unset($record["hire_date"]);
    $responseBody['resource'][$n] = $record;
}

$event['response']['content'] = $responseBody;`,
    );
    const answer = await chapter.ask(
      'db/_table/employees?fields=emp_no,birth_date,first_name,last_name,gender,hire_date',
    );
    expect(answer.body).toEqual({
      resource: [{ emp_no: 10001, birth_date: '1953-09-02', gender: 'M', name: 'Georgi Facello' }],
    });
  });
});

describe('Throwing An Exception', () => {
  const example = String.raw`// PHP
if (! array_key_exists('filter', $event['request']['parameters'])) {
    throw new \DreamFactory\Core\Exceptions\BadRequestException('Missing filter');
}`;

  test('a call without filter is refused', async () => {
    await chapter.attach(event, 'php', example);
    const answer = await chapter.ask('db/_table/contact');
    expect([answer.status, answer.body.error.message]).toEqual([400, 'Missing filter']);
  });

  test('a call with one goes through', async () => {
    await chapter.attach(event, 'php', example);
    const answer = await chapter.ask('db/_table/contact?filter=id=1');
    expect(answer.body).toEqual({ resource: [{ id: 1, name: 'Ann' }] });
  });
});

describe('Creating Standalone Scripted Services', () => {
  const example = `if ($event['request']['method'] == "POST") {
  dd("POST request!");
} elseif ($event['request']['method'] == "GET") {
  dd("GET request!");
}`;

  test.each(['GET', 'POST'])('dd() answers %s with its dump, as a page with status 500', async (method) => {
    await chapter.serve('dumper', 'php', example);
    const answer = await chapter.ask('dumper', method, method === 'POST' ? {} : undefined);
    expect(answer.status).toBe(500);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    expect(answer.text).toContain(`${method} request!`);
  });

  test('other verbs fire nothing', async () => {
    await chapter.serve('dumper', 'php', example);
    expect((await chapter.ask('dumper', 'DELETE')).status).toBe(200);
  });
});

describe('routing in a service', () => {
  // Repairs: the folder of libraries is one of this test; it holds CustomResponse, which the chapter does not
  // give, and a stand-in for bramus/router. The closure of set404 lacks `use($response)`, which matters only
  // where no route matches.
  const example = String.raw`set_include_path("/home/dreamfactory/libraries");

require_once('CustomResponse.php');

$router = new \Bramus\Router\Router();
$response = new \DreamFactory\CustomResponse();

$router->before('GET', '/.*', function () {
  header('X-Powered-By: bramus/router');
});

$router->get('/.*', function() use($response) {
  $response->setContent('Hello Router World!');
});

$router->set404(function() {
  header('HTTP/1.1 404 Not Found');
  $response->setContent('404 not found');
});

$router->run();

return $response->getContent();`;
  const placed = () => example.replace('/home/dreamfactory/libraries', chapter.libraries);

  test.each(['', '/a/b?c=1'])('GET router%s', async (path) => {
    await chapter.serve('router', 'php', placed());
    const answer = await chapter.ask(`router${path}`);
    expect([answer.status, answer.body]).toEqual([200, 'Hello Router World!']);
    expect(answer.headers.get('x-powered-by')).toBe('bramus/router');
  });

  test('a verb without a route is not found', async () => {
    await chapter.serve(
      'router',
      'php',
      placed().replace('set404(function()', 'set404(function() use($response)'),
    );
    const answer = await chapter.ask('router/a', 'DELETE');
    expect(answer.body).toBe('404 not found');
  });

  test('routes have parameters', async () => {
    const routes = placed().replace(
      "get('/.*', function() use($response) {",
      "get('/api/v2/router/hello/(\\w+)', function($name) use($response) {",
    );
    const greeting = routes.replace("'Hello Router World!'", "'Hello ' . $name");
    await chapter.serve('router', 'php', greeting);
    expect((await chapter.ask('router/hello/Ann')).body).toBe('Hello Ann');
  });
});

describe('Obfuscate Table Endpoints (PHP)', () => {
  const example = `<?php

// Set up the platform object with shortcuts to each verb
$api = $platform['api'];
$get = $api->get;
$post = $api->post;
$put = $api->put;
$patch = $api->patch;
$delete = $api->delete;

$api_path = 'db/_table/todo'; // the service/_table/tablename you wish to obfuscate
$method = $event['request']['method']; // get the HTTP Method
$options['parameters'] = $event['request']['parameters']; // copy params from the request to the options object

// if there are additional resources in the request path add them to our request path
if ( $event['resource'] && $event['resource'] != '' ) {
  $api_path = $api_path . '/' . $event['resource'];
}

if ( $event['request']['payload'] ) { // if the payload is not empty assign it to the payload var
  $payload = $event['request']['payload'];
} else { //else make the payload null
  $payload = null;
}

switch ( $method ) { // Determine which verb to use when making our api call
case 'GET':
  $result = $get ( $api_path, $payload, $options );
  break;
case 'POST':
  $result = $post ( $api_path, $payload, $options );
  break;
case 'PUT':
  $result = $put ( $api_path, $payload, $options );
  break;
case 'PATCH':
  $result = $patch ( $api_path, $payload, $options );
  break;
case 'DELETE':
  $result = $delete ( $api_path, $payload, $options );
  break;
default:
  $result['message'] = 'Invalid verb.';
  break;
}

return $result; // return the data response to the client

?>`;

  test('every verb goes to the table', async () => {
    await chapter.serve('todos', 'php', example);
    const { body } = await chapter.ask('todos?limit=1');
    expect(body).toEqual({ resource: [{ id: 1, title: 'Buy milk' }] });
    expect((await chapter.ask('todos/2?fields=title')).body).toEqual({ title: 'Write report' });
    const made = await chapter.ask('todos', 'POST', { resource: [{ title: 'Call Bob' }] });
    expect([made.status, made.body]).toEqual([200, { resource: [{ id: 3 }] }]);
    const changed = await chapter.ask('todos/3?fields=*', 'PATCH', { title: 'Call Ann' });
    expect(changed.body).toEqual({ id: 3, title: 'Call Ann' });
    const replaced = await chapter.ask('todos/3?fields=*', 'PUT', { title: 'Call Eve' });
    expect(replaced.body).toEqual({ id: 3, title: 'Call Eve' });
    expect((await chapter.ask('todos/3', 'DELETE')).body).toEqual({ id: 3 });
    expect((await chapter.ask('todos?count_only=true')).body).toBe(2);
  });

  test('errors come through with their status', async () => {
    await chapter.serve('todos', 'php', example);
    const answer = await chapter.ask('todos/999');
    expect([answer.status, answer.body.error.status_code]).toEqual([404, 404]);
  });
});

describe('Adding a PHP Class Library', () => {
  // Repairs: the folder of libraries is one of this test; the brace that closes the catch is missing in the
  // chapter.
  const example = String.raw`set_include_path("/home/wjgilmore/libraries");

require_once('Filter.php');

$filter = new \WJGilmore\Validate\Validate();

try {

  $filter->username("dreamfactory");

} catch (\Exception $e) {

  $event['response'] = [
    'status_code' => 400,
    'content' => [
      'success' => false,
      'message' => $e->getMessage()
    ]
];
}`;
  const placed = () => example.replace('/home/wjgilmore/libraries', chapter.libraries);

  test('a good name lets the call through', async () => {
    await chapter.attach(event, 'php', placed());
    expect((await chapter.ask('db/_table/contact?count_only=true')).body).toBe(2);
  });

  test('a bad name answers it', async () => {
    await chapter.attach(event, 'php', placed().replace('"dreamfactory"', '"dream-factory"'));
    const answer = await chapter.ask('db/_table/contact');
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ success: false, message: 'Username must be alphanumeric.' });
  });

  test('the library can be used again and again', async () => {
    await chapter.attach(event, 'php', placed());
    for (let i = 0; i < 3; i++) expect((await chapter.ask('db/_table/contact')).status).toBe(200);
  });
});

describe('PHP Dynamic Authorization Headers', () => {
  const example = `// Configuring variables
$url = 'system/service/<service_id>';
$api = $platform['api'];
$get = $api->get;
$options = [];
$randomNum = rand(1000000000000,5000000000000000000);

// Retrieve the service details
$calling = $get($url);
$configAuth = $calling["content"];
// Set the new Auth Header for the Service
$configAuth["config"]["options"] = "abc".$randomNum;

// Setting the payload to have the new Auth Header
$payload = $configAuth;

// Execute a PATCH to replace the previous Auth Header of the Service
$postURL = 'system/service';
$patch = $api->patch;

$result = $patch($url, $payload, $options);

return $result;`;

  test('the configuration of a service is read and written back changed', async () => {
    // Repair: the id of a service stands where the chapter has <service_id>; the service keeps what it is
    // configured with in `config`, so that is the key instead of `options`.
    const id = await chapter.serve('target', 'php', 'return 1;');
    const content = example
      .replace('<service_id>', String(id))
      .replace('["options"] = "abc".$randomNum', '["content"] = "return \'abc".$randomNum."\';"');
    await chapter.serve('rotate', 'php', content);
    expect((await chapter.ask('rotate')).body).toMatchObject({ id });
    expect((await chapter.ask('target')).body).toMatch(/^abc\d{13,19}$/);
  });

  test('what is secret in it stays as it is, and is told to nobody', async () => {
    // Repair: the options of a database service are a map, not a text.
    const secret = 'canary-of-the-chapter';
    const config = { host: 'db.example.com', username: 'app', password: secret };
    const id = await chapter.add('warehouse', 'pgsql', config);
    const before = chapter.stored('warehouse');
    expect(before.password).toMatch(/^tenon:1:/);
    const content = example
      .replace('<service_id>', String(id))
      .replace('"abc".$randomNum', '["Authorization" => "abc".$randomNum]');
    await chapter.serve('rotate', 'php', content);
    const answer = await chapter.ask('rotate');
    expect(answer.body).toMatchObject({ id });
    const after = chapter.stored('warehouse');
    expect(after).toMatchObject({ ...before, options: { Authorization: expect.stringMatching(/^abc\d+$/) } });
    const shown = await chapter.ask(`system/service/${id}`);
    expect(shown.body.config).toMatchObject({ host: 'db.example.com', password: '********' });
    expect(answer.text + shown.text).not.toContain(secret);
  });

  test('nor does it go to another host that a script writes there', async () => {
    const config = { host: 'db.example.com', password: 'canary-of-the-chapter' };
    const id = await chapter.add('warehouse', 'pgsql', config);
    const content = example
      .replace('<service_id>', String(id))
      .replace('["options"] = "abc".$randomNum', '["host"] = "evil.example.com"');
    await chapter.serve('rotate', 'php', content);
    const answer = await chapter.ask('rotate');
    expect(answer.text).toContain("give 'config.password' again");
    expect(chapter.stored('warehouse').host).toBe('db.example.com');
  });
});
