// `platform.transaction` in scripts of three languages: what is kept, what is undone, and that nobody waits for
// ever. Invariant: real runners and databases; what counts is what is in the table afterwards.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

const schema = `
  CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, balance INTEGER NOT NULL CHECK (balance >= 0));
  CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED,
    amount INTEGER NOT NULL
  );
  INSERT INTO account VALUES (1, 'ada', 100), (2, 'bob', 0);
`;

interface Language {
  readonly type: string;
  /** `fn` is the body of the function that is given to platform.transaction. */
  script(parts: {
    readonly fn: string;
    readonly service?: string;
    readonly before?: string;
    readonly after?: string;
  }): string;
  /** Calls the API; without a name the answer is dropped. */
  call(call: {
    readonly verb: string;
    readonly path: string;
    readonly payload?: object;
    readonly into?: string;
  }): string;
  status(name: string): string;
  content(name: string): string;
  raise(message: string): string;
  answer(value: string): string;
  readonly sleeps: string;
  readonly crashes: string;
  readonly ends: string;
}

const node: Language = {
  type: 'nodejs',
  script: ({ fn, service, before = '', after = '' }) =>
    `${before}
const value = await platform.transaction(${service === undefined ? '' : `'${service}', `}async () => {
${fn}
});
${after}`,
  call: ({ verb, path, payload, into }) =>
    `${into === undefined ? '' : `const ${into} = `}await platform.api.call('${verb}', '${path}', ${JSON.stringify(payload ?? null)});`,
  status: (name) => `${name}.statusCode`,
  content: (name) => `${name}.content`,
  raise: (message) => `throw new Error('${message}');`,
  answer: (value) => `return ${value};`,
  sleeps: 'await new Promise((done) => setTimeout(done, 20000));',
  crashes: 'process.kill(process.pid, "SIGKILL");',
  ends: 'process.exit(0);',
};

const python: Language = {
  type: 'python3',
  script: ({ fn, service, before = '', after = '' }) =>
    `${before}
def work():
${indented(fn)}
value = platform.transaction(${service === undefined ? '' : `'${service}', `}work)
${after}`,
  call: ({ verb, path, payload, into }) =>
    `${into === undefined ? '' : `${into} = `}platform.api.call('${verb}', '${path}', ${JSON.stringify(payload ?? '')})`,
  status: (name) => `${name}.status`,
  content: (name) => `${name}.json()`,
  raise: (message) => `raise Exception('${message}')`,
  answer: (value) => `return ${value}`,
  sleeps: 'import time\ntime.sleep(20)',
  crashes: 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)',
  ends: 'import sys\nsys.exit(0)',
};

const php: Language = {
  type: 'php',
  script: ({ fn, service, before = '', after = '' }) =>
    `${before}
$value = $platform['transaction'](${service === undefined ? '' : `'${service}', `}function () use ($platform) {
${fn}
});
${after}`,
  call: ({ verb, path, payload, into }) =>
    `${into === undefined ? '' : `$${into} = `}$platform['api']->call('${verb}', '${path}', ${payload === undefined ? 'null' : `json_decode('${JSON.stringify(payload)}', true)`});`,
  status: (name) => `$${name}['status_code']`,
  content: (name) => `$${name}['content']`,
  raise: (message) => `throw new Exception('${message}');`,
  answer: (value) => `return ${value};`,
  sleeps: 'sleep(20);',
  crashes: 'posix_kill(getmypid(), SIGKILL);',
  ends: 'exit;',
};

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}

let server: TestServer;
let number = 0;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('bank', schema);
  await server.addDatabase('other', 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);');
});
afterAll(() => server.close());

/** Makes a service of a script; answers its name. */
async function serve(
  language: Language,
  content: string,
  config: Record<string, unknown> = {},
): Promise<string> {
  const name = `script${++number}`;
  const body = {
    resource: [{ name, label: name, type: language.type, is_active: true, config: { content, config } }],
  };
  const made = await server.ask('/api/v2/system/service', { method: 'POST', body });
  expect([made.status, made.text]).toEqual([201, made.text]);
  return name;
}

async function answerOf(language: Language, content: string, config: Record<string, unknown> = {}) {
  return server.ask(`/api/v2/${await serve(language, content, config)}`);
}

const names = async () =>
  (await server.ask('/api/v2/bank/_table/account?fields=name&order=name')).body.resource.map(
    ({ name }: { name: string }) => name,
  );
const clean = () => server.ask('/api/v2/bank/_table/account?filter=id>2', { method: 'DELETE' });
const add = (language: Language, name: string, into?: string) =>
  language.call({
    verb: 'POST',
    path: 'bank/_table/account',
    payload: { resource: [{ name, balance: 1 }] },
    ...(into === undefined ? {} : { into }),
  });

describe.each([node, python, php])('platform.transaction in $type', (language) => {
  it('keeps what its function did, and gives back what it returned', async () => {
    const fn = `${add(language, 'cid')}\n${add(language, 'dot')}\n${language.answer('7')}`;
    const variable = language.type === 'php' ? '$value' : 'value';
    const result = await answerOf(language, language.script({ fn, after: language.answer(variable) }));
    expect([result.status, result.text]).toEqual([200, '7']);
    expect(await names()).toEqual(['ada', 'bob', 'cid', 'dot']);
    await clean();
  });

  it('undoes everything when it throws, and passes the error on', async () => {
    const fn = `${add(language, 'cid')}\n${add(language, 'dot')}\n${language.raise('enough')}`;
    const result = await answerOf(language, language.script({ fn }));
    expect(result.status).toBe(500);
    expect(result.body.error.message).toContain('enough');
    expect(await names()).toEqual(['ada', 'bob']);
  });

  it('goes on after a call that was refused, without what that call did', async () => {
    const batch = language.call({
      verb: 'POST',
      path: 'bank/_table/account',
      payload: {
        resource: [
          { name: 'eve', balance: 1 },
          { name: 'ada', balance: 1 },
        ],
      },
      into: 'refused',
    });
    const fn = `${add(language, 'cid')}\n${batch}\n${add(language, 'dot')}\n${language.answer(language.status('refused'))}`;
    const variable = language.type === 'php' ? '$value' : 'value';
    const result = await answerOf(language, language.script({ fn, after: language.answer(variable) }));
    expect([result.status, result.text]).toEqual([200, '400']);
    expect(await names()).toEqual(['ada', 'bob', 'cid', 'dot']);
    await clean();
  });

  it.each([
    ['times out', (l: Language) => l.sleeps, 504],
    ['dies', (l: Language) => l.crashes, 500],
    ['answers while it is open', (l: Language) => l.ends, 200],
  ])('undoes everything when the run %s', async (_what, how, status) => {
    const fn = `${add(language, 'cid')}\n${how(language)}`;
    const result = await answerOf(language, language.script({ fn }), { timeout_ms: 1_000 });
    expect([result.status, result.text]).toEqual([status, result.text]);
    expect(await names()).toEqual(['ada', 'bob']);
    // The writer is free again.
    const made = await server.ask('/api/v2/bank/_table/account', {
      method: 'POST',
      body: { resource: [{ name: 'free', balance: 0 }] },
    });
    expect(made.status).toBe(200);
    await clean();
  });
});
