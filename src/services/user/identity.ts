// The identities at providers by which a user can log in. Invariant: everybody sees and changes only his own,
// and nobody takes away his last way in.
import { PlatformError } from '../../core/errors.ts';
import type { Store, UserIdentityRecord, UserRecord } from '../../core/store.ts';
import { jsonContent, objectSchema, successResponse } from '../../openapi/envelopes.ts';
import { actionNote } from '../system/audit-note.ts';
import { described, objectAnswer } from '../system/describe-resource.ts';
import { ownAccount, recordOf } from '../system/own-account.ts';
import type { SystemParts } from '../system/parts.ts';
import { invalidParameter, textOption } from '../system/request.ts';
import { answer, type Call, type Resource, recordNotFound, success } from '../system/resource.ts';
import type { ProviderLogins } from './provider-logins.ts';

const all = ['GET', 'POST', 'DELETE'] as const;
const text = { type: 'string' };

/** The resource `identity` of the service `user`. */
export function userIdentity(parts: SystemParts, logins: ProviderLogins): Resource {
  return {
    name: 'identity',
    endpoints: endpoints(),
    userActions: all,
    handle: async (call) => {
      const user = await ownAccount(parts, call.operation);
      if (call.action === 'GET') return answer({ resource: await list(parts.store, user) });
      if (user.isSysAdmin) {
        throw new PlatformError('access.forbidden', 'Administrators log in with their password.');
      }
      if (call.action === 'POST') return logins.identity(call.operation, user);
      await unlink(parts, user, call);
      return success();
    },
  };
}

async function list(store: Store, { id: userId }: UserRecord) {
  const [identities, services] = await Promise.all([
    store.userIdentities.list({ userId }),
    store.services.list(),
  ]);
  return identities.map(({ id, serviceId, subject, createdDate }) => {
    const service = services.find((each) => each.id === serviceId);
    const { name = null, label = null } = service ?? {};
    return { id, service: name, label, subject, created_date: createdDate };
  });
}

async function unlink({ store, audit }: SystemParts, user: UserRecord, call: Call): Promise<void> {
  await store.transaction(async (inside) => {
    const identities = await inside.userIdentities.list({ userId: user.id });
    const doomed = await chosen(inside, identities, call);
    if (user.passwordHash === '' && doomed.length === identities.length) {
      throw new PlatformError(
        'request.conflict',
        'The account has no password: without this identity nobody could log in. Set a password first.',
      );
    }
    for (const { id, serviceId, subject } of doomed) {
      await inside.userIdentities.delete(id);
      const service = (await inside.services.get(serviceId))?.name ?? null;
      const change = { action: 'unlink', record: recordOf(user), before: { service, subject } };
      await audit.add(actionNote(call.operation, change), inside);
    }
  });
}

// By id in the path, or all of a service.
async function chosen(
  store: Store,
  identities: readonly UserIdentityRecord[],
  { path, parameters }: Call,
): Promise<readonly UserIdentityRecord[]> {
  const [id] = path;
  const name = textOption(parameters, 'service');
  if (id === undefined && name === undefined) {
    throw invalidParameter('service', 'is missing: name the service, or the id of the identity in the path');
  }
  const service = (await store.services.list()).find((each) => each.name === name?.toLowerCase());
  const found = identities.filter((each) =>
    id === undefined ? each.serviceId === service?.id : String(each.id) === id,
  );
  if (found.length === 0) throw recordNotFound(id ?? name);
  return found;
}

function endpoints() {
  const redirect = objectAnswer('Where the browser has to go: `{"response": {"redirect": true, "url": …}}`');
  const linking = objectSchema({
    service: { type: 'string', description: 'Begins: the service to log in with.' },
    code: { type: 'string', description: 'Ends: as the provider gave it, with `state`.' },
    state: text,
  });
  return [
    described(
      { pattern: ['identity'], actions: all, summary: 'own identities at providers' },
      {
        GET: { summary: 'List own identities', responses: objectAnswer('`{"resource": […]}`') },
        POST: {
          summary: 'Begin or end adding an identity',
          requestBody: { required: true, content: jsonContent(linking) },
          responses: redirect,
        },
        DELETE: {
          summary: 'Take the identities of a service away',
          parameters: [{ name: 'service', in: 'query', description: 'Its name.', schema: text }],
          responses: { 200: successResponse },
        },
      },
    ),
    described(
      { pattern: ['identity', '{id}'], actions: ['DELETE'], summary: 'one own identity' },
      { DELETE: { summary: 'Take one identity away', responses: { 200: successResponse } } },
    ),
  ];
}
