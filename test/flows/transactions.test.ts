// `platform.transaction` in scripts of three languages: what is kept, what is undone, and that nobody waits for
// ever. Invariant: real runners and databases; what counts is what is in the table afterwards.
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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
let bank: Database.Database;
let number = 0;

beforeAll(async () => {
  server = await startTestServer();
  bank = new Database(await server.addDatabase('bank', schema));
  await server.addDatabase('other', 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);');
});
beforeEach(() => void bank.exec('DELETE FROM entry; DELETE FROM account WHERE id > 2'));
afterAll(async () => {
  bank.close();
  await server.close();
});

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
  });
});

/** Saves an event script; answers how to take it away again. */
async function bind(event: string, content: string): Promise<() => Promise<unknown>> {
  const path = `/api/v2/system/event_script/${event}`;
  const body = { type: 'nodejs', content, is_active: true, allow_event_modification: true };
  expect((await server.ask(path, { method: 'POST', body })).status).toBe(201);
  return () => server.ask(path, { method: 'DELETE' });
}

const js = (content: string, config: Record<string, unknown> = {}) => answerOf(node, content, config);

describe('inside a transaction', () => {
  it('shows what was done in it, with its relations, and to nobody else before it is kept', async () => {
    server.observations.length = 0;
    const outside = await serve(
      node,
      `const inside = await platform.transaction(async () => {
         await platform.api.post('bank/_table/account', {resource: [{id: 7, name: 'cid', balance: 1}]});
         await platform.api.post('bank/_table/entry', {resource: [{account_id: 7, amount: 5}]});
         const seen = await platform.api.get('bank/_table/account/7?related=entry_by_account_id');
         await new Promise((done) => setTimeout(done, 300));
         return seen.content;
       });
       return inside;`,
    );
    const answer = server.ask(`/api/v2/${outside}`);
    const seen: number[] = [];
    let isDone = false;
    void answer.then(() => (isDone = true));
    while (!isDone) {
      const { body } = await server.ask('/api/v2/bank/_table/account?count_only=true');
      const { body: entries } = await server.ask('/api/v2/bank/_table/entry?count_only=true');
      if (!isDone) seen.push(body - 2, entries);
    }
    expect((await answer).body).toMatchObject({ id: 7, entry_by_account_id: [{ account_id: 7, amount: 5 }] });
    // Never the one without the other once the first is there: an entry may be read after an account.
    for (let at = 0; at < seen.length; at += 2)
      expect([
        [0, 0],
        [1, 1],
        [0, 1],
      ]).toContainEqual(seen.slice(at, at + 2));
    expect(seen.length).toBeGreaterThan(4);
  });

  it('joins what scripts of its calls do, and what they open is a part of it', async () => {
    const free = await bind(
      'bank._table.account.post.post_process',
      `await platform.transaction('bank', async () => {
         await platform.api.post('bank/_table/entry', {resource: [{account_id: 2, amount: 1}]});
       });
       await platform.transaction(async () => {
         await platform.api.post('bank/_table/entry', {resource: [{account_id: 2, amount: 2}]});
         throw new Error('not this one');
       }).catch(() => {});`,
    );
    const script = (end: string) => `await platform.transaction(async () => {
      await platform.api.post('bank/_table/account', {resource: [{name: 'cid', balance: 1}]});
      ${end}
    });`;
    const amounts = async () => (await server.ask('/api/v2/bank/_table/entry')).body.resource;
    expect((await js(script('throw new Error("no");'))).status).toBe(500);
    expect([await names(), await amounts()]).toEqual([['ada', 'bob'], []]);
    expect((await js(script(''))).status).toBe(200);
    expect([await names(), await amounts()]).toMatchObject([['ada', 'bob', 'cid'], [{ amount: 1 }]]);
    await free();
  });

  it('undoes an inner one alone', async () => {
    const answer =
      await js(`const post = (name) => platform.api.post('bank/_table/account', {resource: [{name, balance: 1}]});
      return platform.transaction('bank', async () => {
        await post('cid');
        const why = await platform.transaction(async () => {
          await post('dot');
          await platform.transaction(() => post('eve'));
          throw new Error('inner');
        }).catch((error) => error.message);
        await platform.transaction(() => post('fay'));
        return {why};
      });`);
    expect(answer.body).toEqual({ why: 'inner' });
    expect(await names()).toEqual(['ada', 'bob', 'cid', 'fay']);
  });

  it('takes calls that are made at the same time one after the other', async () => {
    const answer = await js(`return platform.transaction(async () => {
      const posted = await Promise.all(Array.from({length: 20}, (_, i) =>
        platform.api.post('bank/_table/account', {resource: [{name: 'n' + i, balance: 1}, {name: i % 2 ? 'ada' : 'm' + i, balance: 1}]}
        )));
      return posted.map(({statusCode}) => statusCode);
    });`);
    expect(answer.body).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 200 : 400)));
    // A refused batch keeps those before the refused record, as it does elsewhere.
    expect((await names()).length).toBe(2 + 30);
  });

  it.each([
    ['', 1],
    ['?continue=true', 2],
    ['?rollback=true', 0],
  ])('keeps the rule of a batch: %s', async (rule, kept) => {
    const answer = await js(`return platform.transaction(async () => {
      const {statusCode} = await platform.api.post('bank/_table/account${rule}', {resource: [
        {name: 'cid', balance: 1}, {name: 'ada', balance: 1}, {name: 'dot', balance: 1}]});
      return statusCode;
    });`);
    expect(answer.text).toBe('400');
    expect((await names()).length).toBe(2 + kept);
  });

  it('takes callbacks as its own, and waits for them', async () => {
    const answer = await js(`return platform.transaction(() => {
      const post = (name, next) => platform.api.post('bank/_table/account', {resource: [{name, balance: 1}]}, next);
      post('cid', () => post('dot', () => post('eve', () => post('fay'))));
      return 1;
    });`);
    expect(answer.text).toBe('1');
    expect(await names()).toEqual(['ada', 'bob', 'cid', 'dot', 'eve', 'fay']);
    bank.exec('DELETE FROM account WHERE id > 2');
    const failing = await js(`return platform.transaction(() => {
      platform.api.post('bank/_table/account', {resource: [{name: 'cid', balance: 1}]}, () => { throw new Error('late'); });
    });`);
    expect([failing.status, failing.body.error.message]).toMatchObject([
      500,
      expect.stringContaining('late'),
    ]);
    expect(await names()).toEqual(['ada', 'bob']);
  });

  it('leaves out what other parts of the run do at the same time', async () => {
    const answer = await js(`
      const open = Promise.withResolvers();
      const outside = open.promise.then(() => platform.api.get('bank/_table/account?count_only=true'));
      const failed = platform.transaction(async () => {
        await platform.api.post('bank/_table/account', {resource: [{name: 'cid', balance: 1}]});
        open.resolve();
        const inside = await platform.api.get('bank/_table/account?count_only=true');
        const other = await outside;
        throw Object.assign(new Error('enough'), {seen: [inside.content, other.content]});
      });
      return failed.catch(({seen}) => seen);`);
    expect(answer.body).toEqual([3, 2]);
    expect(await names()).toEqual(['ada', 'bob']);
  });

  it('refuses writes to another service, and reads there', async () => {
    const answer = await js(`return platform.transaction(async () => {
      const first = await platform.api.post('bank/_table/account', {resource: [{name: 'cid', balance: 1}]});
      const read = await platform.api.get('other/_table/note');
      const written = await platform.api.post('other/_table/note', {resource: [{text: 'no'}]});
      const named = await platform.transaction('other', () => 1).catch((error) => error);
      return {first: first.statusCode, read: read.statusCode, written: written.content, named: [named.status_code, named.message]};
    });`);
    expect(answer.body).toMatchObject({
      first: 200,
      read: 200,
      written: { error: { code: 409, message: expect.stringContaining("covers service 'bank' only") } },
      named: [409, expect.stringContaining("covers service 'bank' only")],
    });
    const pinned = await js(`return platform.transaction('OTHER', async () => {
      const read = await platform.api.get('bank/_table/account?count_only=true');
      const refused = await platform.api.delete('bank/_table/account/1');
      const schema = await platform.api.post('other/_schema', {resource: [{name: 'x', field: [{name: 'id', type: 'id'}]}]});
      const written = await platform.api.post('other/_table/note', {resource: [{text: String(read.content)}]});
      return [refused.statusCode, schema.statusCode, written.statusCode];
    });`);
    expect(pinned.body).toEqual([409, 400, 200]);
    expect((await server.ask('/api/v2/other/_table/note')).body.resource).toMatchObject([{ text: '3' }]);
  });

  it('tells what the database refuses at the end', async () => {
    const answer = await js(`return platform.transaction(async () => {
      const {statusCode} = await platform.api.post('bank/_table/entry', {resource: [{account_id: 99, amount: 1}]});
      return statusCode;
    }).catch((error) => [error.status_code, error.message]);`);
    // SQLite keeps a deferred reference until the commit of the whole.
    expect(answer.body).toEqual([409, expect.stringContaining('checks at its end')]);
    expect((await server.ask('/api/v2/bank/_table/entry')).body.resource).toEqual([]);
  });

  it('refuses a function that is none, and what is called after its end', async () => {
    const answer = await js(`
      const wrong = await platform.transaction('bank').catch((error) => error.message);
      let late;
      await platform.transaction(() => { setTimeout(() => { late = platform.api.get('bank/_table/account'); }, 100); });
      await new Promise((done) => setTimeout(done, 150));
      return [wrong, (await late).statusCode];`);
    expect(answer.body).toEqual([expect.stringContaining('takes a function'), 503]);
  });

  it('lists the members of platform as before', async () => {
    expect((await js('return Object.keys(platform);')).body).toEqual(['api', 'config', 'session', 'store']);
    expect((await answerOf(python, 'return list(platform.keys())')).body).toEqual([
      'api',
      'config',
      'session',
      'store',
    ]);
  });
});

