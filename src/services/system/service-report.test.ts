import { expect, test } from 'vitest';
import { openHouse } from './scenario.ts';

test('who made, changed and removed services, also those that are gone', async () => {
  const house = await openHouse();
  const config = { database: 'x' };
  const { body } = await house.ask('POST', 'service?fields=*', {
    body: {
      resource: [
        { name: 'one', type: 'echo', config },
        { name: 'two', type: 'echo', config },
      ],
    },
  });
  const [one, two] = (body as { resource: { id: number }[] }).resource.map(({ id }) => id);
  await house.ask('PATCH', `service/${one}`, { body: { label: 'First' } });
  await house.ask('DELETE', `service/${two}`);
  await house.ask('POST', 'role', { body: { resource: [{ name: 'not a service' }] } });
  const report = await house.ask(
    'GET',
    'service_report?fields=service_id,service_name,user_email,action,request_verb',
  );
  const user_email = 'admin@example.com';
  expect(report.body).toEqual({
    resource: [
      { service_id: one, service_name: 'one', user_email, action: 'create', request_verb: 'POST' },
      { service_id: two, service_name: 'two', user_email, action: 'create', request_verb: 'POST' },
      { service_id: one, service_name: 'one', user_email, action: 'update', request_verb: 'PATCH' },
      { service_id: two, service_name: 'two', user_email, action: 'delete', request_verb: 'DELETE' },
    ],
  });
  const filtered = await house.ask('GET', "service_report?filter=action='delete'&include_count=true");
  expect(filtered.body).toMatchObject({ resource: [{ service_name: 'two' }], meta: { count: 1 } });
  for (const action of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    expect((await house.ask(action, 'service_report', { body: { resource: [{ id: 1 }] } })).status).toBe(400);
  }
  await house.store.close();
});
