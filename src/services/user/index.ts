// The service `user`: what people who log in do with their own account, on the same path as every service.
// Invariant: it shows nobody but whoever asks; other users are records of the service `system`.
import type { Service, ServiceType } from '../../core/service.ts';
import type { New, ServiceRecord } from '../../core/store.ts';
import type { SystemParts } from '../system/parts.ts';
import { userPassword } from '../system/password.ts';
import { userProfile } from '../system/profile.ts';
import { ResourceService } from '../system/resource-service.ts';
import { userSession } from '../system/session.ts';

/** Makes the service `user`. */
export function createUserService(parts: SystemParts): Service {
  return new ResourceService('user', [userPassword(parts), userProfile(parts), userSession(parts)]);
}

/** The record of the service, for a system that has none yet. */
export const userServiceRecord: New<ServiceRecord> = {
  name: 'user',
  type: 'user',
  label: 'User Management',
  description: 'Service for managing system users.',
  isActive: true,
  mutable: false,
  deletable: false,
  config: {},
  document: null,
};

/** The type of the service `user`, so that the directory makes it from its record like every other. */
export function userServiceType(service: Service): ServiceType {
  return {
    name: 'user',
    label: 'User service',
    description: 'User service to allow user management.',
    group: 'User',
    singleton: true,
    config: [],
    create: () => service,
  };
}
