// `platform.transaction` in scripts of three languages: what is kept, what is undone, in their own words.
// Invariant: real runners and databases; what counts is what is in the table afterwards.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { adding, Bank, type Language, node, php, python } from '../bank.ts';

let bank: Bank;

beforeAll(async () => {
  bank = await Bank.open('sqlite');
});
beforeEach(() => bank.reset());
afterAll(() => bank.close());

describe.each([node, python, php])('platform.transaction in $type', (language) => {
  it('keeps what its function did, and gives back what it returned', async () => {
    const fn = `${adding(language, 'cid')}\n${adding(language, 'dot')}\n${language.answer('7')}`;
    const result = await bank.answer(
      language,
      language.script({ fn, after: language.answer(language.value) }),
    );
    expect([result.status, result.text]).toEqual([200, '7']);
    expect(await bank.names()).toEqual(['ada', 'bob', 'cid', 'dot']);
  });

  it('undoes everything when it throws, and passes the error on', async () => {
    const fn = `${adding(language, 'cid')}\n${adding(language, 'dot')}\n${language.raise('enough')}`;
    const result = await bank.answer(language, language.script({ fn }));
    expect(result.status).toBe(500);
    expect(result.body.error.message).toContain('enough');
    expect(await bank.names()).toEqual(['ada', 'bob']);
  });

  it('goes on after a call that was refused, without what that call did', async () => {
    const names = ['eve', 'ada'];
    const batch = language.call('POST', 'bank/_table/account?rollback=true', {
      payload: { resource: names.map((name) => ({ name, balance: 1 })) },
      into: 'refused',
    });
    const parts = [adding(language, 'cid'), batch, adding(language, 'dot')];
    const fn = [...parts, language.answer(language.status('refused'))].join('\n');
    const result = await bank.answer(
      language,
      language.script({ fn, after: language.answer(language.value) }),
    );
    expect([result.status, result.text]).toEqual([200, '400']);
    expect(await bank.names()).toEqual(['ada', 'bob', 'cid', 'dot']);
  });

  it.each([
    ['times out', (l: Language) => l.sleeps, 504],
    ['dies', (l: Language) => l.crashes, 500],
    ['answers while it is open', (l: Language) => l.ends, 200],
  ])('undoes everything when the run %s', async (_what, how, status) => {
    const fn = `${adding(language, 'cid')}\n${how(language)}`;
    const result = await bank.answer(language, language.script({ fn }), { timeout_ms: 1_000 });
    expect([result.status, result.text]).toEqual([status, result.text]);
    expect(await bank.names()).toEqual(['ada', 'bob']);
    // The writer is free again.
    const made = await bank.server.ask('/api/v2/bank/_table/account', {
      method: 'POST',
      body: { resource: [{ name: 'free', balance: 0 }] },
    });
    expect(made.status).toBe(200);
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
    expect((await bank.answer(python, block("raise ValueError('no')"))).status).toBe(500);
    expect(await bank.names()).toEqual(['ada', 'bob']);
    expect((await bank.answer(python, block('pass'))).text).toBe('"kept"');
    expect(await bank.names()).toEqual(['ada', 'bob', 'cid']);
  });

  it('is for functions of asyncio and leaves out other threads', async () => {
    const answer = await bank.answer(
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
    const answer = await bank.answer(
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
    expect(await bank.names()).toEqual(['ada', 'bob', 'dot']);
  });

  it('answers at once in scripts of v8js', async () => {
    const v8js = { ...node, type: 'v8js' };
    const answer = await bank.answer(
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
    expect(await bank.names()).toEqual(['ada', 'bob', 'dot']);
  });
});
