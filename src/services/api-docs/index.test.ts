// The service `api_docs` does what every service does.
import { describe, expect, it } from 'vitest';
import type { Service } from '../../core/service.ts';
import { serviceTypeSuite } from '../suite.ts';
import {
  type ApiDocsParts,
  apiDocsServiceRecord,
  apiDocsServiceType,
  createApiDocsService,
} from './index.ts';

function create(): Service {
  const stamps = { createdDate: '', lastModifiedDate: '', createdById: null, lastModifiedById: null };
  const list = async () => [{ ...apiDocsServiceRecord, ...stamps, id: 1 }];
  const services: ApiDocsParts['services'] = { find: () => service, list: () => [service] };
  const service: Service = createApiDocsService({ store: { services: { list } as never }, services });
  return service;
}

serviceTypeSuite({
  name: 'swagger',
  create: () => ({ service: create(), cleanup: () => undefined }),
  samples: { service: 'api_docs' },
  unknownPaths: [['a', 'b']],
});

describe('the type', () => {
  it('makes the one service there is', () => {
    const service = create();
    const type = apiDocsServiceType(service);
    expect([type.name, type.singleton, type.config]).toEqual([apiDocsServiceRecord.type, true, []]);
    expect(type.create({ id: 1, name: 'api_docs', label: '', config: {} })).toBe(service);
  });
});
