import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { actions, type Requestor } from './operation.ts';
import type { Grant } from './role.ts';
import { verbBits } from './role.ts';
import { grantOf, roleOf } from './role-fixture.ts';

const at = (component: string) => ({ component, events: [] });
const api = { service: 'hr', requestor: 'api' as const };
const verbs = (grants: readonly Partial<Grant>[], component: string, asked = api) =>
  roleOf(grants).allowance(asked, at(component)).verbs;

describe('a component', () => {
  test.each([
    ['_table/todo', '_table/todo', true],
    ['_table/todo/', '_table/todo', true],
    ['_TABLE/Todo', '_table/todo', true],
    ['_table/todo', '_table/Todo', true],
    ['_table/todo', '_table/todos', false],
    ['_table/todo', '_table', false],
    ['_table/todo/*', '_table/todo', true],
    ['_table/todo/*', '_table/todo/5', true],
    ['_table/todo/*', '_table/todos', false],
    ['_table/*', '_table/todo', true],
    ['_table/*', '_table', true],
    ['_table/*', '_schema/todo', false],
    ['_table/*', '_tables', false],
    ['_table/*', '', false],
    ['_table*', '_table/todo', false],
    ['_table/{table_name}', '_table/todo', true],
    ['_table/{table_name}', '_table', false],
    ['_table/{table_name}', '_table/todo/5', false],
    ['_table/{table_name}/*', '_table/todo/5', true],
    ['{any}/todo', '_schema/todo', true],
    ['_table/{x', '_table/{x', true],
    ['_table/{x', '_table/todo', false],
    ['*', '_table/todo', true],
    ['*', '', true],
    ['', '', true],
    ['', '_table/todo', false],
    ['/', '', true],
  ])('of a row, %j, covers %j: %s', (pattern, component, isCovered) => {
    expect(verbs([{ component: pattern }], component)).toBe(isCovered ? 1 : 0);
  });
});

describe('of several rows', () => {
  const exact = { component: '_table/todo', verbMask: 1 };
  const prefix = { component: '_table/*', verbMask: 2 };
  const whole = { component: '*', verbMask: 4 };
  const all = { serviceId: null, service: null, component: '*', verbMask: 8 };

  test('the most specific level decides alone', () => {
    expect(verbs([all, whole, prefix, exact], '_table/todo')).toBe(1);
    expect(verbs([all, whole, prefix], '_table/todo')).toBe(2);
    expect(verbs([all, whole], '_table/todo')).toBe(4);
    expect(verbs([all], '_table/todo')).toBe(8);
    expect(verbs([], '_table/todo')).toBe(0);
  });

  test('those of one level add up', () => {
    const other = { component: '_table/{table_name}', verbMask: 16 };
    expect(verbs([prefix, other, whole], '_table/todo')).toBe(18);
  });

  test('a row that grants nothing takes away what a general one grants', () => {
    expect(verbs([whole, { component: '_table/todo', verbMask: 0 }], '_table/todo')).toBe(0);
  });

  test('a row for another requestor counts as if it were not there', () => {
    const rows = [{ ...exact, requestorMask: 2 }, whole];
    expect(verbs(rows, '_table/todo')).toBe(4);
    expect(verbs(rows, '_table/todo', { service: 'hr', requestor: 'script' as never })).toBe(1);
  });

  test('another service is another matter, however it is written', () => {
    expect(verbs([exact], '_table/todo', { ...api, service: 'crm' })).toBe(0);
    expect(verbs([exact], '_table/todo', { ...api, service: 'HR' })).toBe(1);
  });

  test('a row of all services that names a component grants nothing', () => {
    expect(verbs([{ ...all, component: '_table/todo' }], '_table/todo')).toBe(0);
  });

  test('verbs granted under filters are told apart', () => {
    const filters = [{ name: 'id', operator: '=', value: 1 }];
    const role = roleOf([exact, { component: '_table/todo', verbMask: 6, filters }, whole]);
    const { verbs, restrictions } = role.allowance(api, at('_table/todo'));
    expect(verbs).toBe(7);
    const rows = [{ op: 'AND', conditions: filters }];
    expect(Object.keys(restrictions)).toEqual(['POST', 'PUT']);
    expect(restrictions.PUT).toEqual({ rows, fields: new Map() });
  });
});

describe('what a role reaches', () => {
  test.each([
    [{ service: 'hr' }, true],
    [{ service: null, serviceId: null }, true],
    [{ service: 'crm' }, false],
    [{ requestorMask: 2 }, false],
    [{ verbMask: 0 }, false],
  ])('with %j: %s', (over, isReached) => {
    expect(roleOf([over]).reaches('HR')).toBe(isReached);
  });
});

test('is worked out once for a location', () => {
  const role = roleOf([{}]);
  const place = at('_table/todo');
  expect(role.allowance(api, place)).toBe(role.allowance(api, place));
});

describe('the matrix of roles, components, verbs and requestors', () => {
  const components = ['', '_table', '_table/a', '_table/b', '_table/a/1', '_schema/a', '*x'];
  const patterns = [
    '',
    '*',
    '_table',
    '_table/*',
    '_table/a',
    '_table/a/',
    '_table/a/*',
    '_table/{t}',
    '_schema/*',
  ];
  const services = ['hr', 'crm'];
  const row = fc.record({
    service: fc.constantFrom(...services, null),
    component: fc.constantFrom(...patterns),
    verbMask: fc.integer({ min: 0, max: 31 }),
    requestorMask: fc.integer({ min: 0, max: 3 }),
  });

  test('is what the rules say, told in another way', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), (rows) => {
        const role = roleOf(rows.map((each) => ({ ...each, serviceId: each.service === null ? null : 1 })));
        for (const service of services) {
          for (const component of components) {
            for (const requestor of ['api', 'script'] as const) {
              const { verbs: granted } = role.allowance({ service, requestor }, at(component));
              for (const action of actions) {
                const isAllowed = (granted & verbBits[action]) !== 0;
                expect(isAllowed).toBe(
                  oracle(rows, { service, component, requestor, bit: verbBits[action] }),
                );
              }
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

type Row = Pick<Grant, 'service' | 'component' | 'verbMask' | 'requestorMask'>;

/** The rules of spec §5.13 by regular expressions and a number for each level. */
function oracle(
  rows: readonly Row[],
  asked: { service: string; component: string; requestor: Requestor; bit: number },
): boolean {
  const door = asked.requestor === 'api' ? 1 : 2;
  const ranked = rows
    .filter((each) => each.requestorMask === 3 || each.requestorMask === door)
    .map((each) => ({ each, rank: rank(each, asked) }))
    .filter(({ rank: found }) => found > 0);
  const best = Math.max(0, ...ranked.map(({ rank: found }) => found));
  return ranked.some(({ each, rank: found }) => found === best && (each.verbMask & asked.bit) > 0);
}

function rank({ service, component }: Row, asked: { service: string; component: string }): number {
  if (service === null) return component === '' || component === '*' ? 1 : 0;
  if (service !== asked.service) return 0;
  const bare = component.replace(/\/$/, '');
  if (bare === asked.component) return 4;
  if (bare === '*') return 2;
  const source = bare.replace(/\/\*$/, '(/.*)?').replaceAll(/\{\w+\}/g, '[^/]+');
  return source !== bare && new RegExp(`^${source}$`).test(asked.component) ? 3 : 0;
}

test('a fixture of a row is a row', () => {
  expect(grantOf()).toMatchObject({ service: 'hr', verbMask: 1 });
});
