import SwaggerParser from '@apidevtools/swagger-parser';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixtureSql, startTestServer, type TestServer } from '../server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('hr', fixtureSql('transcripts'));
});
afterAll(() => server.close());

test.each(['hr', 'system', 'user', 'api_docs', '_all'])('valid %s', async (name) => {
  const answer = await server.ask(`/api/v2/api_docs/${name}`);
  expect(answer.status, answer.text).toBe(200);
  console.log(name, answer.text.length, Object.keys(answer.body.paths).length);
  if (name === 'hr') console.log(JSON.stringify(answer.body, null, 1).slice(0, 9000));
  await SwaggerParser.validate(structuredClone(answer.body));
});
