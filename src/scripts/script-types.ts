// The languages a script may be written in, and what is refused when one is saved.
// Invariant: what is active can be run; a script that would silently not run is refused by name instead.
import { PlatformError } from '../core/errors.ts';
import { parseEventName } from '../core/event.ts';
import { limits } from '../core/limits.ts';
import type { Dialect } from '../core/runner.ts';
import type { EventScriptRecord } from '../core/store.ts';

/** A language as `system/script_type` lists it. */
export interface ScriptType {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly sandboxed: boolean;
  readonly supportsInlineExecution: boolean;
  /** Language of the runner that executes it. */
  readonly runner: 'nodejs' | 'python3' | 'php';
  readonly dialect?: Dialect;
}

type Given = Pick<ScriptType, 'name' | 'label' | 'description' | 'runner' | 'dialect'>;

const type = (given: Given): ScriptType => ({
  sandboxed: false,
  supportsInlineExecution: false,
  ...given,
});

/** All of them, in the order in which they are listed. */
export const scriptTypes: readonly ScriptType[] = [
  type({
    name: 'nodejs',
    label: 'Node.js',
    description: 'Server-side JavaScript handler using the Node.js engine.',
    runner: 'nodejs',
  }),
  type({
    name: 'typescript',
    label: 'TypeScript',
    description: 'Server-side TypeScript handler using the Node.js engine.',
    runner: 'nodejs',
  }),
  type({ name: 'php', label: 'PHP', description: 'Script handler using native PHP.', runner: 'php' }),
  type({
    name: 'python',
    label: 'Python',
    description: 'Script handler using native Python.',
    runner: 'python3',
    dialect: 'python2',
  }),
  type({
    name: 'python3',
    label: 'Python3',
    description: 'Script handler using native Python3.',
    runner: 'python3',
  }),
  type({
    name: 'v8js',
    label: 'V8js',
    description: 'Server-side JavaScript handler using the V8js engine.',
    runner: 'nodejs',
    dialect: 'v8js',
  }),
];

/** What is checked of an event script before it is stored. */
export type ScriptDraft = Pick<EventScriptRecord, 'name' | 'type' | 'content' | 'isActive'> &
  Partial<Pick<EventScriptRecord, 'config' | 'storageServiceId' | 'storagePath' | 'scmRepository'>>;

/** The language of the runner for a script type; undefined when there is no such type. */
export function runnerOf(name: string): string | undefined {
  return typeOf(name)?.runner;
}

/** The older dialect of its language that a script type is written in, if it is. */
export function dialectOf(name: string): Dialect | undefined {
  return typeOf(name)?.dialect;
}

function typeOf(name: string): ScriptType | undefined {
  return scriptTypes.find((known) => known.name === name);
}

/** How long a script may run: `config.timeout_ms` or the default. */
export function timeoutOf(config: Readonly<Record<string, unknown>>): number {
  const { timeout_ms: asked } = config;
  return typeof asked === 'number' ? Math.min(asked, limits.scriptTimeoutMaxMs) : limits.scriptTimeoutMs;
}

/** Refuses what can not be stored (`script.unknown_event`, `script.unknown_type`, `script.invalid`). */
export function validateScript(draft: ScriptDraft): void {
  validateName(draft.name);
  validateText(draft);
  if (draft.isActive) validateActive(draft);
}

/** Refuses text of an unknown language, text that is too long, and options that can not be used. */
export function validateText(draft: Pick<ScriptDraft, 'type' | 'content' | 'config'>): void {
  const found = scriptTypes.find(({ name }) => name === draft.type);
  if (found === undefined) {
    const known = scriptTypes.map(({ name }) => name).join(', ');
    throw new PlatformError('script.unknown_type', `Unknown script type '${draft.type}'; known: ${known}.`);
  }
  const bytes = Buffer.byteLength(draft.content);
  if (bytes > limits.scriptBytes) {
    throw invalid(`The script's content has ${bytes} bytes; at most ${limits.scriptBytes} are accepted.`);
  }
  validateTimeout(draft.config ?? {});
}

function validateName(name: string): void {
  if (name.length > limits.eventName) {
    throw invalid(
      `The script's name has ${name.length} characters; at most ${limits.eventName} are accepted.`,
    );
  }
  if (parseEventName(name) !== undefined) return;
  throw new PlatformError(
    'script.unknown_event',
    `'${name}' is not the name of an event: it must be service.path.verb with one of the verbs get, ` +
      `post, put, patch, ` +
      'delete, followed by .pre_process, .post_process, .queued or nothing.',
  );
}

function validateTimeout({ timeout_ms: asked }: Readonly<Record<string, unknown>>): void {
  if (asked === undefined || asked === null) return;
  const isFine = Number.isInteger(asked) && Number(asked) >= 1 && Number(asked) <= limits.scriptTimeoutMaxMs;
  if (!isFine) {
    throw invalid(`config.timeout_ms must be a whole number from 1 to ${limits.scriptTimeoutMaxMs}.`);
  }
}

function validateActive(draft: ScriptDraft): void {
  const isLinked =
    isGiven(draft.storageServiceId) || isGiven(draft.storagePath) || isGiven(draft.scmRepository);
  if (isLinked && draft.content === '') {
    throw invalid(
      `'${draft.name}' can not be active: its content is linked from a service (storage_service_id), ` +
        `which this ` +
        'release can not load yet. Give its content, or set is_active to false.',
    );
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function invalid(message: string): PlatformError {
  return new PlatformError('script.invalid', message);
}
