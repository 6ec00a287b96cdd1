// Transactions of scripts on every engine, with one connection for all: nobody waits for itself.
// Invariant: one connection, so that whoever asks for a second one while holding it would never get it.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Bank, type BankKind, node } from '../bank.ts';
import { canTest } from '../databases.ts';

const live = (['postgres', 'mysql'] as const).filter((kind) => canTest(kind));
const kinds: readonly BankKind[] = ['sqlite', ...live];

describe.each(kinds)('with one connection to %s', (kind) => {
  let bank: Bank;

  beforeAll(async () => {
    const pool = kind === 'sqlite' ? {} : { max_connections: 1 };
    bank = await Bank.open(kind, { transaction_seconds: 3, ...pool });
  });
  beforeEach(() => bank.reset());
  afterAll(() => bank.close());

  const status = async (path: string) => (await bank.server.ask(path)).status;

  it('keeps, undoes, goes on after refusals and shows what it did to itself', async () => {
    const script = (end: string) => `return platform.transaction(async () => {
      const api = platform.api;
      const post = async (name) => (await api.post('bank/_table/account?fields=*', {resource: [{name, balance: 1}]})).statusCode;
      const seen = [await post('cid'), await post('ada'), await post('dot')];
      const {id} = (await api.get('bank/_table/account?filter=name=cid')).content.resource[0];
      await api.post('bank/_table/entry', {resource: [{account_id: id, amount: 1}]});
      const whole = await api.get('bank/_table/account/' + id + '?related=entry_by_account_id');
      seen.push(whole.content.entry_by_account_id.length);
      seen.push((await api.get('bank/_table/account?filter=id=\\'word\\'')).statusCode);
      seen.push((await api.get('bank/_table/nothing')).statusCode);
      seen.push((await api.get('bank/_table/account?count_only=true')).content);
      ${end}
      return seen;
    });`;
    const kept = await bank.js(script(''));
    expect(kept.body).toEqual([200, 400, 200, 1, expect.any(Number), 404, 4]);
    expect([await bank.names(), await bank.count('entry')]).toEqual([['ada', 'bob', 'cid', 'dot'], 1]);
    await bank.reset();
    expect((await bank.js(script('throw new Error("no");'))).status).toBe(500);
    expect([await bank.names(), await bank.count('entry')]).toEqual([['ada', 'bob'], 0]);
  });

  it('keeps the rules of batches, and inner ones', async () => {
    const answer =
      await bank.js(`const batch = (rule, ...names) => platform.api.post('bank/_table/account?' + rule + '=true',
        {resource: names.map((name) => ({name, balance: 1}))});
      return platform.transaction('bank', async () => {
        await batch('continue', 'a1', 'ada', 'a2');
        await batch('rollback', 'b1', 'ada', 'b2');
        await platform.transaction(async () => { await batch('rollback', 'c1', 'c2'); throw 1; }).catch(() => {});
        await platform.transaction(() => batch('rollback', 'd1', 'd2'));
        return 'done';
      });`);
    expect(answer.text).toBe('"done"');
    expect(await bank.names()).toEqual(['a1', 'a2', 'ada', 'bob', 'd1', 'd2']);
  });

  it('gives the connection back however the run ends', async () => {
    const script = (end: string) =>
      `return platform.transaction(async () => {
         await platform.api.post('bank/_table/account', {resource: [{name: 'cid', balance: 1}]});
         ${end}
       });`;
    const never = 'await new Promise((done) => setTimeout(done, 9e6));';
    const ends: readonly (readonly [string, number])[] = [
      [never, 504],
      ['process.kill(process.pid, "SIGKILL");', 500],
      ['process.exit(0);', 200],
      ['throw {message: "no", status_code: 418};', 418],
    ];
    for (const [end, expected] of ends) {
      expect(await status(await bank.serve(node, script(end), { timeout_ms: 500 }))).toBe(expected);
      expect(await bank.names()).toEqual(['ada', 'bob']);
    }
    expect((await bank.post('account', { name: 'free', balance: 1 })).status).toBe(200);
  });

  it('holds no connection while the script of a request runs', async () => {
    const free = await bank.bind(
      'bank._table.account.post.post_process',
      `const {amount = 1} = event.request.payload.resource[0];
       const written = await platform.api.post('bank/_table/entry', {resource: [{account_id: 1, amount}]});
       const again = await platform.api.patch('bank/_table/account/1', {balance: 7});
       if (written.statusCode + again.statusCode !== 400) throw new Error('it did not');`,
    );
    // Answered with its fields and relations: the transaction of the write is over by then.
    const path = '/api/v2/bank/_table/account?fields=*&related=entry_by_account_id&rollback=true';
    const names = ['cid', 'dot', 'eve', 'fay', 'gus', 'hal', 'ivy', 'jan'];
    const answers = names.map((name) =>
      bank.server.ask(path, { method: 'POST', body: { resource: [{ name, balance: 1 }] } }),
    );
    expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual(Array(8).fill(200));
    expect([await bank.count('account'), await bank.count('entry')]).toEqual([10, 8]);
    await free();
  });

  it('lets requests that nest calls finish, inside transactions and beside them', async () => {
    const free = await bank.bind(
      'bank._table.entry.post.pre_process',
      `const {account_id, amount} = event.request.payload.resource[0];
       if (amount < 4) {
         const deeper = await platform.api.post('bank/_table/entry', {resource: [{account_id, amount: amount + 1}]});
         if (deeper.statusCode !== 200) throw {message: 'deeper', status_code: deeper.statusCode};
       }`,
    );
    const inside = await bank.serve(
      node,
      `await platform.transaction(async () => {
         const first = await platform.api.post('bank/_table/entry', {resource: [{account_id: 1, amount: 1}]});
         if (first.statusCode !== 200) throw {message: 'refused', status_code: first.statusCode};
       });`,
    );
    const asked = Array.from({ length: 8 }, (_, i) =>
      i % 2 === 0
        ? status(inside)
        : bank.post('entry', { account_id: 2, amount: 1 }).then((answer) => answer.status),
    );
    const statuses = await Promise.all(asked);
    // On a machine that is too slow for its turns some are refused or run out of time, and leave nothing.
    for (const one of statuses) expect([200, 503, 504]).toContain(one);
    const done = statuses.filter((one, i) => one === 200 && i % 2 === 0).length;
    const { body } = await bank.server.ask('/api/v2/bank/_table/entry?count_only=true&filter=account_id=1');
    expect(body).toBe(done * 4);
    await free();
    expect((await bank.post('entry', { account_id: 2, amount: 4 })).status).toBe(200);
  });

  it.skipIf(kind === 'mysql')('tells what the database refuses at the end', async () => {
    const answer = await bank.js(`return platform.transaction(async () => {
      await platform.api.post('bank/_table/entry', {resource: [{account_id: 99, amount: 1}]});
      await platform.api.delete('bank/_table/account/2');
    }).catch((error) => [error.status_code, error.message]);`);
    expect(answer.body).toEqual([409, expect.stringContaining('checks at its end')]);
    expect([await bank.names(), await bank.count('entry')]).toEqual([['ada', 'bob'], 0]);
  });
});

