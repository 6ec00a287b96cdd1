import { expect, test } from 'vitest';
import { defaultTemplates } from '../system/user-policy.ts';
import { userMailTemplates } from './templates.ts';

const gapsOf = (text: string | null) => [...(text ?? '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name);

test('there is a template for each kind of mail', () => {
  expect(userMailTemplates.map(({ name }) => name).sort()).toEqual(Object.values(defaultTemplates).sort());
});

test.each(userMailTemplates.map((template) => [template.name, template] as const))(
  '%s says how to go on, in text and in HTML',
  (_name, { subject, bodyText, bodyHtml }) => {
    expect(subject).not.toBe('');
    for (const body of [bodyText, bodyHtml])
      expect(gapsOf(body)).toEqual(expect.arrayContaining(['link', 'code_minutes']));
    expect(bodyHtml).toContain('href="{link}"');
  },
);

test('mails that anybody can have sent to anybody repeat nothing that he wrote', () => {
  const open: readonly string[] = [defaultTemplates.register, defaultTemplates.reset];
  for (const { name, subject, bodyText, bodyHtml } of userMailTemplates) {
    if (!open.includes(name)) continue;
    const gaps = new Set([subject, bodyText, bodyHtml].flatMap(gapsOf));
    expect(gaps, name).toEqual(new Set(['link', 'code_minutes']));
  }
});