describe('the end of a transaction', () => {
  it('comes when it is open for too long, and every further call says why', async () => {
    const holding = js(
      `return platform.transaction('bank', async () => {
        const post = (name) => platform.api.post('bank/_table/account', {resource: [{name, balance: 1}]});
        await post('cid');
        await new Promise((done) => setTimeout(done, 2600));
        const late = await post('dot');
        return [late.statusCode, late.content.error.message];
      }).catch((error) => [error.status_code, error.message]);`,
    );
    const until = async () => {
      for (let i = 0; i < 40; i++)
        if (
          (
            await server.ask('/api/v2/bank/_table/account', {
              method: 'POST',
              body: { resource: [{ name: `w${i}`, balance: 0 }] },
            })
          ).status !== 200
        )
          return i;
      return 40;
    };
    // Whoever waits behind it gets its turn.
    expect(await until()).toBe(40);
    expect((await holding).body).toEqual([
      503,
      expect.stringMatching(/open for longer than 2 s and was rolled back/),
    ]);
    expect(await names()).not.toContain('cid');
  });

  it('comes sooner where the service says so', async () => {
    await server.addDatabase('brief', schema, { transaction_seconds: 1 });
    const answer = await js(
      `let why;
       await platform.transaction('brief', async () => {
         await platform.api.delete('brief/_table/account/2');
         await new Promise((done) => setTimeout(done, 1500));
       }).catch((error) => { why = error.message; });
       return why;`,
    );
    expect(answer.text).toContain("service 'brief' was open for longer than 1 s");
    expect((await server.ask('/api/v2/brief/_table/account?count_only=true')).text).toBe('2');
    await server.ask('/api/v2/system/service', {
      method: 'POST',
      body: {
        resource: [
          {
            name: 'wrong',
            label: 'w',
            type: 'sqlite',
            is_active: true,
            config: { database: ':memory:', transaction_seconds: 61 },
          },
        ],
      },
    });
    const refused = await server.ask('/api/v2/wrong/_table');
    expect([refused.status, refused.text]).toEqual([
      400,
      expect.stringContaining("'transaction_seconds' must be a whole number from 1 to 60"),
    ]);
  });

  it('is in the log of the run that left it open', async () => {
    const name = await serve(
      node,
      `platform.transaction('bank', async () => {
         await platform.api.delete('bank/_table/account/2');
         await new Promise(() => {});
       });`,
    );
    expect((await server.ask(`/api/v2/${name}`)).status).toBe(200);
    expect(await names()).toEqual(['ada', 'bob']);
    const runs = async () =>
      (await server.ask(`/api/v2/system/run?filter=script=service.${name}&fields=*`)).body.resource;
    await expect
      .poll(runs)
      .toMatchObject([
        {
          outcome: 'finished',
          output: [
            {
              level: 'warn',
              text: expect.stringContaining(
                "The transaction on service 'bank' was rolled back. The run ended",
              ),
            },
          ],
        },
      ]);
  });

  it('is not left to those who may not write', async () => {
    const role = {
      name: 'clerk',
      is_active: true,
      role_service_access_by_role_id: [
        { service_id: null, component: '*', verb_mask: 1, requestor_mask: 3, filters: [], filter_op: 'AND' },
      ],
    };
    const made = await server.ask('/api/v2/system/role', { method: 'POST', body: { resource: [role] } });
    const app = { name: 'clerks', is_active: true, type: 0, role_id: made.body.resource[0].id };
    const key = await server.ask('/api/v2/system/app?fields=*', {
      method: 'POST',
      body: { resource: [app] },
    });
    const name = await serve(
      node,
      `return platform.transaction(async () => {
      const read = await platform.api.get('bank/_table/account');
      const written = await platform.api.delete('bank/_table/account/2');
      return [read.statusCode, written.statusCode];
    });`,
    );
    const answer = await server.ask(`/api/v2/${name}`, {
      anonymous: true,
      headers: { 'X-DreamFactory-API-Key': key.body.resource[0].api_key },
    });
    expect(answer.body).toEqual([200, 401]);
    expect(await names()).toEqual(['ada', 'bob']);
  });
});