const procedures = {
  postgres: `CREATE PROCEDURE pay(IN wanted INTEGER, INOUT total INTEGER) LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO entry (account_id, amount) VALUES (1, wanted);
      SELECT sum(amount) INTO total FROM entry;
    END $$`,
  mysql: `CREATE PROCEDURE pay(IN wanted INTEGER, INOUT total INTEGER) BEGIN
      INSERT INTO entry (account_id, amount) VALUES (1, wanted);
      SELECT sum(amount) INTO total FROM entry;
    END`,
} as const;

describe.each(live)('a procedure of %s', (kind) => {
  let bank: Bank;

  beforeAll(async () => {
    bank = await Bank.open(kind, { max_connections: 1 });
    await bank.execute(procedures[kind]);
  });
  afterAll(() => bank.close());

  it('is a part of the transaction that it is called in', async () => {
    const script = (end: string) => `return platform.transaction(async () => {
      const pay = async (wanted) => (await platform.api.post('bank/_proc/pay', {params: {wanted, total: 0}})).content;
      const totals = [await pay(2), await pay(3)];
      const {content} = await platform.api.get('bank/_table/entry?count_only=true');
      ${end}
      return [...totals.map(({total}) => Number(total)), content];
    });`;
    expect((await bank.js(script('throw new Error("no");'))).status).toBe(500);
    expect(await bank.count('entry')).toBe(0);
    expect((await bank.js(script(''))).body).toEqual([2, 5, 2]);
    expect(await bank.count('entry')).toBe(2);
  });
});

const killings = {
  postgres: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  mysql: `BEGIN NOT ATOMIC
    FOR one IN (SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()) DO
      EXECUTE IMMEDIATE concat('KILL ', one.id);
    END FOR;
  END`,
} as const;

