// The list of service types. A new type is its own folder and one line here.
import type { ServiceType } from '../core/service.ts';
import { sqlServiceTypes } from './sql/index.ts';

export { scriptServiceTypes } from './script/index.ts';

/** Every service type that needs nothing of the rest of the house. */
export const serviceTypes: readonly ServiceType[] = [...sqlServiceTypes];