describe('at the same time', () => {
  it('all get their turn on the one writer, and nothing is lost', async () => {
    const transfer = await serve(
      python,
      `
def work():
    ada = platform.api.get('bank/_table/account/1').json()
    bob = platform.api.get('bank/_table/account/2').json()
    platform.api.patch('bank/_table/account/1', {'balance': ada['balance'] - 1})
    platform.api.patch('bank/_table/account/2', {'balance': bob['balance'] + 1})
platform.transaction('bank', work)
return 'done'`,
    );
    const moving = Array.from({ length: 24 }, () => server.ask(`/api/v2/${transfer}`));
    const sums: number[] = [];
    const statuses = Promise.all(moving.map(async (one) => (await one).status));
    let isDone = false;
    void statuses.then(() => (isDone = true));
    while (!isDone) {
      const { body } = await server.ask('/api/v2/bank/_table/account?filter=id<3&fields=balance');
      sums.push(body.resource.reduce((sum: number, { balance }: { balance: number }) => sum + balance, 0));
    }
    expect(await statuses).toEqual(Array(24).fill(200));
    expect(new Set(sums)).toEqual(new Set([100]));
    expect((await server.ask('/api/v2/bank/_table/account/2')).body.balance).toBe(24);
    bank.exec('UPDATE account SET balance = 100 WHERE id = 1; UPDATE account SET balance = 0 WHERE id = 2');
  });

  it('nested calls of many requests never wait for themselves', async () => {
    // Each write causes another one by a script, four levels deep, in a transaction of the outermost.
    const free = await bind(
      'bank._table.entry.post.post_process',
      `const {amount} = event.request.payload.resource[0];
       if (amount < 4) {
         const {statusCode} = await platform.api.post('bank/_table/entry', {resource: [{account_id: 2, amount: amount + 1}]});
         if (statusCode !== 200) throw {message: 'deeper', status_code: statusCode};
       }`,
    );
    const inside = await serve(
      node,
      `return platform.transaction(async () =>
      (await platform.api.post('bank/_table/entry', {resource: [{account_id: 1, amount: 1}]})).statusCode);`,
    );
    const asked = Array.from({ length: 8 }, (_, i) =>
      i % 2 === 0
        ? server.ask(`/api/v2/${inside}`)
        : server.ask('/api/v2/bank/_table/entry', {
            method: 'POST',
            body: { resource: [{ account_id: 1, amount: 1 }] },
          }),
    );
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect((await server.ask('/api/v2/bank/_table/entry?count_only=true')).text).toBe('32');
    await free();
  });
});

