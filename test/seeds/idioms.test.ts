// What scripts in the wild do, per language: each row is a script as people write it, a request, and what must
// come back. Invariant: every row is served by a real server over HTTP.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Chapter } from './chapter.ts';

interface Row {
  readonly what: string;
  readonly script: string;
  /** An event to sit on; without, the script is the service `math`. */
  readonly event?: string;
  /** Path below /api/v2, by default the service's or the contacts'. */
  readonly path?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly answer?: unknown;
  readonly log?: string;
}

const before = 'db._table.contact.get.pre_process';
const after = 'db._table.contact.get.post_process';
const ann = { id: 1, name: 'Ann' };
const bob = { id: 2, name: 'Bob' };

const javascript: readonly Row[] = [
  {
    what: 'a service adds two parameters',
    script: 'return {result: Number(event.request.parameters.n1) + Number(event.request.parameters.n2)};',
    path: 'math/add?n1=4&n2=5',
    answer: { result: 9 },
  },
  {
    what: 'an error of a service is a 500',
    script: 'if (event.request.parameters.n2 == 0) throw new Error("Divide by zero error.");',
    path: 'math/divide?n1=4&n2=0',
    status: 500,
    answer: { error: { code: 500, message: 'Divide by zero error.', status_code: 500 } },
  },
  {
    what: 'the verb and the resource decide',
    script: `switch (event.request.method + ' ' + event.resource) {
  case 'GET add': event.response.content = 'added'; break;
  default: event.response = {status_code: 404, content: {error: 'nothing here'}};
}`,
    path: 'math/subtract',
    status: 404,
    answer: { error: 'nothing here' },
  },
  {
    what: 'setResponse at once, with the misspelt type of the samples',
    script: "event.setResponse({a: 1}, 201, 'applicaton/json');",
    status: 201,
    answer: { a: 1 },
  },
  {
    what: 'setResponse when a call has come back',
    script: `platform.api.get('db/_table/contact/1', null, function (body, response) {
  event.setResponse({got: JSON.parse(body).name, status: response.statusCode});
});`,
    answer: { got: 'Ann', status: 200 },
  },
  {
    what: 'options that are an empty text, and a missing callback',
    script: `platform.api.post('db/_table/todo', {resource: [{title: 'logged'}]}, '');
platform.api.get('db/_table/todo?filter=' + encodeURIComponent("title='nothing'"), '', function (body) {
  event.setResponse(JSON.parse(body));
});`,
    answer: { resource: [] },
  },
  {
    what: 'paths with a slash before them, with /api/v2, and with parameters as options',
    script: `const paths = ['/db/_table/contact/1', '/api/v2/db/_table/contact/1', 'api/v2/db/_table/contact/1'];
const names = [];
for (const path of paths) names.push(JSON.parse((await platform.api.get(path, {parameters: {fields: 'name'}})).body).name);
return names;`,
    answer: ['Ann', 'Ann', 'Ann'],
  },
  {
    what: 'call() with the verb first',
    script: `platform.api.call('GET', 'db/_table/contact?count_only=true', null, null, function (body) {
  event.setResponse({count: JSON.parse(body)});
});`,
    answer: { count: 2 },
  },
  {
    what: 'an error of a call is looked at',
    script: `platform.api.get('db/_table/contact/99', null, function (body, response) {
  var result = JSON.parse(body);
  if (result.error) event.setResponse({was: response.statusCode, told: result.error.code}, 200);
});`,
    answer: { was: 404, told: 404 },
  },
  {
    what: 'delete with a payload',
    script: `platform.api.delete('db/_table/todo', {ids: [98, 99]}, null, function (body, response) {
  event.setResponse({status: response.statusCode});
});`,
    answer: { status: 400 },
  },
  {
    what: 'the server itself as an absolute address, with the token of the session',
    script: `var options = {headers: {'X-DreamFactory-Session-Token': platform.session.session_token}};
platform.api.get('http://' + event.request.headers.host + '/api/v2/db/_table/contact/2', options, function (body) {
  event.setResponse(JSON.parse(body));
});`,
    answer: bob,
  },
  {
    what: 'the session, guarded',
    script:
      'return {email: platform.session.user && platform.session.user.email, admin: platform.session.user.is_sys_admin};',
    answer: { email: 'admin@example.com', admin: true },
  },
  {
    what: 'a header by its lower-case name, and its first character',
    script: "return {whole: event.request.headers['x-color'], first: event.request.headers['x-color'][0]};",
    headers: { 'X-Color': 'red' },
    answer: { whole: 'red', first: 'r' },
  },
  {
    what: 'globals that nobody declared',
    script: 'total = 0; for (i = 1; i <= 4; i++) total += i; return {total: total};',
    answer: { total: 10 },
  },
  {
    what: 'modules of Node, and files of its own',
    script: `var fs = require('fs'), path = require('path'), crypto = require('crypto');
var file = path.join(process.cwd(), 'note.txt');
fs.writeFileSync(file, 'kept');
return {read: fs.readFileSync(file, 'utf8'), hash: crypto.createHash('md5').update('a').digest('hex')};`,
    answer: { read: 'kept', hash: '0cc175b9c0f1b6a831c399e269772661' },
  },
  {
    what: 'promises and async functions',
    script: `const [one, two] = await Promise.all([1, 2].map((id) => platform.api.get('db/_table/contact/' + id)));
return [one.json().name, two.json().name];`,
    answer: ['Ann', 'Bob'],
  },
  {
    what: 'console writes to the log alone',
    script: 'console.log("seen", {a: 1}); return {ok: true};',
    answer: { ok: true },
    log: 'seen { a: 1 }',
  },
  {
    what: 'a filter is put into the request',
    event: before,
    script: "event.request.parameters.filter = '(id > 1) and (name like \\'%o%\\')';",
    answer: { resource: [bob] },
  },
  {
    what: 'a thrown object says its status',
    event: before,
    script: "throw {message: 'not you', status_code: 403};",
    status: 403,
    answer: { error: { message: 'not you', status_code: 403 } },
  },
  {
    what: 'a response made before answers with a 4xx',
    event: before,
    script: "event.response = {status_code: 422, content: {error: 'no filter'}};",
    status: 422,
    answer: { error: 'no filter' },
  },
  {
    what: 'rows are changed in place',
    event: after,
    script: 'event.response.content.resource.forEach(function (row) { row.name = row.name.toUpperCase(); });',
    answer: {
      resource: [
        { ...ann, name: 'ANN' },
        { ...bob, name: 'BOB' },
      ],
    },
  },
];

