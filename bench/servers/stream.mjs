// The baseline of streamed answers: what a developer would write by hand with the driver's own cursor. A row
// at a time, text in pieces of 64 KB, no faster than the client takes them; no names, types or access are
// looked at. BENCH_STREAM says which database: {"kind": "sqlite" | "postgres" | "mysql", …login}.
import { once } from 'node:events';
import { createServer } from 'node:http';
import Sqlite from 'better-sqlite3';
import mysql from 'mysql2';
import pg from 'pg';
import Cursor from 'pg-cursor';

const { kind, file, ...login } = JSON.parse(process.env.BENCH_STREAM ?? '{}');
const query = 'select * from event order by id';
const portion = 1_000;

const rowsOf = {
  *sqlite() {
    const database = new Sqlite(file, { readonly: true });
    try {
      yield* database.prepare(query).iterate();
    } finally {
      database.close();
    }
  },
  async *postgres() {
    const client = new pg.Client(login);
    await client.connect();
    const cursor = client.query(new Cursor(query));
    try {
      for (let rows = await cursor.read(portion); rows.length > 0; rows = await cursor.read(portion))
        yield* rows;
    } finally {
      await cursor.close();
      await client.end();
    }
  },
  async *mysql() {
    const client = mysql.createConnection({ ...login, dateStrings: true });
    try {
      yield* client.query(query).stream({ highWaterMark: portion });
    } finally {
      client.destroy();
    }
  },
};

const quoted = (value) => {
  if (value === null) return '';
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Of each form: its type, and the text before the first row, of a row, and after the last. */
const forms = {
  json: {
    type: 'application/json',
    row: (row, isFirst) => (isFirst ? '{"resource":[' : ',') + JSON.stringify(row),
    end: ']}',
  },
  ndjson: { type: 'application/x-ndjson', row: (row) => `${JSON.stringify(row)}\n`, end: '' },
  csv: {
    type: 'text/csv',
    row: (row, isFirst) => {
      const line = `${Object.values(row).map(quoted).join(',')}\n`;
      return isFirst ? `${Object.keys(row).join(',')}\n${line}` : line;
    },
    end: '',
  },
};

createServer(async (request, response) => {
  const form = forms[(request.url ?? '').slice(1)];
  if (form === undefined) return response.end('ready');
  response.writeHead(200, { 'Content-Type': form.type });
  let text = '';
  let isFirst = true;
  for await (const row of rowsOf[kind]()) {
    text += form.row(row, isFirst);
    isFirst = false;
    if (text.length < 65_536) continue;
    if (!response.write(text)) await once(response, 'drain');
    text = '';
  }
  response.end(text + form.end);
}).listen(Number(process.env.BENCH_PORT), '127.0.0.1');
