import { describe, expect, test } from 'vitest';
import { eventName, eventResource, parseEventName } from './event.ts';

describe('event names', () => {
  test('service in lower case, path as it is, verb in lower case', () => {
    expect(eventName('HR', ['_table', 'Contact', '{id}'], 'GET')).toBe('hr._table.Contact.{id}.get');
    expect(eventName('hr', [], 'POST')).toBe('hr.post');
  });

  test('event.resource leaves out what the name already says', () => {
    const path = ['_table', 'todo', '2'];
    expect(eventResource({ name: 'hr._table.{table_name}.{id}.get', drop: 1 }, path)).toBe('todo/2');
    expect(eventResource({ name: 'hr._table.todo.{id}.get', drop: 2 }, path)).toBe('2');
    expect(eventResource({ name: 'hr._table.get', drop: 1 }, ['_table'])).toBe('');
  });

  test('event.resource of a path with placeholders is their values', () => {
    const name = 'shop.orders.{id}.lines.{line}.get';
    const placeholders = [['{id}', 1] as const, ['{line}', 3] as const];
    expect(eventResource({ name, drop: 0, placeholders }, ['orders', '7', 'lines', '2'])).toEqual({
      '{id}': '7',
      '{line}': '2',
    });
    expect(eventResource({ name, drop: 0, placeholders }, ['orders'])).toEqual({ '{id}': '', '{line}': '' });
  });

  test.each([
    ['hr._table.todo.get.pre_process', 'hr._table.todo.get', 'GET', 'pre_process'],
    [
      'hr._table.{table_name}.{id}.patch.post_process',
      'hr._table.{table_name}.{id}.patch',
      'PATCH',
      'post_process',
    ],
    ['hr.get', 'hr.get', 'GET', ''],
    ['hr._table.a.post.queued', 'hr._table.a.post', 'POST', 'queued'],
    ['hr._table.get.get.pre_process', 'hr._table.get.get', 'GET', 'pre_process'],
  ])('%s', (text, event, action, stage) => {
    expect(parseEventName(text)).toEqual({ event, action, stage });
  });

  test.each([
    '',
    'hr',
    'hr._table.todo',
    'hr.fetch.pre_process',
    'hr.get.before',
    '.get',
    'hr .get',
    'hr.get.',
  ])('no event name: %j', (text) => {
    expect(parseEventName(text)).toBeUndefined();
  });
});
