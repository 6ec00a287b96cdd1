// A page of documentation as a test: its shell blocks are run as they stand, one after the other, against a
// server with the sample database.
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { type RunningServer, startServer } from '../../src/main.ts';
import { createSample } from '../../src/sample/sample.ts';
import { tenonProgram } from '../program.ts';

const run = promisify(execFile);

/** The project's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

const account = { TENON_ADMIN_EMAIL: 'admin@example.com', TENON_ADMIN_PASSWORD: 'a long password' };

/** One shell block, with the JSON block that follows it directly, if there is one. */
interface Block {
  readonly code: string;
  readonly answer: string | undefined;
}

/** A page, and the server its blocks are run against. */
export class Page {
  readonly text: string;
  readonly home: string;
  readonly #blocks: readonly Block[];
  #server: RunningServer | undefined;

  private constructor(path: string, home: string) {
    this.text = readFileSync(join(root, path), 'utf8');
    this.home = home;
    const found = this.text.matchAll(/```sh\n([\s\S]*?)```(?:\n\n```json\n([\s\S]*?)```)?/g);
    this.#blocks = [...found].map(([, code = '', answer]) => ({ code, answer }));
  }

  /** Opens a page; `schema` is the SQL of the database that `$DATABASE` names. */
  static async open(path: string, schema: string): Promise<Page> {
    const home = await mkdtemp(join(tmpdir(), 'tenon-page-'));
    const own = new Database(join(home, 'own.sqlite'));
    own.exec(schema);
    own.close();
    createSample({ file: join(home, 'sample.sqlite'), report: () => undefined });
    // What the pages call `tenon`.
    const command = `#!/bin/sh\nexec '${process.execPath}' '${tenonProgram()}' "$@"\n`;
    writeFileSync(join(home, 'tenon'), command, { mode: 0o755 });
    const page = new Page(path, home);
    await page.start(home);
    return page;
  }

  /** Starts a server over a data folder, in place of the one that is running. */
  async start(home: string): Promise<string> {
    await this.#server?.close();
    const config = readConfig({ ...account, TENON_HOME: home, TENON_PORT: '0', TENON_LOG_LEVEL: 'silent' });
    const database = join(this.home, 'sample.sqlite');
    const hr = { name: 'hr', label: 'Sample', type: 'sqlite', config: { database } };
    this.#server = await startServer({ config, services: [hr] });
    return this.#server.url;
  }

  /** Runs all blocks in a folder, compares last lines with the answers, and returns what each printed. */
  async check(folder = this.home): Promise<string[]> {
    const url = this.#server?.url ?? '';
    const code = this.#blocks.map((block, index) => `echo "@@${index}"\n${block.code}`).join('\n');
    const text = code
      .replaceAll('http://127.0.0.1:8080', url)
      .replaceAll('npm run -s tenon --', join(this.home, 'tenon'));
    const TENON_TOKEN = await logIn(url);
    const { stdout } = await run('bash', ['-e', '-o', 'pipefail', '-c', text], {
      cwd: folder,
      env: {
        ...account,
        TENON_TOKEN,
        PATH: `${this.home}:${process.env.PATH}`,
        HOME: this.home,
        TENON_HOME: this.home,
        DATABASE: join(this.home, 'own.sqlite'),
      },
    });
    const outputs = stdout.split(/@@\d+\n/).slice(1);
    for (const [index, { answer }] of this.#blocks.entries()) {
      if (answer === undefined) continue;
      const last = outputs[index]?.trim().split('\n').at(-1) ?? '';
      const expected = JSON.parse(answer.replaceAll('"*"', '"@any@"'));
      expect(JSON.parse(last), this.#blocks[index]?.code).toEqual(anyText(expected));
    }
    return outputs;
  }

  async close(): Promise<void> {
    await this.#server?.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

async function logIn(url: string): Promise<string> {
  const response = await fetch(`${url}/api/v2/system/admin/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: account.TENON_ADMIN_EMAIL, password: account.TENON_ADMIN_PASSWORD }),
  });
  return ((await response.json()) as { session_token: string }).session_token;
}

/** `*` in an answer stands for any text. */
function anyText(value: unknown): unknown {
  if (value === '@any@') return expect.any(String);
  if (Array.isArray(value)) return value.map(anyText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, anyText(member)]));
}
