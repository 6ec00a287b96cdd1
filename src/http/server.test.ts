import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fixture, startFixture } from './fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.close());

test('smoke', async () => {
  const r = await fixture.ask('/api/v2/echo/a/b?x=1&api_key=k', {method:'POST', body:'{"a":1}'});
  console.log(r.status, [...r.headers], await r.text());
  const s = await fetch(fixture.server.url+'/status'); console.log(s.status, [...s.headers], await s.text());
  const t = await fetch(fixture.server.url+'/nope'); console.log(t.status, [...t.headers], await t.text());
  expect(r.status).toBe(200);
});
