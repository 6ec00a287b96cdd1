// `tenon schedule create`: a call and when it is made, stored as a schedule.
// Invariant: what is not said is left to the server, so that it is the same as over the API.
import { readFileSync } from 'node:fs';
import { CommandError } from './failure.ts';
import { countOf, madeText, type ScheduleOptions, timingOf } from './schedule.ts';
import type { ScheduleView } from './schedule-text.ts';
import { type SystemDoor, throughDoor } from './system-door.ts';

/** Options of `schedule create`. */
export interface ScheduleCreateOptions extends ScheduleOptions {
  readonly verb?: string;
  readonly payload?: string;
  readonly description?: string;
  readonly overlap?: string;
  readonly missed?: string;
  readonly jitter?: string;
  readonly tries?: string;
  readonly timeout?: string;
  readonly inactive?: boolean;
}

/** Stores a schedule that calls a path, such as `hr/_table/employees?limit=1`. */
export function createSchedule(name: string, call: string, options: ScheduleCreateOptions): Promise<void> {
  const timing = timingOf(options);
  if (timing.cron === undefined && timing.frequency === undefined) {
    throw new CommandError('Say when it comes, with --cron or --every.', "Such as --cron '0 2 * * *'.");
  }
  const { service, component } = placeOf(call);
  const record = { name, component, ...timing, ...recordOf(options) };
  return throughDoor(options, async (door) => {
    const resource = [{ ...record, service_id: await serviceId(door, service) }];
    const query = { fields: '*', related: 'service_by_service_id' };
    const answer = await door.ask({ action: 'POST', path: ['scheduler'], query, body: { resource } });
    const [made] = (answer as { resource: ScheduleView[] }).resource;
    if (made === undefined) return;
    console.log(options.json === true ? JSON.stringify(made, undefined, 2) : madeText(made));
  });
}

// People copy paths from the address that a client calls.
function placeOf(call: string): { service: string; component: string } {
  const path = call.replace(/^(https?:\/\/[^/]+)?\/?(api\/(v[\d.]+\/)?)?/, '');
  const [, service = '', component = ''] = /^([^/?]+)\/?(.*)$/.exec(path) ?? [];
  if (service !== '') return { service, component };
  throw new CommandError(`'${call}' is no call.`, 'Write it like hr/_table/employees: service and path.');
}

async function serviceId(door: SystemDoor, name: string): Promise<number> {
  const query = { fields: 'id', filter: '(name = :name)' };
  const answer = await door.ask({ path: ['service'], query, params: { name } });
  const [service] = (answer as { resource: { id: number }[] }).resource;
  if (service !== undefined) return service.id;
  throw new CommandError(`There is no service '${name}'.`, 'A call begins with the name of its service.');
}

function recordOf(options: ScheduleCreateOptions): Record<string, unknown> {
  const { verb, payload, description, overlap, missed, inactive } = options;
  const count = (name: 'jitter' | 'tries' | 'timeout') =>
    options[name] === undefined ? undefined : countOf(`--${name}`, options[name]);
  const given = {
    description,
    overlap,
    verb: verb?.toUpperCase(),
    payload: payload === undefined ? undefined : payloadOf(payload),
    jitter: count('jitter'),
    tries: count('tries'),
    timeout: count('timeout'),
    is_active: inactive === true ? false : undefined,
    ...missedOf(missed),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

// `all:5` is all, but five at most.
function missedOf(given: string | undefined): Record<string, unknown> {
  const [missed, count] = given?.split(':') ?? [];
  return { missed, missed_count: count === undefined ? undefined : countOf('--missed all:', count) };
}

function payloadOf(given: string): unknown {
  const text = given.startsWith('@') ? contentOf(given.slice(1)) : given;
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError('--payload is no JSON.', 'Give the JSON itself, or a file that holds it with @.');
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new CommandError(`${file} cannot be read${code}.`);
  }
}
