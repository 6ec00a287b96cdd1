// What the examples of the business-logic chapter need: a database, a foreign server, and ways to attach a
// script or make it a service. Invariant: an example starts without the scripts and services of another one.
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { type ForeignServer, startForeignServer } from '../golden/foreign-server.ts';
import { type Answer, startTestServer, type TestServer } from '../server.ts';

const schema = `create table contact (id integer primary key autoincrement, name varchar(40) not null);
  insert into contact (name) values ('Ann'), ('Bob');
  create table todo (id integer primary key autoincrement, title varchar(40) not null);
  insert into todo (title) values ('Buy milk'), ('Write report');
  create table test (id integer primary key, name varchar(10));
  insert into test values (1, 'one');
  create table employees (emp_no integer primary key, birth_date date, first_name varchar(14),
    last_name varchar(16), gender char(1), hire_date date, salary integer);
  insert into employees values (10001, '1953-09-02', 'Georgi', 'Facello', 'M', '1986-06-26', 60117);
  create table TransactionHistory (id integer primary key autoincrement, user_name varchar(80),
    api_key varchar(80), timestamp varchar(80));`;

// Scripts name the files of their libraries after the classes in them.
const libraryFiles = {
  'custom-response.php': 'CustomResponse.php',
  'filter.php': 'Filter.php',
  'router.php': 'Router.php',
};

/** Where the example scripts run. */
export class Chapter {
  readonly server: TestServer;
  readonly foreign: ForeignServer;
  /** A folder of PHP class libraries that scripts may read. */
  readonly libraries: string;
  readonly #made: string[] = [];

  private constructor(parts: { server: TestServer; foreign: ForeignServer; libraries: string }) {
    this.server = parts.server;
    this.foreign = parts.foreign;
    this.libraries = parts.libraries;
  }

  /** Starts a server; `environment` adds to its configuration. */
  static async open(environment: Record<string, string> = {}): Promise<Chapter> {
    const foreign = await startForeignServer();
    const libraries = mkdtempSync(join(tmpdir(), 'tenon-chapter-'));
    for (const [file, name] of Object.entries(libraryFiles)) {
      copyFileSync(new URL(`./libraries/${file}`, import.meta.url), join(libraries, name));
    }
    // Runners are another user than whoever runs the tests.
    chmodSync(libraries, 0o755);
    const server = await startTestServer({
      TENON_EGRESS_ALLOW: foreign.address,
      TENON_SCRIPT_READ_PATHS: libraries,
      ...environment,
    });
    await server.addDatabase('db', schema);
    return new Chapter({ server, foreign, libraries });
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.foreign.close();
    rmSync(this.libraries, { recursive: true, force: true });
  }

  /** Attaches a script to an event. */
  async attach(event: string, type: string, content: string): Promise<void> {
    const path = `/api/v2/system/event_script/${encodeURIComponent(event)}`;
    const body = { name: event, type, content, is_active: true, allow_event_modification: true };
    const answer = await this.server.ask(path, { method: 'POST', body });
    expect([answer.status, answer.status === 201 ? '' : answer.text]).toEqual([201, '']);
    this.#made.push(path);
  }

  /** Makes a script a service. */
  serve(name: string, type: string, content: string): Promise<number> {
    return this.add(name, type, { content });
  }

  /** Makes a service of any type. */
  async add(name: string, type: string, config: Record<string, unknown>): Promise<number> {
    const resource = [{ name, label: name, type, is_active: true, config }];
    const answer = await this.server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
    expect([answer.status, answer.status === 201 ? '' : answer.text]).toEqual([201, '']);
    const { id } = answer.body.resource[0];
    this.#made.push(`/api/v2/system/service/${id}`);
    return id;
  }

  /** The configuration of a service as it lies in the system database. */
  stored(name: string): Record<string, unknown> {
    const database = new Database(join(this.server.home, 'system.sqlite'), { readonly: true });
    try {
      const config = database.prepare('SELECT config FROM service WHERE name = ?').pluck().get(name);
      return JSON.parse(String(config));
    } finally {
      database.close();
    }
  }

  /** Asks as the administrator. */
  ask(path: string, method = 'GET', body?: unknown): Promise<Answer> {
    return this.server.ask(`/api/v2/${path}`, { method, ...(body === undefined ? {} : { body }) });
  }

  /** Everything that a script wrote, as one text. */
  logOf(script: string): string {
    const lines = this.server.observations.flatMap((seen) =>
      (seen.kind === 'script.finished' || seen.kind === 'script.failed') && seen.script === script
        ? seen.log.map(({ text }) => text)
        : [],
    );
    return lines.join('\n');
  }

  /** Removes what was made since the last time. */
  async clear(): Promise<void> {
    for (const path of this.#made.splice(0).reverse()) await this.server.ask(path, { method: 'DELETE' });
    this.server.observations.length = 0;
    this.foreign.requests.length = 0;
  }
}
