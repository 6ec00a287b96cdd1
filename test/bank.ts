// A bank for tests of transactions: two accounts in a database of any engine, and scripts that move money, in
// three languages. Invariant: what a test finds is what others would find; nothing of it outlives its bank.
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { type ServerKind, type TestDatabase, testDatabase } from './databases.ts';
import { type Answer, startTestServer, type TestServer } from './server.ts';

/** The kinds of databases that a bank may have. */
export type BankKind = 'sqlite' | ServerKind;

const types: Readonly<Record<BankKind, string>> = { sqlite: 'sqlite', postgres: 'pgsql', mysql: 'mysql' };
const keys: Readonly<Record<BankKind, string>> = {
  sqlite: 'INTEGER PRIMARY KEY',
  postgres: 'SERIAL PRIMARY KEY',
  mysql: 'INTEGER AUTO_INCREMENT PRIMARY KEY',
};

function schemaOf(kind: BankKind): string {
  const key = keys[kind];
  // InnoDB knows no references that are checked at the end.
  const deferred = kind === 'mysql' ? '' : ' DEFERRABLE INITIALLY DEFERRED';
  return `
    CREATE TABLE account (
      id ${key}, name VARCHAR(40) NOT NULL UNIQUE, balance INTEGER NOT NULL CHECK (balance >= 0)
    );
    CREATE TABLE entry (
      id ${key}, account_id INTEGER NOT NULL, amount INTEGER NOT NULL,
      FOREIGN KEY (account_id) REFERENCES account (id)${deferred}
    );
    ${filled(kind)}`;
}

function filled(kind: BankKind): string {
  // Keys that were given do not count there.
  const next = kind === 'postgres' ? 'ALTER SEQUENCE account_id_seq RESTART WITH 100;' : '';
  return `
    DELETE FROM entry; DELETE FROM account; ${next}
    INSERT INTO account (id, name, balance) VALUES (1, 'ada', 100), (2, 'bob', 0);`;
}

/** A language, and how its scripts say things. */
export interface Language {
  readonly type: string;
  /** `fn` is the body of the function that is given to platform.transaction, `after` follows that. */
  script(parts: { readonly fn: string; readonly after?: string }): string;
  /** Calls the API; without a name the answer is dropped. */
  call(verb: string, path: string, more: { readonly payload: object; readonly into?: string }): string;
  status(name: string): string;
  raise(message: string): string;
  answer(value: string): string;
  /** What the function gave back. */
  readonly value: string;
  readonly sleeps: string;
  readonly crashes: string;
  readonly ends: string;
}

/** JavaScript. */
export const node: Language = {
  type: 'nodejs',
  script: ({ fn, after = '' }) =>
    `const value = await platform.transaction(async () => {\n${fn}\n});\n${after}`,
  call: (verb, path, { payload, into }) => {
    const call = `await platform.api.call('${verb}', '${path}', ${JSON.stringify(payload)});`;
    return into === undefined ? call : `const ${into} = ${call}`;
  },
  status: (name) => `${name}.statusCode`,
  raise: (message) => `throw new Error('${message}');`,
  answer: (value) => `return ${value};`,
  value: 'value',
  sleeps: 'await new Promise((done) => setTimeout(done, 20000));',
  crashes: 'process.kill(process.pid, "SIGKILL");',
  ends: 'process.exit(0);',
};

/** Python. */
export const python: Language = {
  type: 'python3',
  script: ({ fn, after = '' }) =>
    `def work():\n${indented(fn)}\nvalue = platform.transaction(work)\n${after}`,
  call: (verb, path, { payload, into }) => {
    const call = `platform.api.call('${verb}', '${path}', ${JSON.stringify(payload)})`;
    return into === undefined ? call : `${into} = ${call}`;
  },
  status: (name) => `${name}.status`,
  raise: (message) => `raise Exception('${message}')`,
  answer: (value) => `return ${value}`,
  value: 'value',
  sleeps: 'import time\ntime.sleep(20)',
  crashes: 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)',
  ends: 'import sys\nsys.exit(0)',
};

