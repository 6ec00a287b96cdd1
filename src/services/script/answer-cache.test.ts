// Kept answers: who gets them again, and until when.
import { describe, expect, it } from 'vitest';
import { Body } from '../../core/body.ts';
import { limits } from '../../core/limits.ts';
import {
  anonymous,
  type Message,
  type Operation,
  type Principal,
  type Result,
} from '../../core/operation.ts';
import { roleOf } from '../../core/role-fixture.ts';
import { AnswerCache } from './answer-cache.ts';

const blank: Message = { parameters: {}, headers: {}, body: undefined };

function asking(over: Partial<Operation> = {}, message: Partial<Message> = {}): Operation {
  return {
    service: 'shop',
    path: ['orders'],
    action: 'GET',
    origin: 'http',
    requestor: 'api',
    principal: anonymous,
    depth: 0,
    request: { ...blank, ...message },
    uri: '/api/v2/shop/orders',
    apiVersion: '2.0',
    ...over,
  };
}

const result = (over: Partial<Result> = {}): Result => {
  return { status: 200, headers: {}, body: Body.ofText('{}'), ...over };
};

function open(seconds = 60) {
  let now = 0;
  let made = 0;
  const cache = new AnswerCache({ seconds, now: () => now });
  /** Whether the answer was made anew. */
  const isMade = async (operation: Operation, answer: Result = result()) => {
    const before = made;
    await cache.answer(operation, async () => {
      made++;
      return answer;
    });
    return made > before;
  };
  return { cache, isMade, pass: (ms: number) => (now += ms) };
}

const user = (id: number): Principal['user'] => ({
  id,
  name: '',
  username: '',
  displayName: '',
  firstName: '',
  lastName: '',
  email: '',
  isAdmin: false,
  lastLogin: null,
});

describe('an answer is given again', () => {
  it('to the same question, until its time is over', async () => {
    const { isMade, pass } = open(60);
    expect(await isMade(asking())).toBe(true);
    pass(59_999);
    expect(await isMade(asking())).toBe(false);
    pass(1);
    expect(await isMade(asking())).toBe(true);
    expect(await isMade(asking())).toBe(false);
  });

  it('as it was', async () => {
    const { cache } = open();
    const first = result({ status: 203, headers: { 'x-a': '1' } });
    await cache.answer(asking(), async () => first);
    expect(await cache.answer(asking(), async () => result())).toBe(first);
  });

  it.each<[string, Partial<Operation>, Partial<Message>]>([
    ['the parameter _', {}, { parameters: { _: '1' } }],
    ['another session of the same caller', { principal: { ...anonymous, sessionId: 'other' } }, {}],
    ['the tool it is asked with', {}, { headers: { 'user-agent': 'x', 'sec-fetch-mode': 'cors' } }],
    ['the way it came', {}, { headers: { 'x-forwarded-for': '10.0.0.1', via: 'x', traceparent: '00' } }],
    ['the token of the session', {}, { headers: { 'x-dreamfactory-session-token': 'x' } }],
  ])('whatever is %s', async (_what, operation, message) => {
    const { isMade } = open();
    await isMade(asking());
    expect(await isMade(asking(operation, message))).toBe(false);
  });

  it('whatever the order of parameters', async () => {
    const { isMade } = open();
    await isMade(asking({}, { parameters: { a: '1', b: '2' } }));
    expect(await isMade(asking({}, { parameters: { b: '2', a: '1' } }))).toBe(false);
  });
});

describe('an answer is not given again', () => {
  it.each<[string, Partial<Operation>, Partial<Message>]>([
    ['another path', { path: ['orders', '1'] }, {}],
    ['a path with a slash in it', { path: ['orders/1'] }, {}],
    ['another parameter', {}, { parameters: { a: '1' } }],
    ['another user', { principal: { ...anonymous, user: user(1) } }, {}],
    ['an administrator', { principal: { ...anonymous, isAdmin: true } }, {}],
    ['another API key', { principal: { ...anonymous, apiKey: 'k' } }, {}],
    ['another app', { principal: { ...anonymous, app: { id: 1, name: 'a', isActive: true } } }, {}],
    ['a role', { principal: { ...anonymous, role: roleOf([]) } }, {}],
    ['other lookups', { principal: { ...anonymous, lookups: { open: { a: '1' }, secret: {} } } }, {}],
    ['a script that asks', { requestor: 'script' }, {}],
    ['a key that the script may check', {}, { headers: { 'x-tenant': 'a' } }],
    ['other credentials', {}, { headers: { authorization: 'Bearer x' } }],
    ['another language', {}, { headers: { 'accept-language': 'de' } }],
    ['a body', {}, { body: Body.ofText('{}') }],
  ])('to %s', async (_what, operation, message) => {
    const { isMade } = open();
    await isMade(asking());
    expect(await isMade(asking(operation, message))).toBe(true);
  });

  it('to a role that was changed meanwhile', async () => {
    const { isMade } = open();
    const before = { principal: { ...anonymous, role: roleOf([{ verbMask: 3 }]) } };
    expect(await isMade(asking(before))).toBe(true);
    expect(await isMade(asking({ principal: { ...before.principal } }))).toBe(false);
    expect(await isMade(asking({ principal: { ...anonymous, role: roleOf([]) } }))).toBe(true);
  });

  it.each<[string, Result]>([
    ['a refusal', result({ status: 404 })],
    ['a failure', result({ status: 500 })],
    ['a redirection', result({ status: 302 })],
    ['a cookie', result({ headers: { 'set-cookie': 'a=b' } })],
    ['one that is too long', result({ body: Body.ofValue('x'.repeat(limits.answerCacheChars)) })],
  ])('when it is %s', async (_what, answer) => {
    const { isMade } = open();
    await isMade(asking(), answer);
    expect(await isMade(asking())).toBe(true);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('to %s', async (action) => {
    const { isMade } = open();
    expect(await isMade(asking({ action }))).toBe(true);
    expect(await isMade(asking({ action }))).toBe(true);
    expect(await isMade(asking())).toBe(true);
  });

  it('when it failed to be made', async () => {
    const { cache, isMade } = open();
    await expect(cache.answer(asking(), () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    expect(await isMade(asking())).toBe(true);
  });

  it('after all were forgotten, not even one that was being made then', async () => {
    const { cache, isMade } = open();
    await isMade(asking());
    cache.clear();
    expect(await isMade(asking())).toBe(true);
    const late = Promise.withResolvers<Result>();
    const running = cache.answer(asking({ path: ['slow'] }), () => late.promise);
    cache.clear();
    late.resolve(result());
    await running;
    expect(await isMade(asking({ path: ['slow'] }))).toBe(true);
  });

  it('when more were kept than there is room for', async () => {
    const { isMade } = open();
    for (let i = 0; i <= limits.answerCache; i++) await isMade(asking({ path: [String(i)] }));
    expect(await isMade(asking({ path: ['0'] }))).toBe(true);
    expect(await isMade(asking({ path: [String(limits.answerCache)] }))).toBe(false);
  });
});