const python: readonly Row[] = [
  {
    what: 'a service adds two parameters',
    script: "return {'result': int(event.request.parameters.n1) + int(event.request.parameters['n2'])}",
    path: 'math/add?n1=4&n2=5',
    answer: { result: 9 },
  },
  {
    what: 'an error of a service is a 500',
    script: "if event.request.parameters.n2 == '0':\n    raise Exception('Divide by zero error.')",
    path: 'math/divide?n1=4&n2=0',
    status: 500,
    answer: { error: { code: 500, message: 'Divide by zero error.', status_code: 500 } },
  },
  {
    what: 'an exception says its status',
    script: "error = Exception('not you')\nerror.status_code = 403\nraise error",
    status: 403,
    answer: { error: { message: 'not you', status_code: 403 } },
  },
  {
    what: 'the verb and the resource decide',
    script: `if event.request.method == 'GET' and event.resource == 'add':
    event.response.content = 'added'
else:
    event.response.status_code = 404
    event.response.content = {'error': 'nothing here'}`,
    path: 'math/subtract',
    status: 404,
    answer: { error: 'nothing here' },
  },
  {
    what: 'attributes make keys; in, get and items work',
    script: `event.response.content = munchify({})
event.response.content.made = munchify({'a': {'b': 1}})
event.response.content.has = 'a' in event.response.content.made
event.response.content.got = event.request.parameters.get('nope', 'default')
event.response.content.items = sorted(event.request.parameters.items())`,
    path: 'math?x=1&y=2',
    answer: {
      made: { a: { b: 1 } },
      has: true,
      got: 'default',
      items: [
        ['x', '1'],
        ['y', '2'],
      ],
    },
  },
  {
    what: 'a call is read, by attribute and by item',
    script: `result = platform.api.get('db/_table/contact/1')
data = munchify(json.loads(result.read()))
return {'name': data.name, 'same': data['name'], 'status': result.status, 'reason': result.reason,
        'type': result.getheader('content-type')}`,
    answer: { name: 'Ann', same: 'Ann', status: 200, reason: 'OK', type: 'application/json' },
  },
  {
    what: 'payloads as text and as dictionaries, options, and delete without payload',
    script: `a = platform.api.post('db/_table/todo', json.dumps({'resource': [{'title': 'a'}]}), '')
b = platform.api.post('db/_table/todo', {'resource': [{'title': 'b'}]}, {'parameters': {'fields': 'title'}})
ids = json.loads(a.read().decode('utf-8'))['resource'][0]['id']
gone = platform.api.delete('db/_table/todo', None, {'parameters': {'filter': "title in ('a','b')"}})
return {'b': json.loads(b.read()), 'id': ids > 0, 'gone': len(json.loads(gone.read())['resource'])}`,
    answer: { b: { resource: [{ title: 'b' }] }, id: true, gone: 2 },
  },
  {
    what: 'call() with the verb first, and paths with /api/v2',
    script: `r = platform.api.call('GET', '/api/v2/db/_table/contact?count_only=true')
return {'count': json.loads(r.read())}`,
    answer: { count: 2 },
  },
  {
    what: 'the session',
    script: "return {'email': platform.session.user.email, 'admin': platform.session.user.is_sys_admin}",
    answer: { email: 'admin@example.com', admin: true },
  },
  {
    what: 'a header by its lower-case name, and its first character',
    script: "h = event.request.headers\nreturn {'whole': h['x-color'], 'first': h['x-color'][0]}",
    headers: { 'X-Color': 'red' },
    answer: { whole: 'red', first: 'r' },
  },
  {
    what: 'functions, classes, imports and files of its own',
    script: `import os, hashlib, datetime
class Note:
    def __init__(self, text):
        self.text = text
def write(note):
    with open('note.txt', 'w') as file:
        file.write(note.text)
write(Note('kept'))
with open(os.path.join(os.getcwd(), 'note.txt')) as file:
    return {'read': file.read(), 'hash': hashlib.md5(b'a').hexdigest(), 'day': str(datetime.date(2020, 1, 2))}`,
    answer: { read: 'kept', hash: '0cc175b9c0f1b6a831c399e269772661', day: '2020-01-02' },
  },
  {
    what: 'null, true and false in data, and non-ASCII text',
    script: "return {'p': event.request.payload, 'is': event.request.payload.none is None}",
    method: 'POST',
    body: { none: null, yes: [true, false, null], text: 'é: true, :null 😀' },
    answer: { p: { none: null, yes: [true, false, null], text: 'é: true, :null 😀' }, is: true },
  },
  {
    what: 'print writes to the log alone',
    script: "print('seen', {'a': 1})\nreturn {'ok': True}",
    answer: { ok: true },
    log: "seen {'a': 1}",
  },
  {
    what: 'nothing but a comment',
    script: '# to be written',
    answer: '',
  },
  {
    what: 'a filter is put into the request',
    event: before,
    script: `event.request.parameters.filter = "(id > 1) and (name like '%o%')"`,
    answer: { resource: [bob] },
  },
  {
    what: 'a response made before answers with a 4xx',
    event: before,
    script: "event.response = {'status_code': 422, 'content': {'error': 'no filter'}}",
    status: 422,
    answer: { error: 'no filter' },
  },
  {
    what: 'rows are changed in place',
    event: after,
    script: 'for row in event.response.content.resource:\n    row.name = row.name.upper()',
    answer: {
      resource: [
        { ...ann, name: 'ANN' },
        { ...bob, name: 'BOB' },
      ],
    },
  },
];

