import { describe, expect, it } from 'vitest';
import { withoutText } from './text-records.ts';

describe('a record of text', () => {
  it.each([
    [{ is_active: 'true' }, { is_active: true }],
    [
      { is_active: '0', private: 'Yes', allow_event_modification: 'off' },
      { is_active: false, private: true, allow_event_modification: false },
    ],
    [{ is_active: 'perhaps' }, { is_active: 'perhaps' }],
    [
      { id: '5', role_id: '007', verb_mask: '31' },
      { id: 5, role_id: 7, verb_mask: 31 },
    ],
    [
      { role_id: 'x', id: '1.5', app_id: '9'.repeat(30) },
      { role_id: 'x', id: '1.5', app_id: '9'.repeat(30) },
    ],
    [
      { name: 'true', phone: '0123', description: '1' },
      { name: 'true', phone: '0123', description: '1' },
    ],
    [{ name: 'x', description: '', role_id: '' }, { name: 'x' }],
    [
      { name: 'r', role_service_access_by_role_id: { service_id: '3', component: '*' } },
      { name: 'r', role_service_access_by_role_id: [{ service_id: 3, component: '*' }] },
    ],
    [{ lookup_by_role_id: [{ id: '1' }, { id: '2' }] }, { lookup_by_role_id: [{ id: 1 }, { id: 2 }] }],
    [{ service_doc_by_service_id: { content: '1' } }, { service_doc_by_service_id: { content: '1' } }],
    [{ rows: [{ id: '1' }, { id: '2' }] }, { rows: [{ id: 1 }, { id: 2 }] }],
    [{ type: 'sqlite' }, { type: 'sqlite' }],
    [
      {
        confirmed: 'true',
        second_factor: 'false',
        enabled: 'no',
        supports_credentials: '1',
        requires_fullscreen: 'off',
      },
      {
        confirmed: true,
        second_factor: false,
        enabled: false,
        supports_credentials: true,
        requires_fullscreen: false,
      },
    ],
    [
      { rate: '10', max_age: '60', value: '007' },
      { rate: 10, max_age: 60, value: '007' },
    ],
    [
      { to: '[{"email":"a@b.c"}]', defaults: '{"n":1}', method: '["GET"]', body_text: '[1]' },
      { to: [{ email: 'a@b.c' }], defaults: { n: 1 }, method: ['GET'], body_text: '[1]' },
    ],
    [
      { to: '[broken', config: '{"__proto__":1}', method: 'GET' },
      { to: '[broken', config: '{"__proto__":1}', method: 'GET' },
    ],
    [{ to: { email: 'a@b.c' } }, { to: [{ email: 'a@b.c' }] }],
  ])('%j is %j', (record, expected) => {
    expect(withoutText(record)).toEqual(expected);
  });
});
