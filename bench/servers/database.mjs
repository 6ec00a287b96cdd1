// The baseline of the questions about database servers: what a developer would write by hand with Fastify and
// the driver for one table. Prepared statements, a pool of ten, JSON.stringify by Fastify's send; no auth, no
// scripts. BENCH_LOGIN says which database: {"kind": "sqlite" | "postgres" | "mysql", …login}.
import Sqlite from 'better-sqlite3';
import Fastify from 'fastify';
import mysql from 'mysql2/promise';
import pg from 'pg';

const { kind, file, ...login } = JSON.parse(process.env.BENCH_LOGIN ?? '{}');
const questions = {
  one: 'select emp_no, birth_date, first_name, last_name, gender, hire_date from employees where emp_no = ?',
  page:
    'select emp_no, birth_date, first_name, last_name, gender, hire_date from employees ' +
    'where gender = ? order by emp_no limit 100',
  add: 'insert into notes (title, priority) values (?, ?)',
};

const makers = {
  sqlite() {
    const database = new Sqlite(file);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    const [one, page, add] = Object.values(questions).map((text) => database.prepare(text));
    return {
      one: async (id) => one.get(id),
      page: async (gender) => page.all(gender),
      add: async (title, priority) => add.run(title, priority).lastInsertRowid,
    };
  },
  postgres() {
    const pool = new pg.Pool({ ...login, max: 10 });
    // Dates as the text that they are, instead of a Date that has to be written again.
    pg.types.setTypeParser(1082, (text) => text);
    const ask = (name, values, more = '') => {
      let n = 0;
      const text = questions[name].replace(/\?/g, () => `$${++n}`) + more;
      return pool.query({ name, text, values });
    };
    return {
      one: async (id) => (await ask('one', [id])).rows[0],
      page: async (gender) => (await ask('page', [gender])).rows,
      add: async (title, priority) => (await ask('add', [title, priority], ' returning id')).rows[0].id,
    };
  },
  mysql() {
    const pool = mysql.createPool({ ...login, connectionLimit: 10, dateStrings: true });
    return {
      one: async (id) => (await pool.execute(questions.one, [id]))[0][0],
      page: async (gender) => (await pool.execute(questions.page, [gender]))[0],
      add: async (title, priority) => (await pool.execute(questions.add, [title, priority]))[0].insertId,
    };
  },
};

const database = makers[kind]();
const app = Fastify({ logger: false });
app.get('/', () => 'ready');
app.get('/employees/:id', async (request, reply) => {
  const row = await database.one(Number(request.params.id));
  return row === undefined ? reply.code(404).send({ error: 'not found' }) : row;
});
app.get('/employees', async (request) => ({ resource: await database.page(request.query.gender) }));
app.post('/notes', async (request) => {
  const [record] = request.body.resource;
  return { resource: [{ id: await database.add(record.title, record.priority) }] };
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_PORT) });
