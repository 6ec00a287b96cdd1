import { expect, it } from 'vitest';
import { messageQueueName } from './message-queue-name.ts';

const sqs = { after: '-production', most: 80 };

it('plain names stay as they are', () => {
  for (const name of ['default', 'High_2', 'a-b', '0']) {
    expect(messageQueueName(name, { most: 80 })).toBe(name);
    expect(messageQueueName(name, sqs)).toBe(`${name}-production`);
    expect(messageQueueName(name, { before: 'tenon.mails.', most: 200 })).toBe(`tenon.mails.${name}`);
  }
});

it('other names are marked, and no two queues share one', () => {
  const odd = [
    'ü queue/1',
    'ü queue/2',
    'ü-queue-1',
    'queue-1',
    '-queue-1',
    'queue 1',
    '-',
    '--',
    '*',
    ' ',
    '日本',
  ];
  const long = ['x'.repeat(64), 'x'.repeat(63), `${'x'.repeat(63)}y`];
  // Somebody may call a queue like the mark of another one.
  const first = messageQueueName('ü queue/1', { most: 80 });
  const all = [...odd, ...long, first, messageQueueName(first, { most: 80 })];
  for (const rule of [{ most: 80 }, sqs, { most: 200, before: 'tenon.c.' }]) {
    const names = all.map((name) => messageQueueName(name, rule));
    expect(new Set(names).size).toBe(all.length);
    for (const name of names) {
      expect(name).toMatch(/^[A-Za-z0-9][\w.-]*$/);
      expect(name.length).toBeLessThanOrEqual(rule.most);
    }
  }
  expect(first).toMatch(/^queue-1--[0-9a-f]{24}$/);
});

it('names that are too long with what stands around them are shortened', () => {
  const name = messageQueueName('x'.repeat(64), { after: '-of-the-production', most: 80 });
  expect(name).toMatch(/^x+--[0-9a-f]{24}-of-the-production$/);
  expect(name).toHaveLength(80);
});
