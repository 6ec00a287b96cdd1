// The list of service types. A new type is its own folder and one line here.
import type { ServiceType } from '../core/service.ts';
import { type Overlays, sqlServiceTypes } from './sql/index.ts';

export { emailServiceTypes } from './email/index.ts';
export { identityServiceTypes } from './identity/index.ts';
export { scriptServiceTypes } from './script/index.ts';
export { Overlays } from './sql/index.ts';

/** Every service type that needs no more of the rest of the house than a place beside its source. */
export function serviceTypes({ overlays }: { readonly overlays: Overlays }): readonly ServiceType[] {
  return [...sqlServiceTypes(overlays)];
}
