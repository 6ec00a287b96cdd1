// What queued scripts are set off by inside transactions: they run for what was committed, once, and for nothing
// that was undone.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Bank, type BankKind } from '../bank.ts';
import { canTest } from '../databases.ts';

const live = (['postgres', 'mysql'] as const).filter((kind) => canTest(kind));
const kinds: readonly BankKind[] = ['sqlite', ...live];

describe.each(kinds)('on %s', (kind) => {
  let bank: Bank;
  beforeAll(async () => {
    bank = await Bank.open(kind);
    // Every account that is made is noted by a queued script: an entry for each, of the amount 1.
    const content = `for (const { name } of event.request.payload.resource) {
      const { resource } = (await platform.api.get("bank/_table/account?filter=name='" + name + "'")).content;
      await platform.api.post('bank/_table/entry', { resource: [{ account_id: 1, amount: resource.length + 1 }] });
    }`;
    const body = { type: 'nodejs', content, is_active: true };
    const made = await bank.server.ask('/api/v2/system/event_script/bank._table.account.post.queued', {
      method: 'POST',
      body,
    });
    if (made.status !== 201) throw new Error(made.text);
  });
  afterEach(() => bank.reset());
  afterAll(() => bank.close());

  const js = async (content: string) => bank.js(content);
  const amounts = async (): Promise<number[]> => {
    const { body } = await bank.server.ask('/api/v2/bank/_table/entry?order=id');
    return body.resource.map(({ amount }: { amount: number }) => amount);
  };
  const quiet = async (expected: number[]) => {
    await vi.waitFor(async () => expect(await amounts()).toEqual(expected), {
      timeout: 10_000,
      interval: 100,
    });
    await new Promise((done) => setTimeout(done, 500));
    expect(await amounts()).toEqual(expected);
  };
  const post = (name: string) =>
    `await platform.api.post('bank/_table/account', { resource: [{ name: '${name}', balance: 1 }] });`;

  it('those that were committed are, after the commit', async () => {
    const { text } = await js(`return platform.transaction(async () => {
      ${post('cid')} ${post('dot')}
      await new Promise((done) => setTimeout(done, 300));
      return { entries: (await platform.api.get('bank/_table/entry')).content.resource.length };
    });`);
    expect(text).toBe('{"entries":0}');
    await quiet([2, 2]);
  });

  it('those that were undone are not, at whichever level', async () => {
    await js(`await platform.transaction(async () => { ${post('cid')} throw new Error('no'); }).catch(() => {});
      return platform.transaction(async () => {
        ${post('dot')}
        await platform.transaction(async () => { ${post('eve')} throw new Error('no'); }).catch(() => {});
      });`);
    expect(await bank.names()).toEqual(['ada', 'bob', 'dot']);
    await quiet([2]);
  });

  it('a batch that failed in part is one, and one that was rolled back as well', async () => {
    const batch = async (rule: string, ...names: string[]) => {
      const body = { resource: names.map((name) => ({ name, balance: 1 })) };
      return (await bank.server.ask(`/api/v2/bank/_table/account?${rule}=true`, { method: 'POST', body }))
        .status;
    };
    expect(await batch('continue', 'cid', 'ada', 'dot')).toBeGreaterThanOrEqual(400);
    await quiet([2, 2, 2]);
  });
});