const python2: readonly Row[] = [
  {
    what: 'print, has_key, iteritems, unicode and old exceptions',
    script: `print "seen", event.request.parameters.x
d = {'a': 1}
try:
    raise ValueError, 'old'
except ValueError, e:
    told = str(e)
return {'has': d.has_key('a'), 'items': [[k, v] for k, v in d.iteritems()], 'told': told, 'u': unicode('x')}`,
    path: 'math?x=1',
    answer: { has: true, items: [['a', 1]], told: 'old', u: 'x' },
    log: 'seen 1',
  },
  {
    what: 'bunch by its own name',
    script: `from bunch import Bunch, bunchify
b = Bunch(a=1)
b.c = bunchify({'d': {'e': 2}})
return {'a': b.a, 'e': b.c.d.e}`,
    answer: { a: 1, e: 2 },
  },
  {
    what: 'httplib, urllib and integer division',
    script: `import urllib
return {'q': urllib.urlencode({'a': 'b c'}), 'half': 7 / 2, 'ok': httplib.OK}`,
    answer: { q: 'a=b+c', half: 3, ok: 200 },
  },
];

const php: readonly Row[] = [
  {
    what: 'a service adds two parameters',
    script:
      "return ['result' => $event['request']['parameters']['n1'] + $event['request']['parameters']['n2']];",
    path: 'math/add?n1=4&n2=5',
    answer: { result: 9 },
  },
  {
    what: 'an exception of the platform has its status',
    script: `if ($event['request']['parameters']['n2'] == 0) {
  throw new \\DreamFactory\\Core\\Exceptions\\BadRequestException('Divide by zero error.');
}`,
    path: 'math/divide?n1=4&n2=0',
    status: 400,
    answer: { error: { code: 400, message: 'Divide by zero error.', status_code: 400 } },
  },
  {
    what: 'imports of classes, and a script between tags',
    script: `<?php
use DreamFactory\\Core\\Exceptions\\ForbiddenException;
throw new ForbiddenException('not you');
?>`,
    status: 403,
    answer: { error: { message: 'not you', status_code: 403 } },
  },
  {
    what: 'the verb and the resource decide',
    script: `switch ($event['request']['method'] . ' ' . $event['resource']) {
  case 'GET add': $event['response']['content'] = 'added'; break;
  default:
    $event['response']['status_code'] = 404;
    $event['response']['content'] = ['error' => 'nothing here'];
}`,
    path: 'math/subtract',
    status: 404,
    answer: { error: 'nothing here' },
  },
  {
    what: 'closures of the API, in all their ways',
    script: `$api = $platform['api'];
$get = $api->get;
return [
  $get('db/_table/contact/1')['content']['name'],
  $platform['api']->get->__invoke('/db/_table/contact/1')['content']['name'],
  call_user_func($platform['api']->get, '/api/v2/db/_table/contact/2')['content']['name'],
  $platform['api']->get('db/_table/contact/2')['content']['name'],
  $platform->api->get('db/_table/contact/2')['content']['name'],
  ($api->call)('GET', 'db/_table/contact/1')['content']['name'],
];`,
    answer: ['Ann', 'Ann', 'Bob', 'Bob', 'Bob', 'Ann'],
  },
  {
    what: 'the second argument of get are its parameters, too',
    script: `$get = $platform['api']->get;
$found = $get('db/_table/contact', ['filter' => "name='Bob'"]);
$named = $get('db/_table/contact?fields=name', null, ['parameters' => ['limit' => 1]]);
return [$found['content']['resource'], $named['content']['resource'], $found['status_code']];`,
    answer: [[bob], [{ name: 'Ann' }], 200],
  },
  {
    what: 'errors of calls are returned',
    script: `$result = $platform['api']->get->__invoke('db/_table/contact/99');
if (isset($result['content']['error'])) {
  return ['code' => $result['content']['error']['code'], 'status' => $result['status_code']];
}`,
    answer: { code: 404, status: 404 },
  },
  {
    what: 'the result of a call is passed on',
    script: "return ($platform['api']->get)('db/_table/contact/99');",
    status: 404,
    answer: { error: { code: 404, status_code: 404 } },
  },
  {
    what: 'the session, as an array and as an object',
    script:
      "return ['email' => $platform['session']['user']['email'], 'admin' => $platform->session['user']['is_sys_admin']];",
    answer: { email: 'admin@example.com', admin: true },
  },
  {
    what: 'a header by its lower-case name, and its first character',
    script:
      "$h = $event['request']['headers']; return ['whole' => $h['x-color'], 'first' => $h['x-color'][0]];",
    headers: { 'X-Color': 'red' },
    answer: { whole: 'red', first: 'r' },
  },
  {
    what: 'functions and classes of its own, again and again',
    script: `class Note { public $text; function __construct($text) { $this->text = $text; } }
function write_note(Note $note) { file_put_contents('note.txt', $note->text); }
write_note(new Note('kept'));
return ['read' => file_get_contents(getcwd() . '/note.txt'), 'hash' => md5('a')];`,
    answer: { read: 'kept', hash: '0cc175b9c0f1b6a831c399e269772661' },
  },
  {
    what: 'headers of the answer',
    script: "header('X-Powered-By: me'); return ['ok' => true];",
    answer: { ok: true },
  },
  {
    what: 'an object at the top is an array',
    script: '$o = new stdClass; $o->a = 1; return $o;',
    answer: { a: 1 },
  },
  {
    what: 'echo, print_r and var_dump write to the log alone',
    script: "echo 'seen '; print_r(['a' => 1]); var_dump(true); return ['ok' => true];",
    answer: { ok: true },
    log: 'seen Array\n(\n    [a] => 1\n)\nbool(true)',
  },
  {
    what: 'a filter is put into the request',
    event: before,
    script: "$event['request']['parameters']['filter'] = \"(id > 1) and (name like '%o%')\";",
    answer: { resource: [bob] },
  },
  {
    what: 'a response made before answers with a 4xx',
    event: before,
    script: "$event['response'] = ['status_code' => 422, 'content' => ['error' => 'no filter']];",
    status: 422,
    answer: { error: 'no filter' },
  },
  {
    what: 'rows are changed in place',
    event: after,
    script: `foreach ($event['response']['content']['resource'] as &$row) {
  $row['name'] = strtoupper($row['name']);
}`,
    answer: {
      resource: [
        { ...ann, name: 'ANN' },
        { ...bob, name: 'BOB' },
      ],
    },
  },
];