/** PHP. */
export const php: Language = {
  type: 'php',
  script: ({ fn, after = '' }) =>
    `$value = $platform['transaction'](function () use ($platform) {\n${fn}\n});\n${after}`,
  call: (verb, path, { payload, into }) => {
    const text = `json_decode('${JSON.stringify(payload)}', true)`;
    const call = `$platform['api']->call('${verb}', '${path}', ${text});`;
    return into === undefined ? call : `$${into} = ${call}`;
  },
  status: (name) => `$${name}['status_code']`,
  raise: (message) => `throw new Exception('${message}');`,
  answer: (value) => `return ${value};`,
  value: '$value',
  sleeps: 'sleep(20);',
  crashes: 'posix_kill(getmypid(), SIGKILL);',
  ends: 'exit;',
};

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}

/** A call that adds an account. */
export function adding(language: Language, name: string): string {
  const payload = { resource: [{ name, balance: 1 }] };
  return language.call('POST', 'bank/_table/account', { payload });
}

/** A server with the service `bank`. */
export class Bank {
  readonly server: TestServer;
  readonly kind: BankKind;
  readonly #execute: (sql: string) => Promise<unknown>;
  readonly #drop: () => Promise<unknown>;
  #scripts = 0;

  /** Use `open`. */
  constructor(options: {
    readonly server: TestServer;
    readonly kind: BankKind;
    readonly execute: (sql: string) => Promise<unknown>;
    readonly drop: () => Promise<unknown>;
  }) {
    this.server = options.server;
    this.kind = options.kind;
    this.#execute = options.execute;
    this.#drop = options.drop;
  }

  /** `config`: settings of the service. */
  static async open(kind: BankKind, config: Record<string, unknown> = {}): Promise<Bank> {
    const server = await startTestServer();
    if (kind === 'sqlite') {
      const file = new Database(await server.addDatabase('bank', schemaOf(kind), config));
      const execute = async (sql: string) => file.exec(sql);
      return new Bank({ server, kind, execute, drop: async () => file.close() });
    }
    const database: TestDatabase = await testDatabase(kind);
    await database.execute(schemaOf(kind));
    const { host, port, user: username, password, database: name } = database;
    const bank = new Bank({ server, kind, execute: database.execute, drop: database.drop });
    await bank.addService('bank', types[kind], { host, port, username, password, database: name, ...config });
    return bank;
  }

  async addService(name: string, type: string, config: Record<string, unknown>): Promise<void> {
    const resource = [{ name, label: name, type, is_active: true, config }];
    const made = await this.server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
    expect([made.status, made.text]).toEqual([201, made.text]);
  }

  /** Runs SQL behind the service's back. */
  execute(sql: string): Promise<unknown> {
    return this.#execute(sql);
  }

  /** Makes it what it was. */
  reset(): Promise<unknown> {
    return this.#execute(filled(this.kind));
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.#drop();
  }

  /** Makes a service of a script; answers its path. */
  async serve(language: Language, content: string, config: Record<string, unknown> = {}): Promise<string> {
    const name = `script${++this.#scripts}`;
    await this.addService(name, language.type, { content, config });
    return `/api/v2/${name}`;
  }

  /** What a script answers. */
  async answer(language: Language, content: string, config?: Record<string, unknown>): Promise<Answer> {
    return this.server.ask(await this.serve(language, content, config));
  }

  /** What a script in JavaScript answers. */
  js(content: string): Promise<Answer> {
    return this.answer(node, content);
  }

  /** Names of the accounts. */
  async names(): Promise<string[]> {
    const { body } = await this.server.ask('/api/v2/bank/_table/account?fields=name&order=name');
    return body.resource.map(({ name }: { name: string }) => name);
  }

  /** How many records a table has. */
  async count(table: string): Promise<number> {
    return (await this.server.ask(`/api/v2/bank/_table/${table}?count_only=true`)).body;
  }

  /** Asks for a new record. */
  post(table: string, record: Record<string, unknown>): Promise<Answer> {
    const body = { resource: [record] };
    return this.server.ask(`/api/v2/bank/_table/${table}`, { method: 'POST', body });
  }

  /** Saves an event script; answers how to take it away again. */
  async bind(event: string, content: string): Promise<() => Promise<unknown>> {
    const path = `/api/v2/system/event_script/${event}`;
    const body = { type: 'nodejs', content, is_active: true, allow_event_modification: true };
    expect((await this.server.ask(path, { method: 'POST', body })).status).toBe(201);
    return () => this.server.ask(path, { method: 'DELETE' });
  }
}
