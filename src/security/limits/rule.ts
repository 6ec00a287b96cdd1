// A limit as a rule: whom and what it counts, and what that is called.
// Invariant: who is counted comes from the principal and the connection alone, never from what a caller can
// write into a request.
import { isIPv6 } from 'node:net';
import type { Operation } from '../../core/operation.ts';
import { coversComponent } from '../../core/role.ts';
import type { Location } from '../../core/service.ts';
import type { LimitRecord } from '../../core/store.ts';

/** Seconds of the periods that a limit may have. */
export const periodSeconds: Readonly<Record<string, number>> = {
  minute: 60,
  hour: 3_600,
  day: 86_400,
  '7-day': 604_800,
  '30-day': 2_592_000,
};

/** The kinds of limits by name; the narrower come first, because they are counted first. */
export const limitTypes = [
  'instance.user.service.endpoint',
  'instance.each_user.service.endpoint',
  'instance.user.service',
  'instance.each_user.service',
  'instance.user',
  'instance.each_user',
  'instance.role',
  'instance.service.endpoint',
  'instance.service',
  'instance',
] as const;

/** What a limit counts, beside its rate. */
export type LimitScope = Pick<
  LimitRecord,
  'type' | 'period' | 'userId' | 'roleId' | 'serviceId' | 'endpoint' | 'verb'
>;

/** What a limit counts, as one text: `instance.user:3.service:5.endpoint:_table/contact.verb:GET.minute`. */
export function keyText({ type, period, userId, roleId, serviceId, endpoint, verb }: LimitScope): string {
  const ids: Readonly<Record<string, unknown>> = {
    user: userId,
    role: roleId,
    service: serviceId,
    endpoint: endpoint?.toLowerCase(),
  };
  const words = type.split('.').map((word) => (word in ids ? `${word}:${ids[word]}` : word));
  return [...words, ...(verb === null ? [] : [`verb:${verb}`]), period].join('.');
}

/** What a counter of a limit is called: the text of the limit, with the caller for whom it counts. */
export function counterText(limit: LimitScope, who: string): string {
  return keyText(limit).replace('.each_user', who === everybody ? '.each_user' : `.${who}`);
}

/** Who is counted where all callers share a counter. */
export const everybody = 'all';

/** A limit in force. */
export interface LimitRule {
  readonly limit: LimitRecord;
  /** In lower case; undefined: every service. */
  readonly service: string | undefined;
}

/** Whether a limit counts what an operation asks for; the same for the same principal and location. */
export function counts({ limit, service }: LimitRule, asked: Operation, { component }: Location): boolean {
  const { userId, roleId, endpoint, verb } = limit;
  if (service !== undefined && service !== asked.service.toLowerCase()) return false;
  if (verb !== null && verb !== asked.action) return false;
  if (userId !== null && userId !== asked.principal.user?.id) return false;
  if (roleId !== null && roleId !== asked.principal.role?.id) return false;
  return endpoint === null || coversComponent(endpoint, component);
}

/**
 * For whom a limit counts a principal: everybody, the user, the app whose key came alone; undefined where
 * that is for the address to say.
 */
export function counted({ limit }: LimitRule, { principal }: Operation): string | undefined {
  if (!limit.type.includes('each_user')) return everybody;
  if (principal.user !== undefined) return `user:${principal.user.id}`;
  return principal.app === null ? undefined : `app:${principal.app.id}`;
}

/** An address as somebody who is counted; of IPv6 the network, because each subscriber has one to himself. */
export function addressed(address: string | undefined): string {
  if (address === undefined) return 'address:inside';
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIPv6(plain) ? `address:${network(plain)}` : `address:${plain}`;
}

// The first four of eight groups, without leading zeros; `::` stands for the groups that are missing.
function network(address: string): string {
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0');
  const groups = [...front, ...(tail === undefined ? [] : zeros), ...back].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
