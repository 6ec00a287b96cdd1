// Idioms of PHP.
import { after, ann, before, bob, type Row } from './idiom.ts';

/** Scripts of type php. */
export const php: readonly Row[] = [
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
    script: `$user = $platform['session']['user'];
return ['email' => $user['email'], 'admin' => $platform->session['user']['is_sys_admin']];`,
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
