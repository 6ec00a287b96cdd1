// The list of service types. A new type is its own folder and one line here.
import type { ServiceType } from '../core/service.ts';
import { sqlServiceTypes } from './sql/index.ts';

/** Every service type that services can be configured of. */
export const serviceTypes: readonly ServiceType[] = [...sqlServiceTypes];
