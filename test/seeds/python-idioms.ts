// Idioms of Python, both of them.
import { after, ann, before, bob, type Row } from './idiom.ts';

/** Scripts of type python3. */
export const python: readonly Row[] = [
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
    read = file.read()
return {'read': read, 'hash': hashlib.md5(b'a').hexdigest(), 'day': str(datetime.date(2020, 1, 2))}`,
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

/** Scripts of type python: Python 2. */
export const python2: readonly Row[] = [
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
