import { expect, test } from 'vitest';
import { serverFacts } from './server-facts.ts';
import { version } from './version.ts';

const at = { publicUrl: 'https://api.example.com' };

test('the server is where its operator says', () => {
  expect(serverFacts(at, [])).toEqual({
    'df.host_url': 'https://api.example.com',
    'df.name': 'Tenon',
    'df.version': version,
    'df.api_version': '2.0',
    'df.confirm_invite_url': 'https://api.example.com/#/user-invite',
    'df.confirm_register_url': 'https://api.example.com/#/register-confirm',
    'df.confirm_reset_url': 'https://api.example.com/#/reset-password',
  });
});

test('pages are where the service `user` says', () => {
  const config = { confirm_reset_url: '/new-password', confirm_invite_url: 'https://app.example.com/in' };
  const facts = serverFacts(at, [
    { type: 'echo', config: { confirm_reset_url: '/x' } },
    { type: 'user', config },
  ]);
  expect(facts).toMatchObject({
    'df.confirm_reset_url': 'https://api.example.com/new-password',
    'df.confirm_invite_url': 'https://app.example.com/in',
    'df.confirm_register_url': 'https://api.example.com/#/register-confirm',
  });
});
