// Reads the fields of a written schedule. Invariant: each is refused by its own name, and what was not given
// leaves what is stored as it is.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { type Action, actions } from '../../core/operation.ts';
import type { Delivery } from '../../core/queue.ts';
import { verbBits } from '../../core/role.ts';
import type { MissedSlots, Overlap, ScheduleRecord, Timing } from '../../core/schedule.ts';
import type { New } from '../../core/store.ts';
import { invalidField, onlyGiven, readFlag, readOptionalId, readOptionalText, readText } from './fields.ts';
import type { Written } from './request.ts';

type Schedule = New<ScheduleRecord>;

const overlaps: readonly Overlap[] = ['skip', 'queue', 'allow'];
const missed: readonly MissedSlots[] = ['skip', 'last', 'all'];
const deliveries: readonly Delivery[] = ['effects-once', 'at-least-once', 'at-most-once'];

const usualMinutes = 5;
const usualMissed = 10;

/** A schedule of which nothing was said but its name and service. */
export const usualSchedule: Omit<Schedule, 'name' | 'serviceId'> = {
  ...{ description: null, isActive: true, component: '', verbMask: verbBits.GET, payload: null },
  ...{ frequency: usualMinutes, cron: null, timeZone: 'UTC', userId: null, appId: null, isPrivileged: true },
  ...{ overlap: 'skip', missed: 'last', missedCount: usualMissed, jitterSeconds: 0 },
  ...{ connection: null, queue: null, priority: 0, tries: 1, timeoutSeconds: null },
  delivery: 'effects-once',
};

/** The fields that were given; `stored` is the schedule that they change. */
export function readSchedule(written: Written, stored?: ScheduleRecord): Partial<Schedule> {
  const place = { max: limits.queueNameChars };
  const whole = (name: string, range: Range) => readWhole(written, name, range);
  return onlyGiven<Partial<Schedule>>({
    ...readTiming(written),
    name: readText(written, 'name', { max: limits.scheduleName }),
    description: readOptionalText(written, 'description', { max: limits.descriptionText }),
    isActive: readFlag(written, 'is_active'),
    serviceId: readId(written, 'service_id'),
    component: readComponent(written),
    verbMask: readVerb(written, stored?.verbMask),
    payload: readPayload(written),
    overlap: readWord(written, 'overlap', overlaps),
    missed: readWord(written, 'missed', missed),
    missedCount: whole('missed_count', [1, limits.scheduleMissed]),
    jitterSeconds: whole('jitter', [0, limits.scheduleJitterSeconds]),
    ...readActor(written),
    connection: readOptionalText(written, 'connection', place),
    queue: readOptionalText(written, 'queue', place),
    priority: whole('priority', [-limits.queuePriority, limits.queuePriority]),
    tries: whole('tries', [1, limits.queueTriesMax]),
    timeoutSeconds: written.timeout === null ? null : whole('timeout', [1, limits.queueTimeoutMaxMs / 1_000]),
    delivery: readWord(written, 'delivery', deliveries),
  });
}

type ActorFields = Pick<Schedule, 'userId' | 'appId' | 'isPrivileged'>;

/** On whose authority it is going to act. */
export function readActor(written: Written): { [Name in keyof ActorFields]: ActorFields[Name] | undefined } {
  return {
    userId: readOptionalId(written, 'user_id'),
    appId: readOptionalId(written, 'app_id'),
    isPrivileged: readFlag(written, 'is_privileged'),
  };
}

/** When it is going to come, as far as it was said. */
export function readTiming(written: Written): Partial<Timing> {
  return onlyGiven<Partial<Timing>>({
    cron: readOptionalText(written, 'cron', { max: limits.scheduleCronChars }),
    // No zone is that of all.
    timeZone: readOptionalText(written, 'time_zone', { max: limits.scheduleName }) ?? zoneOf(written),
    frequency: readWhole(written, 'frequency', [1, limits.scheduleFrequency]),
  });
}

function zoneOf({ time_zone: zone }: Written): string | undefined {
  return zone === undefined ? undefined : usualSchedule.timeZone;
}

type Range = readonly [least: number, most: number];

/** A whole number; undefined where it was not given. */
export function readWhole(written: Written, name: string, [least, most]: Range): number | undefined {
  const value = Object.hasOwn(written, name) ? written[name] : undefined;
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return Number(value);
  throw invalidField(name, `must be a whole number from ${least} to ${most}`);
}

function readId(written: Written, name: string): number | undefined {
  const id = readOptionalId(written, name);
  if (id !== null) return id;
  throw invalidField(name, 'is required');
}

function readWord<Word extends string>(
  written: Written,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const given = readText(written, name, { max: limits.labelText });
  const word = words.find((each) => each === given?.toLowerCase().replaceAll('_', '-'));
  if (given === undefined || word !== undefined) return word;
  throw invalidField(name, `must be one of ${words.join(', ')}`);
}

// People copy addresses, in which the service is named already.
function readComponent(written: Written): string | undefined {
  const path = readOptionalText(written, 'component', { max: limits.schedulePathChars });
  if (path === undefined || path === null) return path === null ? '' : undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const isPath = !/[\u0000-\u001f\u007f#]/.test(path) && !/^(?:[a-z]+:)?\/\/|^\/?api\/v[\d.]+\//i.test(path);
  if (isPath) return path;
  throw invalidField('component', "must be a path below the service, such as '_table/contact?limit=10'");
}

// `verb` is what `verb_mask` says in a word. Whoever writes a whole record back changed one of them.
function readVerb(written: Written, stored: number | undefined): number | undefined {
  const mask = readMask(written);
  const word = readText(written, 'verb', { max: limits.labelText })?.toUpperCase();
  if (word === undefined) return mask;
  if (!actions.includes(word as Action)) throw invalidField('verb', `must be one of ${actions.join(', ')}`);
  const bit = verbBits[word as Action];
  if (mask === undefined || mask === bit || mask === stored) return bit;
  if (bit === stored) return mask;
  throw invalidField('verb', `is ${word}, and verb_mask ${mask} says another; give one of them`);
}

function readMask(written: Written): number | undefined {
  const mask = Object.hasOwn(written, 'verb_mask') ? written.verb_mask : undefined;
  const known = Object.values(verbBits);
  if (mask === undefined || known.includes(Number(mask))) return mask === undefined ? mask : Number(mask);
  const words = actions.map((action) => `${verbBits[action]} (${action})`).join(', ');
  throw invalidField('verb_mask', `must be one of ${words}`);
}

/** The verb that a mask stands for; empty for none. */
export function verbOf(mask: number): string {
  return actions.find((action) => verbBits[action] === mask) ?? '';
}

// Text is kept as it was written: whoever wrote it knows its spaces and its large numbers.
function readPayload(written: Written): string | null | undefined {
  const value = Object.hasOwn(written, 'payload') ? written.payload : undefined;
  if (value === undefined || value === null || value === '') return value === undefined ? value : null;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const most = limits.schedulePayloadChars;
  if (text.length > most) throw invalidField('payload', `must have at most ${most} characters`);
  try {
    // As it is going to be read when the call is made.
    void Body.ofText(text, 'application/json').value;
  } catch (cause) {
    const why = cause instanceof PlatformError ? `: ${cause.message.replace(/\.$/, '')}` : '';
    throw invalidField('payload', `must be JSON${why}`);
  }
  return text;
}
