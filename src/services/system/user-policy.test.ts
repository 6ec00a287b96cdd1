// The configuration of the service `user`: shown, checked, and in force at once.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anonymous } from '../../core/operation.ts';
import { openPostHouse, type PostHouse } from '../user/mailbox-fixture.ts';
import { readUserPolicy, userConfigFields } from './user-policy.ts';

let post: PostHouse;
beforeEach(async () => {
  post = await openPostHouse();
});
afterEach(() => post.house.store.close());

const accounts = { publicUrl: 'https://tenon.example.com', hasForeverSessions: false };
const policy = () => readUserPolicy({ ...post.house, accounts });
const service = async () => {
  const { body } = await post.house.ask('GET', "service?filter=type='user'");
  return (
    (body as { resource: { id: number; config: Record<string, unknown> }[] }).resource[0] ?? expect.fail()
  );
};
const patch = async (body: unknown) => post.house.reply('PATCH', `service/${(await service()).id}`, { body });

describe('the configuration of the service user', () => {
  it('has a field for everything, and is shown with its defaults', async () => {
    const { config } = await service();
    expect(config).toMatchObject({
      allow_open_registration: false,
      confirm_code_ttl: 1440,
      reset_code_ttl: 60,
    });
    for (const { name } of userConfigFields) expect(config).toHaveProperty(name);
    const types = await post.house.ask('GET', 'service_type/user');
    expect(JSON.stringify(types.body)).toContain('open_reg_email_template_id');
  });

  it('is in force when it is stored, also for who is not logged in', async () => {
    expect((await policy()).isRegistrationOpen).toBe(false);
    expect(await post.configure({ allow_open_registration: true, invite_email_service_id: 'post' })).toBe(
      200,
    );
    expect(await policy()).toMatchObject({
      isRegistrationOpen: true,
      invitation: { page: 'https://tenon.example.com/#/user-invite', templateId: null },
      registration: undefined,
    });
    const environment = await post.house.ask('GET', 'environment', { principal: anonymous });
    expect(environment.body).toMatchObject({ authentication: { allow_open_registration: true } });
  });

  it('may name pages elsewhere, and templates', async () => {
    const page = 'https://app.example.com/reset';
    await post.configure({ password_email_service_id: 'post', confirm_reset_url: page });
    const other = { name: 'Ours', subject: 'x', body_text: '{link}' };
    const made = await post.house.ask('POST', 'email_template', { body: { resource: [other] } });
    const [{ id }] = (made.body as { resource: [{ id: number }] }).resource;
    await post.configure({ password_email_template_id: id, reset_code_ttl: 5 });
    await post.house.ask('POST', 'user', { body: { email: 'a+b@example.com' } });
    const body = { email: 'a+b@example.com' };
    await post.house.as('user').ask('POST', 'password?reset=true', { body, principal: anonymous });
    const mail = await post.next();
    expect(mail).toMatchObject({ template: 'Ours', code_minutes: 5 });
    expect(mail.link).toBe(`${page}?code=${mail.code}&email=a%2Bb%40example.com`);
  });

  it.each([
    [{ confirm_code_ttl: 0 }, 'config.confirm_code_ttl'],
    [{ reset_code_ttl: 1e9 }, 'config.reset_code_ttl'],
    [{ allow_open_registration: 'yes' }, 'config.allow_open_registration'],
    [{ open_reg_role_id: '1' }, 'config.open_reg_role_id'],
    [{ confirm_reset_url: 'javascript:alert(1)' }, 'config.confirm_reset_url'],
    [{ confirm_reset_url: '//elsewhere.example.com' }, 'config.confirm_reset_url'],
    [{ confirm_invite_url: 'example.com/x' }, 'config.confirm_invite_url'],
  ])('refuses %j', async (config, field) => {
    const answer = await patch({ config });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body?.value)).toContain(`'${field}'`);
  });

  it('that names what is not there is stored with a warning', async () => {
    const answer = await patch({ config: { invite_email_service_id: 99, open_reg_role_id: 98 } });
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'X-Tenon-Warning': expect.stringMatching(/invite_email_service_id, open_reg_role_id/) },
    });
    await post.house.ask('POST', 'role', { body: { name: 'reader' } });
    const right = await patch({ config: { invite_email_service_id: null, open_reg_role_id: 1 } });
    expect(right.headers).toEqual({});
  });

  it('is all that changes of the service: name and type stay', async () => {
    expect((await patch({ name: 'people' })).status).toBe(403);
    expect((await patch({ type: 'echo' })).status).toBe(403);
    const whole = { ...(await service()), label: 'People' };
    expect(await patch(whole)).toMatchObject({ status: 200 });
    expect((await post.house.ask('DELETE', `service/${(await service()).id}`)).status).toBe(403);
  });

  it('decides who sends: what fails says why, to the log', async () => {
    await post.configure({ allow_open_registration: true, open_reg_email_service_id: 99 });
    const body = { email: 'uma@example.com' };
    const answer = await post.house.as('user').ask('POST', 'register', { body, principal: anonymous });
    expect(answer).toEqual({ status: 200, body: { success: true } });
    await post.quiet();
    expect(post.house.observations.at(-1)).toMatchObject({
      kind: 'service.failed',
      reason: expect.stringContaining('does not exist'),
    });
  });
});
