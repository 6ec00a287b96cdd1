// Who needs a connection of queues. Invariant: whoever takes one away is told of all that would miss it.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { readQueueOptions } from '../../core/queue-options.ts';
import type { Store } from '../../core/store.ts';

/** Refuses what would take a connection from scripts that name it or runs that wait there. */
export async function checkUnused(store: Store, connection: string, done: string): Promise<void> {
  const users = await usersOf(store, connection);
  if (users.length === 0) return;
  const shown = users.slice(0, limits.usersShown).join(', ');
  const more = users.length > limits.usersShown ? ` and ${users.length - limits.usersShown} more` : '';
  throw new PlatformError(
    'config.conflict',
    `Queue connection '${connection}' cannot be ${done}, because it is used by ${shown}${more}. ` +
      'Change those first, or say force=true.',
  );
}

async function usersOf(store: Store, connection: string): Promise<string[]> {
  const scripts = (await store.eventScripts.list()).filter(({ config }) => names(config, connection));
  const services = (await store.services.list()).filter(({ config }) => names(config, connection));
  const schedules = (await store.schedules.list()).filter((schedule) => schedule.connection === connection);
  const queues = await store.queue.queuesOf(connection);
  return [
    ...scripts.map(({ name }) => `script '${name}'`),
    ...services.map(({ name }) => `service '${name}'`),
    ...schedules.map(({ name }) => `schedule '${name}'`),
    ...queues.map((queue) => `runs that wait in queue '${queue}'`),
  ];
}

function names(config: Readonly<Record<string, unknown>>, connection: string): boolean {
  try {
    return readQueueOptions(config).connection === connection;
  } catch {
    // What cannot be read names nothing that could be used.
    return false;
  }
}
