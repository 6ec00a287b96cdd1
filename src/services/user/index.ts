// The service `user`: what people who log in do with their own account, on the same path as every service.
// Invariant: it shows nobody but whoever asks; other users are records of the service `system`.
import type { Service, ServiceType } from '../../core/service.ts';
import type { New, ServiceRecord, Store } from '../../core/store.ts';
import { PendingLogins } from '../../security/pending-logins.ts';
import { userCustom } from '../system/custom.ts';
import { userFactor } from '../system/factor.ts';
import type { SystemParts } from '../system/parts.ts';
import { userPassword } from '../system/password.ts';
import { userProfile } from '../system/profile.ts';
import { ResourceService } from '../system/resource-service.ts';
import { userSession } from '../system/session.ts';
import { checkUserConfig, userConfigFields, userConfigFlaw } from '../system/user-policy.ts';
import { userIdentity } from './identity.ts';
import { ProviderLogins } from './provider-logins.ts';
import { userRegistration } from './register.ts';

export { userMailTemplates } from './templates.ts';

/** Makes the service `user`. */
export function createUserService(parts: SystemParts): Service {
  const logins = new ProviderLogins({ parts, pending: new PendingLogins() });
  return new ResourceService('user', [
    userCustom(parts),
    userFactor(parts),
    userIdentity(parts, logins),
    userPassword(parts),
    userProfile(parts),
    userRegistration(parts),
    userSession(parts, logins),
  ]);
}

/** The record of the service, for a system that has none yet. */
export const userServiceRecord: New<ServiceRecord> = {
  name: 'user',
  type: 'user',
  label: 'User Management',
  description: 'Service for managing system users.',
  isActive: true,
  mutable: true,
  deletable: false,
  config: {},
  document: null,
};

/** The type of the service `user`, so that the directory makes it from its record like every other. */
export function userServiceType(service: Service, store: Store): ServiceType {
  return {
    name: 'user',
    label: 'User service',
    description: 'User service to allow user management.',
    group: 'User',
    singleton: true,
    config: userConfigFields,
    create: () => service,
    prepare: ({ config }) => checkUserConfig(config),
    flaw: ({ config }) => userConfigFlaw(store, config),
  };
}
