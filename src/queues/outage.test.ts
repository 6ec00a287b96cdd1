import { expect, it } from 'vitest';
import type { Observation } from '../core/observe.ts';
import { Outage, reasonOf } from './outage.ts';

function open() {
  const seen: Observation[] = [];
  const outage = new Outage({ connection: 'c', observe: (observation) => void seen.push(observation) });
  return { outage, kinds: () => seen.map(({ kind }) => kind), seen };
}

it('an outage is told once, however many parts notice, and so is its end', () => {
  const { outage, kinds, seen } = open();
  outage.succeeded('sending');
  outage.failed('sending', new Error('gone'));
  outage.of('hearing').failed(new Error('gone, too'));
  outage.failed('sending', new Error('still gone'));
  expect(seen).toEqual([{ kind: 'broker.failed', connection: 'c', reason: 'gone' }]);
  outage.succeeded('sending');
  expect(kinds()).toHaveLength(1);
  outage.of('hearing').succeeded();
  outage.succeeded('hearing');
  expect(kinds()).toEqual(['broker.failed', 'broker.recovered']);
  outage.failed('hearing', 'text');
  expect(kinds()).toHaveLength(3);
});

it('a reason is that of whatever was thrown', () => {
  expect(reasonOf('text')).toBe('text');
  expect(reasonOf(new TypeError(''))).toBe('TypeError');
  expect(reasonOf(new AggregateError([new Error('a'), new Error('b')], ''))).toBe('a; b');
});
