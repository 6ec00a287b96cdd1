// Reads whom and what a limit counts. Invariant: a limit has exactly the fields that its type needs, and what
// they name is there.
import { limits } from '../../core/limits.ts';
import { type Action, actions } from '../../core/operation.ts';
import type { Store } from '../../core/store.ts';
import { type LimitScope, limitTypes, periodSeconds } from '../../security/limits/rule.ts';
import { invalidField, readOptionalId, readOptionalText, readText, required } from './fields.ts';
import type { Written } from './request.ts';

type Part = 'userId' | 'roleId' | 'serviceId' | 'endpoint';

const parts: readonly { readonly part: Part; readonly field: string; readonly word: string }[] = [
  { part: 'userId', field: 'user_id', word: 'user' },
  { part: 'roleId', field: 'role_id', word: 'role' },
  { part: 'serviceId', field: 'service_id', word: 'service' },
  { part: 'endpoint', field: 'endpoint', word: 'endpoint' },
];

/** What a limit counts after a change; `stored` is what it counted before. */
export function readScope(written: Written, stored?: LimitScope): LimitScope {
  const type = required(readType(written) ?? stored?.type, 'type');
  const given = {
    userId: readOptionalId(written, 'user_id'),
    roleId: readOptionalId(written, 'role_id'),
    serviceId: readOptionalId(written, 'service_id'),
    endpoint: readEndpoint(written),
  };
  const scope: LimitScope = {
    type,
    period: required(readPeriod(written) ?? stored?.period, 'period'),
    verb: readVerb(written, stored?.verb ?? null),
    userId: given.userId ?? null,
    roleId: given.roleId ?? null,
    serviceId: given.serviceId ?? null,
    endpoint: given.endpoint ?? null,
  };
  const words = type.split('.');
  const kept = parts.map(({ part, field, word }) => {
    if (!words.includes(word)) {
      if (scope[part] === null) return [part, null] as const;
      throw invalidField(field, `has no meaning in a limit of type '${type}'; leave it out`);
    }
    const value = given[part] === undefined ? stored?.[part] : given[part];
    if (value !== undefined && value !== null) return [part, value] as const;
    throw invalidField(field, `is required in a limit of type '${type}'`);
  });
  return { ...scope, ...Object.fromEntries(kept) };
}

/** Refuses a limit of what is not there, and one of an administrator, whom nothing limits. */
export async function checkScope(store: Store, { userId, roleId, serviceId }: LimitScope): Promise<void> {
  const user = userId === null ? undefined : await store.users.get(userId);
  if (userId !== null && user === undefined) throw missing('user_id', userId, 'user');
  if (user?.isSysAdmin === true) {
    throw invalidField('user_id', `is ${userId}, an administrator, and administrators are not limited`);
  }
  if (roleId !== null && (await store.roles.get(roleId)) === undefined) {
    throw missing('role_id', roleId, 'role');
  }
  if (serviceId !== null && (await store.services.get(serviceId)) === undefined) {
    throw missing('service_id', serviceId, 'service');
  }
}

function missing(field: string, id: number, noun: string) {
  return invalidField(field, `is ${id}, and there is no such ${noun}`);
}

function readType(written: Written): string | undefined {
  const type = readText(written, 'type', { max: limits.labelText });
  if (type === undefined || (limitTypes as readonly string[]).includes(type)) return type;
  throw invalidField('type', `must be one of ${[...limitTypes].reverse().join(', ')}`);
}

function readPeriod(written: Written): string | undefined {
  const period = readText(written, 'period', { max: limits.labelText });
  if (period === undefined || Object.hasOwn(periodSeconds, period)) return period;
  throw invalidField('period', `must be one of ${Object.keys(periodSeconds).join(', ')}`);
}

function readVerb(written: Written, stored: string | null): string | null {
  const verb = readOptionalText(written, 'verb', { max: limits.labelText });
  if (verb === undefined) return stored;
  const upper = verb?.toUpperCase() ?? null;
  if (upper === null || actions.includes(upper as Action)) return upper;
  throw invalidField('verb', `must be one of ${actions.join(', ')}, or null for all of them`);
}

// As the path below the service, e.g. `_table/contact`; `/*` at its end stands for all that is below it.
function readEndpoint(written: Written): string | null | undefined {
  const endpoint = readOptionalText(written, 'endpoint', { max: limits.labelText });
  if (endpoint === undefined || endpoint === null) return endpoint;
  const plain = endpoint.replace(/^\/+|\/+$/g, '');
  if (plain !== '' && !/[?#\s]/.test(plain)) return plain;
  throw invalidField('endpoint', "must be a path below the service, such as '_table/contact' or '_table/*'");
}
