import { beforeEach, describe, expect, test } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});

const full = {
  name: 'welcome',
  description: 'For new people',
  to: [{ name: '{first_name}', email: '{email}' }],
  cc: 'Ann <ann@example.org>, bo@example.org',
  bcc: { email: 'archive@example.org' },
  subject: 'Welcome, {first_name}',
  attachment: 'https://example.com/terms.pdf',
  body_text: 'Dear {first_name}',
  body_html: '<p>{first_name}</p>',
  from_name: '{brand}',
  from_email: 'us@example.com',
  reply_to_name: 'Desk',
  reply_to_email: '{desk}@example.com',
  defaults: { brand: 'Ours', desk: 'desk' },
};

const create = (template: unknown, query = '?fields=*') =>
  house.ask('POST', `email_template${query}`, { body: { resource: [template] } });

describe('a mail template', () => {
  test('is kept with all of its fields', async () => {
    expect(await create(full, '')).toMatchObject({
      status: 201,
      body: { resource: [{ id: expect.any(Number) }] },
    });
    const listed = await house.ask('GET', "email_template?filter=name='welcome'");
    expect(listed.body).toMatchObject({
      resource: [
        {
          ...full,
          cc: [
            { name: 'Ann', email: 'ann@example.org' },
            { name: '', email: 'bo@example.org' },
          ],
          bcc: [{ name: '', email: 'archive@example.org' }],
          attachment: ['https://example.com/terms.pdf'],
          created_by_id: 1,
        },
      ],
    });
  });

  test('is empty but for its name, unless more is said', async () => {
    const { body } = await create({ name: 'bare' });
    expect(body).toMatchObject({
      resource: [
        {
          ...{ name: 'bare', description: null, subject: null, body_text: null, body_html: null },
          ...{ to: [], cc: [], bcc: [], attachment: [], defaults: {}, from_name: null, from_email: null },
        },
      ],
    });
  });

  test('is changed in part, emptied by null, and removed', async () => {
    const { body } = await create(full);
    const { id } = (body as { resource: { id: number }[] }).resource[0] ?? { id: 0 };
    const path = `email_template/${id}`;
    await house.ask('PATCH', path, { body: { subject: 'Hello', cc: null, from_email: '', defaults: [] } });
    const changed = await house.ask('GET', path);
    const bo = { ...full, subject: 'Hello', cc: [], from_email: null, defaults: {} };
    expect(changed.body).toMatchObject({
      subject: bo.subject,
      cc: [],
      from_email: null,
      defaults: {},
      to: bo.to,
    });
    // What was answered is taken back as it is.
    expect(await house.ask('PUT', path, { body: changed.body })).toMatchObject({ status: 200 });
    const again = (await house.ask('GET', path)).body as Record<string, unknown>;
    const { last_modified_date: _date, ...before } = changed.body as Record<string, unknown>;
    expect(again).toMatchObject(before);
    expect(await house.ask('DELETE', path)).toMatchObject({ status: 200 });
    expect(await house.ask('GET', path)).toMatchObject({ status: 404 });
  });

  test('has a name of its own', async () => {
    await create(full);
    expect(await create(full)).toMatchObject({ status: 409 });
    expect(await create({ subject: 'x' })).toMatchObject({ status: 400 });
  });

  test.each<[Record<string, unknown>, string]>([
    [{ name: 'x'.repeat(65) }, "Field 'name' must have at most 64"],
    [{ to: 'nobody' }, "Field 'to' has 'nobody'"],
    [{ to: [{ email: 'a@b.c\r\nBcc: x@y.z' }] }, "Field 'to'"],
    [{ cc: [{ name: 'x\ny', email: 'a@b.c' }] }, "Field 'cc' must not have line breaks"],
    [{ bcc: [{ name: 'x\ny', email: '{email}' }] }, "Field 'bcc' must not have line breaks"],
    [{ to: Array(101).fill('a@b.c') }, 'names 101 addresses'],
    [{ subject: 'a\r\nb' }, "Field 'subject' must not have line breaks"],
    [{ subject: 7 }, "Field 'subject' must be text"],
    [{ from_email: 'nobody' }, "Field 'from_email' has 'nobody'"],
    [{ reply_to_email: 'a@b@c' }, "Field 'reply_to_email'"],
    [{ from_name: 'a\nb' }, "Field 'from_name'"],
    [{ attachment: [7] }, "Field 'attachment' must be a list"],
    [{ attachment: Array(21).fill('x') }, 'at most 20 files'],
    [{ defaults: 'x' }, "Field 'defaults' must be an object"],
    [{ body_text: {} }, "Field 'body_text' must be text"],
    [{ body_html: 'x'.repeat(1_048_577) }, "Field 'body_html' must have at most 1048576"],
  ])('with %j is refused', async (wrong, message) => {
    const answer = await create({ name: 't', ...wrong });
    expect(answer).toMatchObject({ status: 400 });
    expect(JSON.stringify(answer.body)).toContain(message);
    expect((await house.ask('GET', 'email_template?count_only=true')).body).not.toBeGreaterThan(3);
  });

  test('leaves a note of every change', async () => {
    await create(full);
    expect(house.observations).toContainEqual(
      expect.objectContaining({
        kind: 'config.changed',
        record: expect.stringMatching(/^email_template\/\d+$/),
      }),
    );
    const [entry] = await house.store.audit.list({ limit: 1 });
    expect(entry).toMatchObject({ action: 'create', record: expect.stringMatching(/^email_template\//) });
  });
});
