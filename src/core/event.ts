// Event names and their stages (spec §2.1–2.3). Matching is equality of whole names: what looks like a
// wildcard, `db._table.{table_name}.get`, is a name that fires beside the concrete one, and before it.
import type { Action } from './operation.ts';

/** When a script runs, in DreamFactory's words; '' is the final event that carries no stage. */
export type Stage = 'pre_process' | 'post_process' | 'queued' | '';

/** One of the names that an operation fires, without its stage. */
export interface EventName {
  /** Such as `db._table.contact.{id}.get`. */
  readonly name: string;
  /** How many leading path segments `event.resource` leaves out. */
  readonly drop: number;
  /** Where the path is one of a service definition: its placeholders, such as `{id}`, and their segments. */
  readonly placeholders?: readonly (readonly [name: string, segment: number])[];
}

/** `service.path.verb` with the service in lower case; `segments` may hold `{placeholders}`. */
export function eventName(service: string, segments: readonly string[], action: Action): string {
  return [service.toLowerCase(), ...segments, action.toLowerCase()].join('.');
}

/** The value of `event.resource` for one of an operation's events: text, or the values of placeholders. */
export function eventResource(
  { drop, placeholders }: EventName,
  path: readonly string[],
): string | Readonly<Record<string, string>> {
  if (placeholders === undefined) return path.slice(drop).join('/');
  return Object.fromEntries(placeholders.map(([name, segment]) => [name, path[segment] ?? '']));
}

/**
 * Splits a script's name into event and stage; undefined when it does not end in a verb and an optional
 * stage.
 */
export function parseEventName(text: string): { event: string; action: Action; stage: Stage } | undefined {
  const match = /^([^.\s][^\s]*\.(get|post|put|patch|delete))(?:\.(pre_process|post_process|queued))?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, event = '', verb = ''] = match;
  return { event, action: verb.toUpperCase() as Action, stage: (match[3] ?? '') as Stage };
}
