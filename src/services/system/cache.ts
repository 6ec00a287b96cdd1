// Forgetting what is remembered of sources: cached schemas of services, and loaded scripts.
import { actionNote } from './audit-note.ts';
import { describedSuccess } from './describe-resource.ts';
import type { SystemParts } from './parts.ts';
import { type Resource, success } from './resource.ts';

/** The resource `cache`: all of it, one service's, or one event script's. */
export function cacheResource({ services, scripts, store, audit }: SystemParts): Resource {
  return {
    name: 'cache',
    endpoints: [
      { pattern: ['cache'], actions: ['DELETE'] as const, summary: 'forget all cached schemas and scripts' },
      {
        pattern: ['cache', '{service}'],
        actions: ['DELETE'] as const,
        summary: 'forget the schema of a service',
      },
      {
        pattern: ['cache', '_event', '{name}'],
        actions: ['DELETE'] as const,
        summary: 'load an event script anew',
      },
    ].map(describedSuccess),
    handle: async ({ operation, path: [service, event] }) => {
      if (service === undefined) for (const known of services.list()) known.refresh?.();
      else if (event === undefined) services.find(service).refresh?.();
      if (service === undefined || event !== undefined) await scripts.reload(await store.eventScripts.list());
      const record = operation.path.join('/');
      await audit.add(actionNote(operation, { action: 'clear', record }));
      return success();
    },
  };
}
