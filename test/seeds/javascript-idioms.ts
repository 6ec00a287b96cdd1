// Idioms of JavaScript.
import { after, ann, before, bob, type Row } from './idiom.ts';

/** Scripts of type nodejs and typescript. */
export const javascript: readonly Row[] = [
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
    script: `const end = 'db/_table/contact/1';
const paths = ['/' + end, '/api/v2/' + end, 'api/v2/' + end];
const names = [];
for (const path of paths) {
  const answer = await platform.api.get(path, {parameters: {fields: 'name'}});
  names.push(JSON.parse(answer.body).name);
}
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
var address = 'http://' + event.request.headers.host;
platform.api.get(address + '/api/v2/db/_table/contact/2', options, function (body) {
  event.setResponse(JSON.parse(body));
});`,
    answer: bob,
  },
  {
    what: 'the session, guarded',
    script:
      'var user = platform.session.user;\nreturn {email: user && user.email, admin: user.is_sys_admin};',
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
    script: `const calls = [1, 2].map((id) => platform.api.get('db/_table/contact/' + id));
const [one, two] = await Promise.all(calls);
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

/** Scripts of type v8js: calls are answered at once. */
export const v8js: readonly Row[] = [
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
