// The list of service types. A new type is its own folder and one line here.
import type { ServiceType } from '../core/service.ts';
import { type OutboxDesk, type Overlays, sqlServiceTypes } from './sql/index.ts';

export { emailServiceTypes } from './email/index.ts';
export { identityServiceTypes } from './identity/index.ts';
export { scriptServiceTypes } from './script/index.ts';
export { type OutboxDesk, Overlays } from './sql/index.ts';

/** What service types need of the rest of the house. */
export interface ServiceTypeParts {
  readonly overlays: Overlays;
  /** Told what leaves from the outboxes of services; absent: nobody looks before their time. */
  readonly outboxes?: OutboxDesk;
}

/** Every service type that needs no more of the rest of the house than a place beside its source. */
export function serviceTypes({ overlays, outboxes }: ServiceTypeParts): readonly ServiceType[] {
  return [...sqlServiceTypes(overlays, outboxes)];
}