describe('in the words of the languages', () => {
  it('is a block of Python', async () => {
    const block = (raised: string) => `
with platform.transaction('bank'):
    platform.api.post('bank/_table/account', {'resource': [{'name': 'cid', 'balance': 1}]})
    try:
        with platform['transaction']():
            platform.api.post('bank/_table/account', {'resource': [{'name': 'dot', 'balance': 1}]})
            raise KeyError('inner')
    except KeyError:
        pass
    ${raised}
return 'kept'`;
    expect((await answerOf(python, block("raise ValueError('no')"))).status).toBe(500);
    expect(await names()).toEqual(['ada', 'bob']);
    expect((await answerOf(python, block('pass'))).text).toBe('"kept"');
    expect(await names()).toEqual(['ada', 'bob', 'cid']);
  });

  it('is for functions of asyncio and leaves out other threads', async () => {
    const answer = await answerOf(
      python,
      `
import threading
async def work():
    platform.api.post('bank/_table/account', {'resource': [{'name': 'cid', 'balance': 1}]})
    seen = []
    count = lambda: seen.append(platform.api.get('bank/_table/account?count_only=true').json())
    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    count()
    return seen
return await platform.transaction(work)`,
    );
    expect(answer.body).toEqual([2, 3]);
  });

  it('is a method in PHP, too, and for functions by name', async () => {
    const answer = await answerOf(
      php,
      `$api = $platform->api;
       $add = fn (string $name) => $api->post('bank/_table/account', ['resource' => [['name' => $name, 'balance' => 1]]])['status_code'];
       try {
         $platform->transaction(function () use ($add) { $add('cid'); throw new NotFoundException('gone'); });
       } catch (NotFoundException $thrown) { $why = $thrown->getMessage(); }
       $kept = $platform->transaction('bank', fn () => [$add('dot'), $add('ada')]);
       return [$why, $kept, $platform->transaction('phpversion') === phpversion()];`.replaceAll(
        'NotFoundException',
        '\\DreamFactory\\Core\\Exceptions\\NotFoundException',
      ),
    );
    expect(answer.body).toEqual(['gone', [200, 400], true]);
    expect(await names()).toEqual(['ada', 'bob', 'dot']);
  });

  it('answers at once in scripts of v8js', async () => {
    const v8js = { ...node, type: 'v8js' };
    const answer = await answerOf(
      v8js,
      `function add(name) { return platform.api.post('bank/_table/account', {resource: [{name: name, balance: 1}]}).status_code; }
       var seen = [];
       try { platform.transaction(function () { seen.push(add('cid')); throw new Error('no'); }); }
       catch (error) { seen.push(error.message); }
       seen.push(platform.transaction('bank', function () {
         try { platform.transaction(function () { add('eve'); throw 1; }); } catch (one) {}
         return add('dot');
       }));
       return seen;`,
    );
    expect(answer.body).toEqual([200, 'no', 200]);
    expect(await names()).toEqual(['ada', 'bob', 'dot']);
  });
});
