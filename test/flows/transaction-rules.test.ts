// What joins a transaction and what does not, and how it ends.
// Invariant: real runners and databases; what counts is what others find meanwhile and afterwards.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Bank, node, python } from '../bank.ts';

let bank: Bank;

beforeAll(async () => {
  bank = await Bank.open('sqlite');
  await bank.server.addDatabase('other', 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);');
});
beforeEach(() => bank.reset());
afterAll(() => bank.close());

describe('inside a transaction', () => {
  it('shows what was done in it, with its relations, and to nobody else before it is kept', async () => {
    bank.server.observations.length = 0;
    const outside = await bank.serve(
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
    const answer = bank.server.ask(outside);
    const seen: number[] = [];
    let isDone = false;
    void answer.then(() => (isDone = true));
    while (!isDone) {
      const { body } = await bank.server.ask('/api/v2/bank/_table/account?count_only=true');
      const { body: entries } = await bank.server.ask('/api/v2/bank/_table/entry?count_only=true');
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
    const free = await bank.bind(
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
    const amounts = async () => (await bank.server.ask('/api/v2/bank/_table/entry')).body.resource;
    expect((await bank.js(script('throw new Error("no");'))).status).toBe(500);
    expect([await bank.names(), await amounts()]).toEqual([['ada', 'bob'], []]);
    expect((await bank.js(script(''))).status).toBe(200);
    expect([await bank.names(), await amounts()]).toMatchObject([['ada', 'bob', 'cid'], [{ amount: 1 }]]);
    await free();
  });

  it('undoes an inner one alone', async () => {
    const answer =
      await bank.js(`const post = (name) => platform.api.post('bank/_table/account', {resource: [{name, balance: 1}]});
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
    expect(await bank.names()).toEqual(['ada', 'bob', 'cid', 'fay']);
  });

  it('takes calls that are made at the same time one after the other', async () => {
    const answer = await bank.js(`return platform.transaction(async () => {
      const posted = await Promise.all(Array.from({length: 20}, (_, i) =>
        platform.api.post('bank/_table/account', {resource: [{name: 'n' + i, balance: 1}, {name: i % 2 ? 'ada' : 'm' + i, balance: 1}]}
        )));
      return posted.map(({statusCode}) => statusCode);
    });`);
    expect(answer.body).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 200 : 400)));
    // A refused batch keeps those before the refused record, as it does elsewhere.
    expect((await bank.names()).length).toBe(2 + 30);
  });

  it.each([
    ['', 1],
    ['?continue=true', 2],
    ['?rollback=true', 0],
  ])('keeps the rule of a batch: %s', async (rule, kept) => {
    const answer = await bank.js(`return platform.transaction(async () => {
      const {statusCode} = await platform.api.post('bank/_table/account${rule}', {resource: [
        {name: 'cid', balance: 1}, {name: 'ada', balance: 1}, {name: 'dot', balance: 1}]});
      return statusCode;
    });`);
    expect(answer.text).toBe('400');
    expect((await bank.names()).length).toBe(2 + kept);
  });

  it('takes callbacks as its own, and waits for them', async () => {
    const answer = await bank.js(`return platform.transaction(() => {
      const post = (name, next) => platform.api.post('bank/_table/account', {resource: [{name, balance: 1}]}, next);
      post('cid', () => post('dot', () => post('eve', () => post('fay'))));
      return 1;
    });`);
    expect(answer.text).toBe('1');
    expect(await bank.names()).toEqual(['ada', 'bob', 'cid', 'dot', 'eve', 'fay']);
    await bank.reset();
    const failing = await bank.js(`return platform.transaction(() => {
      platform.api.post('bank/_table/account', {resource: [{name: 'cid', balance: 1}]}, () => { throw new Error('late'); });
    });`);
    expect([failing.status, failing.body.error.message]).toMatchObject([
      500,
      expect.stringContaining('late'),
    ]);
    expect(await bank.names()).toEqual(['ada', 'bob']);
  });

  it('leaves out what other parts of the run do at the same time', async () => {
    const answer = await bank.js(`
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
    expect(await bank.names()).toEqual(['ada', 'bob']);
  });

  it('refuses writes to another service, and reads there', async () => {
    const answer = await bank.js(`return platform.transaction(async () => {
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
    const pinned = await bank.js(`return platform.transaction('OTHER', async () => {
      const read = await platform.api.get('bank/_table/account?count_only=true');
      const refused = await platform.api.delete('bank/_table/account/1');
      const schema = await platform.api.post('other/_schema', {resource: [{name: 'x', field: [{name: 'id', type: 'id'}]}]});
      const written = await platform.api.post('other/_table/note', {resource: [{text: String(read.content)}]});
      return [refused.statusCode, schema.statusCode, written.statusCode];
    });`);
    expect(pinned.body).toEqual([409, 400, 200]);
    expect((await bank.server.ask('/api/v2/other/_table/note')).body.resource).toMatchObject([{ text: '3' }]);
  });

  it('tells what the database refuses at the end', async () => {
    const answer = await bank.js(`return platform.transaction(async () => {
      const {statusCode} = await platform.api.post('bank/_table/entry', {resource: [{account_id: 99, amount: 1}]});
      return statusCode;
    }).catch((error) => [error.status_code, error.message]);`);
    // SQLite keeps a deferred reference until the commit of the whole.
    expect(answer.body).toEqual([409, expect.stringContaining('checks at its end')]);
    expect((await bank.server.ask('/api/v2/bank/_table/entry')).body.resource).toEqual([]);
  });

  it('refuses a function that is none, and what is called after its end', async () => {
    const answer = await bank.js(`
      const wrong = await platform.transaction('bank').catch((error) => error.message);
      let late;
      await platform.transaction(() => { setTimeout(() => { late = platform.api.get('bank/_table/account'); }, 100); });
      await new Promise((done) => setTimeout(done, 150));
      return [wrong, (await late).statusCode];`);
    expect(answer.body).toEqual([expect.stringContaining('takes a function'), 503]);
  });

  it('lists the members of platform as before', async () => {
    expect((await bank.js('return Object.keys(platform);')).body).toEqual([
      'api',
      'config',
      'session',
      'store',
    ]);
    expect((await bank.answer(python, 'return list(platform.keys())')).body).toEqual([
      'api',
      'config',
      'session',
      'store',
    ]);
  });
});

describe('the end of a transaction', () => {
  it('comes when it is open for too long, and every further call says why', async () => {
    const holding = bank.js(
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
            await bank.server.ask('/api/v2/bank/_table/account', {
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
    expect(await bank.names()).not.toContain('cid');
  });

  it('comes sooner where the service says so', async () => {
    await bank.server.addDatabase('brief', 'CREATE TABLE note (id INTEGER PRIMARY KEY)', {
      transaction_seconds: 1,
    });
    const answer = await bank.js(
      `let why;
       await platform.transaction('brief', async () => {
         await platform.api.post('brief/_table/note', {resource: [{id: 1}]});
         await new Promise((done) => setTimeout(done, 1500));
       }).catch((error) => { why = error.message; });
       return why;`,
    );
    expect(answer.text).toContain("service 'brief' was open for longer than 1 s");
    expect((await bank.server.ask('/api/v2/brief/_table/note?count_only=true')).text).toBe('0');
    await bank.server.ask('/api/v2/system/service', {
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
    const refused = await bank.server.ask('/api/v2/wrong/_table');
    expect([refused.status, refused.text]).toEqual([
      400,
      expect.stringContaining("'transaction_seconds' must be a whole number from 1 to 60"),
    ]);
  });

  it('is in the log of the run that left it open', async () => {
    const path = await bank.serve(
      node,
      `platform.transaction('bank', async () => {
         await platform.api.delete('bank/_table/account/2');
         await new Promise(() => {});
       });`,
    );
    expect((await bank.server.ask(path)).status).toBe(200);
    expect(await bank.names()).toEqual(['ada', 'bob']);
    const runs = async () =>
      (await bank.server.ask(`/api/v2/system/run?filter=script=service.${path.split('/').at(-1)}&fields=*`))
        .body.resource;
    await expect.poll(runs).toMatchObject([
      {
        outcome: 'finished',
        output: [
          {
            level: 'warn',
            text: expect.stringContaining("The transaction on service 'bank' was rolled back. The run ended"),
          },
        ],
      },
    ]);
  });

  it('does not depend on whoever asked and went away', async () => {
    const path = await bank.serve(
      node,
      `await platform.transaction(async () => {
         await platform.api.post('bank/_table/account', {resource: [{name: 'cid', balance: 1}]});
         await new Promise((done) => setTimeout(done, 300));
       });`,
    );
    const leaving = new AbortController();
    const headers = { 'X-DreamFactory-Session-Token': bank.server.token };
    const asked = fetch(bank.server.url + path, { headers, signal: leaving.signal });
    await new Promise((done) => setTimeout(done, 50));
    leaving.abort();
    await expect(asked).rejects.toThrow('aborted');
    await expect.poll(() => bank.names(), { timeout: 10_000 }).toEqual(['ada', 'bob', 'cid']);
    expect((await bank.post('account', { name: 'free', balance: 0 })).status).toBe(200);
  });

  it('is not left to those who may not write', async () => {
    const role = {
      name: 'clerk',
      is_active: true,
      role_service_access_by_role_id: [
        { service_id: null, component: '*', verb_mask: 1, requestor_mask: 3, filters: [], filter_op: 'AND' },
      ],
    };
    const made = await bank.server.ask('/api/v2/system/role', { method: 'POST', body: { resource: [role] } });
    const app = { name: 'clerks', is_active: true, type: 0, role_id: made.body.resource[0].id };
    const key = await bank.server.ask('/api/v2/system/app?fields=*', {
      method: 'POST',
      body: { resource: [app] },
    });
    const clerks = await bank.serve(
      node,
      `return platform.transaction(async () => {
      const read = await platform.api.get('bank/_table/account');
      const written = await platform.api.delete('bank/_table/account/2');
      return [read.statusCode, written.statusCode];
    });`,
    );
    const answer = await bank.server.ask(clerks, {
      anonymous: true,
      headers: { 'X-DreamFactory-API-Key': key.body.resource[0].api_key },
    });
    expect(answer.body).toEqual([200, 401]);
    expect(await bank.names()).toEqual(['ada', 'bob']);
  });
});

describe('a write that brings records of another service', () => {
  it('may be written back to by the scripts there, as a part of it', async () => {
    const { server } = bank;
    await server.addDatabase(
      'audit',
      `CREATE TABLE memo (id INTEGER PRIMARY KEY, account INTEGER, text TEXT);
       CREATE TABLE trace (id INTEGER PRIMARY KEY, text TEXT);`,
    );
    const [audit] = (await server.ask('/api/v2/system/service?filter=name=audit')).body.resource;
    const far = { ref_service_id: audit.id, ref_table: 'memo', ref_field: 'account' };
    const relation = { type: 'has_many', field: 'id', is_virtual: true, ...far };
    const related = { method: 'POST', body: { resource: [relation] } };
    const relate = async () => (await server.ask('/api/v2/bank/_schema/account/_related', related)).status;
    // Services know of each other a moment later.
    await expect.poll(relate, { timeout: 5_000 }).toBe(200);
    const free = await bank.bind(
      'audit._table.memo.post.post_process',
      `const {account} = event.request.payload.resource[0];
       const back = await platform.api.post('bank/_table/entry', {resource: [{account_id: account, amount: 1}]});
       const seen = await platform.api.get('bank/_table/account/' + account);
       if (back.statusCode + seen.statusCode !== 400) throw new Error(back.body + seen.body);
       // One of its own; what leads back is a part of the write there all the same.
       await platform.transaction(async () => {
         const own = await platform.api.post('audit/_table/trace', {resource: [{text: 'gone'}]});
         const other = await platform.api.post('bank/_table/entry', {resource: [{account_id: account, amount: 2}]});
         throw Object.assign(new Error('no'), {sum: own.statusCode + other.statusCode});
       }).catch((error) => { if (error.sum !== 400) throw error; });`,
    );
    const memos = { 'audit.memo_by_account': [{ text: 'new' }] };
    const whole = await bank.post('account', { name: 'cid', balance: 1, ...memos });
    expect([whole.status, whole.text]).toEqual([200, whole.text]);
    expect([await bank.names(), await bank.count('entry')]).toEqual([['ada', 'bob', 'cid'], 2]);
    expect((await server.ask('/api/v2/audit/_table/trace?count_only=true')).body).toBe(0);
    // What our database refuses takes what was written back with it; what was written there stays.
    const body = {
      resource: [
        { name: 'dot', balance: 1, ...memos },
        { name: 'ada', balance: 1 },
      ],
    };
    const refused = await server.ask('/api/v2/bank/_table/account?rollback=true', { method: 'POST', body });
    expect(refused.status).toBe(400);
    expect([await bank.names(), await bank.count('entry')]).toEqual([['ada', 'bob', 'cid'], 2]);
    expect((await server.ask('/api/v2/audit/_table/memo?count_only=true')).body).toBe(2);
    await free();
  });
});

describe('at the same time', () => {
  it('all get their turn on the one writer, and nothing is lost', async () => {
    const transfer = await bank.serve(
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
    const moving = Array.from({ length: 24 }, () => bank.server.ask(transfer));
    const sums: number[] = [];
    const statuses = Promise.all(moving.map(async (one) => (await one).status));
    let isDone = false;
    void statuses.then(() => (isDone = true));
    while (!isDone) {
      const { body } = await bank.server.ask('/api/v2/bank/_table/account?filter=id<3&fields=balance');
      sums.push(body.resource.reduce((sum: number, { balance }: { balance: number }) => sum + balance, 0));
    }
    expect(await statuses).toEqual(Array(24).fill(200));
    expect(new Set(sums)).toEqual(new Set([100]));
    expect((await bank.server.ask('/api/v2/bank/_table/account/2')).body.balance).toBe(24);
  });

  it('nested calls of many requests never wait for themselves', async () => {
    // Each write causes another one by a script, four levels deep: in a transaction of the outermost, or not.
    const free = await bank.bind(
      'bank._table.entry.post.post_process',
      `const {account_id, amount} = event.request.payload.resource[0];
       if (amount < 4) {
         const {statusCode} = await platform.api.post('bank/_table/entry', {resource: [{account_id, amount: amount + 1}]});
         if (statusCode !== 200) throw {message: 'deeper', status_code: statusCode};
       }`,
    );
    const inside = await bank.serve(
      node,
      `return platform.transaction(async () => {
         const {statusCode} = await platform.api.post('bank/_table/entry', {resource: [{account_id: 1, amount: 1}]});
         if (statusCode !== 200) throw {message: 'refused', status_code: statusCode};
       });`,
    );
    const asked = Array.from({ length: 8 }, (_, i) =>
      i % 2 === 0 ? bank.server.ask(inside) : bank.post('entry', { account_id: 2, amount: 1 }),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    // On a machine that is too slow for its turns some are refused or run out of time, and leave nothing.
    for (const status of statuses) expect([200, 503, 504]).toContain(status);
    const done = (rest: number) => statuses.filter((status, i) => i % 2 === rest && status === 200).length;
    const entries = async (account: number) =>
      (await bank.server.ask(`/api/v2/bank/_table/entry?count_only=true&filter=account_id=${account}`)).body;
    expect(await entries(1)).toBe(done(0) * 4);
    expect(await entries(2)).toBeGreaterThanOrEqual(done(1) * 4);
    expect((await bank.post('entry', { account_id: 2, amount: 4 })).status).toBe(200);
    await free();
  });
});
