import { describe, expect, it } from 'vitest';
import { fc } from '../../../test/properties.ts';
import { anonymous } from '../../core/operation.ts';
import { appOf, callOf, storedLimit, userOf } from './limits-fixture.ts';
import { addressed, counted, counterText, counts, keyText, limitTypes, periodSeconds } from './rule.ts';

const place = { component: '_table/todo', events: [] };
const ids = { userId: 3, roleId: 4, serviceId: 5, endpoint: '_table/Todo' };

describe('the text of a limit', () => {
  it.each([
    ['instance', 'instance.minute'],
    ['instance.user', 'instance.user:3.minute'],
    ['instance.each_user', 'instance.each_user.minute'],
    ['instance.role', 'instance.role:4.minute'],
    ['instance.service', 'instance.service:5.minute'],
    ['instance.user.service', 'instance.user:3.service:5.minute'],
    ['instance.each_user.service', 'instance.each_user.service:5.minute'],
    ['instance.service.endpoint', 'instance.service:5.endpoint:_table/todo.minute'],
    ['instance.user.service.endpoint', 'instance.user:3.service:5.endpoint:_table/todo.minute'],
    ['instance.each_user.service.endpoint', 'instance.each_user.service:5.endpoint:_table/todo.minute'],
  ])('of type %s says whom and what it counts', (type, text) => {
    expect(keyText(storedLimit({ type, ...ids }))).toBe(text);
    expect(keyText(storedLimit({ type, ...ids, verb: 'GET', period: '7-day' }))).toBe(
      text.replace('minute', 'verb:GET.7-day'),
    );
  });

  it('is different for each type, period and verb', () => {
    const texts = limitTypes.flatMap((type) =>
      Object.keys(periodSeconds).flatMap((period) =>
        [null, 'GET', 'POST'].map((verb) => keyText(storedLimit({ type, period, verb, ...ids }))),
      ),
    );
    expect(new Set(texts).size).toBe(limitTypes.length * 5 * 3);
  });

  it('names the caller in the text of a counter', () => {
    const each = storedLimit({ type: 'instance.each_user.service', serviceId: 5 });
    expect(counterText(each, 'user:3')).toBe('instance.user:3.service:5.minute');
    expect(counterText(each, 'all')).toBe('instance.each_user.service:5.minute');
    expect(counterText(storedLimit(), 'all')).toBe('instance.minute');
  });
});

describe('a limit counts', () => {
  const count = (over: Parameters<typeof storedLimit>[0], service?: string) => {
    const rule = { limit: storedLimit(over), service };
    return (operation: ReturnType<typeof callOf>, at = place) => counts(rule, operation, at);
  };

  it('everything when it is the one of the instance', () => {
    expect(count({})(callOf(anonymous))).toBe(true);
    expect(count({})(callOf(userOf(3), { service: 'other', action: 'DELETE' }))).toBe(true);
  });

  it('its user, its role, its service and its verb alone', () => {
    expect(count({ userId: 3 })(callOf(userOf(3)))).toBe(true);
    expect(count({ userId: 3 })(callOf(userOf(33)))).toBe(false);
    expect(count({ userId: 3 })(callOf(anonymous))).toBe(false);
    expect(count({ roleId: 4 })(callOf(userOf(3, 4)))).toBe(true);
    expect(count({ roleId: 4 })(callOf(userOf(4, 3)))).toBe(false);
    expect(count({ roleId: 4 })(callOf(anonymous))).toBe(false);
    expect(count({ serviceId: 5 }, 'db')(callOf(anonymous, { service: 'DB' }))).toBe(true);
    expect(count({ serviceId: 5 }, 'db')(callOf(anonymous, { service: 'db2' }))).toBe(false);
    expect(count({ verb: 'POST' })(callOf(anonymous))).toBe(false);
    expect(count({ verb: 'POST' })(callOf(anonymous, { action: 'POST' }))).toBe(true);
  });

  it.each([
    ['_table/todo', '_table/todo', true],
    ['_TABLE/Todo', '_table/todo', true],
    ['_table/todo/', '_table/todo', true],
    ['_table/*', '_table/todo', true],
    ['_table/{table_name}', '_table/todo', true],
    ['*', '_table/todo', true],
    ['_table/tod', '_table/todo', false],
    ['_table/todos', '_table/todo', false],
    ['_table', '_table/todo', false],
    ['_schema/*', '_table/todo', false],
  ])('endpoint %s at %s: %s', (endpoint, component, isCounted) => {
    expect(count({ endpoint })(callOf(anonymous), { component, events: [] })).toBe(isCounted);
  });
});

describe('who is counted', () => {
  const each = { limit: storedLimit({ type: 'instance.each_user' }), service: undefined };

  it('is everybody together, unless each is counted', () => {
    expect(counted({ limit: storedLimit(), service: undefined }, callOf(userOf(3)))).toBe('all');
  });

  it('is the user, else the app whose key came alone, else the address', () => {
    const app = { id: 7, name: 'a', isActive: true };
    expect(counted(each, callOf(userOf(3, 1, { app, apiKey: 'k' })))).toBe('user:3');
    expect(counted(each, callOf(appOf(7)))).toBe('app:7');
    expect(counted(each, callOf(anonymous))).toBeUndefined();
    expect(counted(each, callOf({ ...anonymous, apiKey: 'made up' }))).toBeUndefined();
  });

  it('does not depend on anything that a caller can write into a request', () => {
    const words = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(words, words, fc.string(), (headers, parameters, apiKey) => {
        const request = {
          headers: { ...headers, 'x-forwarded-for': '1.2.3.4' },
          parameters,
          body: undefined,
        };
        const stranger = callOf({ ...anonymous, apiKey }, { request, uri: `/api/v2/${apiKey}` });
        expect(counted(each, stranger)).toBeUndefined();
        expect(addressed(stranger.remoteAddress)).toBe('address:192.0.2.1');
      }),
    );
  });
});

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:1:2:ffff::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5::', '2001:db8:1:2::/64'],
  ])('%s counts as %s', (address, who) => {
    expect(addressed(address)).toBe(`address:${who}`);
  });

  it('of one network of IPv6 is one caller, of another another', () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
    const half = fc.tuple(group, group, group, group).map((groups) => groups.join(':'));
    fc.assert(
      fc.property(half, half, half, (network, one, other) => {
        expect(addressed(`${network}:${one}`)).toBe(addressed(`${network}:${other}`));
        if (network !== one) expect(addressed(`${network}:${one}`)).not.toBe(addressed(`${one}:${one}`));
      }),
    );
  });

  it('may be missing where nobody called over the network', () => {
    expect(addressed(undefined)).toBe('address:inside');
  });
});