const v8js: readonly Row[] = [
  {
    what: 'a call is answered at once, and its error looked at',
    script: `var found = platform.api.get('db/_table/contact/1');
var missing = platform.api.get('db/_table/contact/99', null, null);
return {name: found.content.name, status: found.status_code, missing: missing.content.error.code};`,
    answer: { name: 'Ann', status: 200, missing: 404 },
  },
  {
    what: 'var_dump writes to the log',
    script: 'var_dump({a: 1}); return {ok: true};',
    answer: { ok: true },
    log: 'a',
  },
  {
    what: 'a thrown text is a 500',
    script: "throw 'Only HTTP GET is allowed on this endpoint.';",
    status: 500,
    answer: { error: { message: 'Only HTTP GET is allowed on this endpoint.' } },
  },
];

let chapter: Chapter;

beforeAll(async () => {
  chapter = await Chapter.open({ TENON_EGRESS_ALLOW: '127.0.0.1' });
});

afterEach(() => chapter.clear());
afterAll(() => chapter.close());

describe.each([
  ['nodejs', javascript],
  ['typescript', javascript.filter(({ script }) => !/total = 0|for \(i|var_dump/.test(script))],
  ['v8js', v8js],
  ['python3', python],
  ['python', python2],
  ['php', php],
] as const)('scripts of type %s', (type, rows) => {
  test.each(rows.map((row) => [row.what, row] as const))('%s', async (_what, row) => {
    if (row.event === undefined) await chapter.serve('math', type, row.script);
    else await chapter.attach(row.event, type, row.script);
    const path = row.path ?? (row.event === undefined ? 'math' : 'db/_table/contact');
    const { method = 'GET', body, headers = {} } = row;
    // Twice: a second run finds nothing of the first.
    for (let times = 0; times < 2; times++) {
      const asked = { method, headers, ...(body === undefined ? {} : { body }) };
      const answer = await chapter.server.ask(`/api/v2/${path}`, asked);
      expect([answer.status, answer.text]).toEqual([row.status ?? 200, answer.text]);
      if (typeof row.answer === 'object') expect(answer.body).toMatchObject(row.answer as object);
      else expect(answer.body).toEqual(row.answer);
    }
    if (row.log !== undefined) expect(chapter.logOf(row.event ?? 'service.math')).toContain(row.log);
  });
});
