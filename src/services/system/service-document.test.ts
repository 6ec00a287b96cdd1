// Definitions of services over the system API: written beside a service, answered where they are asked for.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;

beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const content = '{"paths":{"/orders":{"get":{}}}}';
const related = 'related=service_doc_by_service_id';

const save = (document: unknown) =>
  house.ask('POST', 'service?fields=id', {
    body: {
      resource: [
        {
          ...{ name: 'shop', type: 'echo', config: { database: 'x' } },
          ...(document === undefined ? {} : { service_doc_by_service_id: document }),
        },
      ],
    },
  });

const read = async () => (await house.ask('GET', `service/2?fields=name&${related}`)).body;

describe('a definition', () => {
  it('is stored with its service and answered only where it is asked for', async () => {
    await save({ content, format: 0 });
    expect(await read()).toEqual({
      name: 'shop',
      service_doc_by_service_id: { service_id: 2, content, format: 0 },
    });
    const { body } = await house.ask('GET', 'service/2');
    expect(body).not.toHaveProperty('service_doc_by_service_id');
    expect(body).toMatchObject({ name: 'shop' });
  });

  it('comes with whole records, in lists and in answers to writes', async () => {
    await save({ content });
    const document = { content, format: 0, service_id: 2 };
    expect((await house.ask('GET', `service?filter=id=2&${related}`)).body).toMatchObject({
      resource: [{ name: 'shop', is_active: true, service_doc_by_service_id: document }],
    });
    const changed = await house.ask('PATCH', `service/2?${related}`, { body: { label: 'Shop' } });
    expect(changed.body).toMatchObject({ label: 'Shop', service_doc_by_service_id: document });
    expect((await house.ask('GET', 'service/2?related=*')).body).toMatchObject({
      service_doc_by_service_id: document,
    });
  });

  it.each([undefined, null, [], {}, { content: null }, { content: ' ', format: 1 }])(
    'that is none is null: %j',
    async (document) => {
      expect((await save(document)).status).toBe(201);
      expect(await read()).toEqual({ name: 'shop', service_doc_by_service_id: null });
    },
  );

  it('may be YAML, or sent as the object that it is', async () => {
    await save({ content: 'paths:\n  /a: {}\n', format: 1 });
    expect(await read()).toMatchObject({
      service_doc_by_service_id: { content: 'paths:\n  /a: {}', format: 1 },
    });
    await house.ask('PATCH', 'service/2', {
      body: { service_doc_by_service_id: { content: { paths: {} }, format: 1 } },
    });
    expect(await read()).toMatchObject({ service_doc_by_service_id: { content: '{"paths":{}}', format: 0 } });
  });

  it('stays when other things change, and goes when it is set to null', async () => {
    await save({ content });
    await house.ask('PATCH', 'service/2', { body: { label: 'x', config: { mode: 'fast' } } });
    expect(await read()).toMatchObject({ service_doc_by_service_id: { content } });
    await house.ask('PATCH', 'service/2', { body: { service_doc_by_service_id: null } });
    expect(await read()).toMatchObject({ service_doc_by_service_id: null });
  });

  it.each([
    ['text', 'x', /'service_doc_by_service_id' must be an object/],
    ['a list', [1], /'service_doc_by_service_id' must be an object/],
    ['a number for content', { content: 5 }, /'service_doc_by_service_id\.content' must be text/],
    ['another format', { content, format: 2 }, /'service_doc_by_service_id\.format' must be 0 \(JSON\) or 1/],
    ['no JSON', { content: '{' }, /'service_doc_by_service_id\.content' can not be read/],
    ['no YAML', { content: 'a: [', format: 1 }, /is not valid YAML/],
    ['no paths', { content: '{"paths":5}' }, /'paths' must be an object/],
  ])('that is %s is refused, and nothing is stored', async (_what, document, message) => {
    const { status, body } = await save(document);
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toMatch(message);
    expect((await house.ask('GET', 'service/2')).status).toBe(404);
  });

  it('is checked when it changes, too', async () => {
    await save({ content });
    const { status } = await house.ask('PATCH', 'service/2', {
      body: { service_doc_by_service_id: { content: '{"paths":{"a":{}}}' } },
    });
    expect(status).toBe(400);
    expect(await read()).toMatchObject({ service_doc_by_service_id: { content } });
  });

  it('is the only relation of a service', async () => {
    const { status, body } = await house.ask('GET', 'service/2?related=nope');
    expect([status, JSON.stringify(body)]).toEqual([
      400,
      expect.stringContaining('Invalid relationship requested: nope'),
    ]);
    expect((await house.ask('GET', `event_script?${related}`)).status).toBe(400);
  });
});
