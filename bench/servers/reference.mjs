// The baseline of our ratios: what a developer would write by hand with Fastify and better-sqlite3 for one
// table.
// Same data, same pragmas, a prepared statement per route, JSON.stringify by Fastify's send; no auth, no
// scripts.
// BENCH_SCRIPTS adds the work of the benchmark's two scripts: `inline` as functions, `spawn` as a process per
// event, of the language that BENCH_LANGUAGE names.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import Fastify from 'fastify';

const run = promisify(execFile);
const database = new Database(process.env.BENCH_DATABASE);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
const app = Fastify({ logger: false });
const one = database.prepare('select * from employees where emp_no = ?');
const hundred = database.prepare('select * from employees where gender = ? order by emp_no limit 100');
const insert = database.prepare('insert into notes (title, priority) values (?, ?)');
const scripts = process.env.BENCH_SCRIPTS;

const before = (query) => {
  if (query.limit === undefined) query.limit = '10';
};
const after = (row) => {
  row.name = `${row.first_name} ${row.last_name}`;
  delete row.first_name;
  delete row.last_name;
};

app.get('/employees/:id', scripts === 'spawn' ? withSpawned : scripts === 'inline' ? withInline : plain);

function plain(request, reply) {
  const row = one.get(Number(request.params.id));
  if (row === undefined) return reply.code(404).send({ error: 'not found' });
  return reply.send(row);
}

function withInline(request, reply) {
  before(request.query);
  const row = one.get(Number(request.params.id));
  after(row);
  return reply.send(row);
}

async function withSpawned(request, reply) {
  await spawned({ parameters: request.query });
  const row = one.get(Number(request.params.id));
  return reply.send(await spawned({ row }));
}

app.get('/employees', (request, reply) => reply.send({ resource: hundred.all(request.query.gender) }));
app.get('/multiply', (request, reply) => {
  const { n1, n2 } = request.query;
  return reply.send({ result: Number(n1) * Number(n2) });
});
app.post('/notes', (request, reply) => {
  const [record] = request.body.resource;
  const { lastInsertRowid } = insert.run(record.title, record.priority);
  return reply.send({ resource: [{ id: lastInsertRowid }] });
});

/** One script in a process of its own, its event in the program text and the result on stdout. */
async function spawned(event) {
  const { stdout } = await run(...commandOf(JSON.stringify(event)));
  return JSON.parse(stdout);
}

function commandOf(event) {
  switch (process.env.BENCH_LANGUAGE) {
    case 'python':
      return [
        '/usr/bin/python3',
        [
          '-c',
          `import json, http.client
event = json.loads(${JSON.stringify(event)})
row = event.get('row')
if row:
    row['name'] = row['first_name'] + ' ' + row['last_name']
    del row['first_name']
    del row['last_name']
print(json.dumps(row or event.get('parameters')))`,
        ],
      ];
    case 'php':
      return [
        'php',
        [
          '-r',
          `$event = json_decode('${event.replaceAll("'", "\\'")}', true);
$row = $event['row'] ?? null;
if ($row) { $row['name'] = $row['first_name'] . ' ' . $row['last_name'];
  unset($row['first_name'], $row['last_name']); }
echo json_encode($row ?? $event['parameters']);`,
        ],
      ];
    default:
      return [
        process.execPath,
        [
          '-e',
          `const event=${event};
    if (event.row) { event.row.name = event.row.first_name + ' ' + event.row.last_name;
      delete event.row.first_name; delete event.row.last_name; }
    console.log(JSON.stringify(event.row ?? event.parameters));`,
        ],
      ];
  }
}

await app.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_PORT) });