describe.each(live)('a connection to %s that is lost', (kind) => {
  let bank: Bank;

  beforeAll(async () => {
    bank = await Bank.open(kind, { max_connections: 1 });
    await bank.server.addDatabase('meeting', 'CREATE TABLE here (id INTEGER PRIMARY KEY);');
  });
  afterAll(() => bank.close());

  it('takes its transaction with it, and what comes after says so', async () => {
    const path = await bank.serve(
      node,
      `const {api} = platform;
       const [opened, met] = [Promise.withResolvers(), Promise.withResolvers()];
       const statuses = [];
       const add = async (name) => {
         const {statusCode} = await api.post('bank/_table/account', {resource: [{name, balance: 1}]});
         statuses.push(statusCode);
       };
       const end = platform.transaction('bank', async () => {
         await add('cid');
         opened.resolve();
         await met.promise;
         await add('dot');
         await add('eve');
       }).catch((error) => error.status_code);
       await opened.promise;
       await api.post('meeting/_table/here', {resource: [{id: 1}]});
       while ((await api.get('meeting/_table/here?count_only=true')).content < 2) {
         await new Promise((done) => setTimeout(done, 20));
       }
       met.resolve();
       return [await end, ...statuses];`,
    );
    const asked = bank.server.ask(path);
    const here = async () => (await bank.server.ask('/api/v2/meeting/_table/here?count_only=true')).body;
    await expect.poll(here, { timeout: 10_000 }).toBe(1);
    await bank.execute(killings[kind]);
    const second = { method: 'POST', body: { resource: [{ id: 2 }] } };
    expect((await bank.server.ask('/api/v2/meeting/_table/here', second)).status).toBe(200);
    expect((await asked).body).toEqual([503, 200, 503, 503]);
    expect(await bank.names()).toEqual(['ada', 'bob']);
    expect((await bank.js("await platform.transaction('bank', () => {}); return 1;")).status).toBe(200);
  });
});

describe.each(live)('two transactions on %s', (kind) => {
  let bank: Bank;

  beforeAll(async () => {
    bank = await Bank.open(kind, { max_connections: 4 });
  });
  beforeEach(() => bank.reset());
  afterAll(() => bank.close());

  it('that want each other’s records: one is given up and says so, the other is kept', async () => {
    await bank.server.addDatabase('meeting', 'CREATE TABLE here (id INTEGER PRIMARY KEY);');
    const script = (first: number, second: number) => `
      const [opened, met] = [Promise.withResolvers(), Promise.withResolvers()];
      const statuses = platform.transaction('bank', async () => {
        const mine = await platform.api.patch('bank/_table/account/${first}', {balance: ${first}0});
        opened.resolve();
        await met.promise;
        const other = await platform.api.patch('bank/_table/account/${second}', {balance: ${first}0});
        const after = await platform.api.get('bank/_table/account/${first}');
        return [mine, other, after].map(({statusCode}) => statusCode);
      }).catch((error) => error.status_code);
      await opened.promise;
      await platform.api.post('meeting/_table/here', {resource: [{id: ${first}}]});
      while ((await platform.api.get('meeting/_table/here?count_only=true')).content < 2) {
        await new Promise((done) => setTimeout(done, 20));
      }
      met.resolve();
      return statuses;`;
    const paths = [await bank.serve(node, script(1, 2)), await bank.serve(node, script(2, 1))];
    const answers = await Promise.all(paths.map((path) => bank.server.ask(path)));
    const found = answers.map(({ body }) => body);
    expect(found).toContainEqual([200, 200, 200]);
    expect(found).toContainEqual(503);
    const { body } = await bank.server.ask('/api/v2/bank/_table/account?fields=balance');
    const balances = body.resource.map(({ balance }: { balance: number }) => balance);
    expect(new Set(balances).size).toBe(1);
  });
});

const locks = {
  postgres: 'BEGIN; UPDATE account SET balance = 5 WHERE id = 1; SELECT pg_sleep(5); COMMIT',
  mysql: 'START TRANSACTION; UPDATE account SET balance = 5 WHERE id = 1; DO SLEEP(5); COMMIT',
} as const;

describe.each(live)('a record that somebody else holds on %s', (kind) => {
  it('keeps a transaction waiting no longer than its time, and is left alone by it', async () => {
    const bank = await Bank.open(kind, { transaction_seconds: 1, max_connections: 1 });
    const path = await bank.serve(
      node,
      `return platform.transaction(async () => {
         const {statusCode, content} = await platform.api.patch('bank/_table/account/1', {balance: 6});
         return [statusCode, content.error?.message];
       }).catch((error) => [error.status_code, error.message]);`,
    );
    const beside = bank.execute(locks[kind]);
    await pause(500);
    expect((await bank.server.ask(path)).body).toEqual([503, expect.stringContaining('longer than 1 s')]);
    await beside;
    await expect
      .poll(async () => (await bank.server.ask('/api/v2/bank/_table/account/1')).body.balance)
      .toBe(5);
    expect((await bank.post('account', { name: 'free', balance: 1 })).status).toBe(200);
    await bank.close();
  });
});
