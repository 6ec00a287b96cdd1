// `tenon script push` and `tenon script list`: event scripts of a running server, from files.
// Invariant: all files are read and understood before the first is sent, so a bad one changes nothing.
import { parseEventName } from '../core/event.ts';
import { Client, type ClientOptions } from './client.ts';
import { CommandError } from './failure.ts';
import { contentOf, eventOfFile, excerpt, spotIn, typeOf } from './script-file.ts';
import { tableText } from './table.ts';

/** Options of `script push`. */
export interface PushOptions extends ClientOptions {
  readonly event?: string;
  readonly type?: string;
  readonly inactive?: boolean;
  readonly modify: boolean;
}

/** An event script as the API takes it. */
interface EventScript {
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly is_active: boolean;
  readonly allow_event_modification: boolean;
}

type ListedScript = Omit<EventScript, 'content'> & { readonly last_modified_date: string };

/** Stores the files as event scripts, one line of output each. */
export async function pushScripts(files: readonly string[], options: PushOptions): Promise<void> {
  if (options.event !== undefined && files.length > 1) {
    throw new CommandError('--event names one event, but there are several files.', 'Push them one by one.');
  }
  const scripts = files.map((file) => ({ file, script: scriptOf(file, options) }));
  const client = await Client.connect(options);
  for (const { file, script } of scripts) {
    const { warning } = await client.ask(`system/event_script/${encodeURIComponent(script.name)}`, {
      method: 'POST',
      body: script,
    });
    console.log(`${file} → ${script.name}${script.is_active ? '' : ' (inactive)'}`);
    if (warning !== undefined) {
      console.error(`warning: ${file} is stored, but calls of its event will fail: ${warning}`);
      const spot = spotIn(warning);
      if (spot !== undefined) console.error(excerpt(file, script.content, spot));
    }
  }
}

/** Prints the event scripts of a server, as a table or as JSON. */
export async function listScripts(options: ClientOptions & { readonly json?: boolean }): Promise<void> {
  const client = await Client.connect(options);
  const fields = 'name,type,is_active,allow_event_modification,last_modified_date';
  const { body } = await client.ask(`system/event_script?fields=${fields}`);
  const scripts = (body as { resource?: ListedScript[] } | null)?.resource ?? [];
  if (options.json === true) console.log(JSON.stringify(scripts, undefined, 2));
  else if (scripts.length === 0) console.log('No event scripts.');
  else console.log(tableOf(scripts));
}

function tableOf(scripts: readonly ListedScript[]): string {
  const rows = scripts.map(({ name, type, is_active, allow_event_modification, last_modified_date }) => {
    const state = is_active ? 'active' : 'inactive';
    const drops = allow_event_modification ? '' : ', changes are dropped';
    const changed = last_modified_date.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replace('T', ' ');
    return [name, type, changed, `${state}${drops}`];
  });
  return tableText([['EVENT', 'LANGUAGE', 'CHANGED (UTC)', 'STATE'], ...rows]);
}

/** What a file is as an event script; throws CommandError where that cannot be told. */
export function scriptOf(
  file: string,
  options: Pick<PushOptions, 'event' | 'type' | 'inactive' | 'modify'>,
): EventScript {
  const type = typeOf(file, options.type);
  const content = contentOf(file);
  return {
    name: eventOf(file, content, options.event),
    type,
    content,
    is_active: options.inactive !== true,
    allow_event_modification: options.modify,
  };
}

function eventOf(file: string, content: string, given: string | undefined): string {
  const event = given ?? eventOfFile(file, content);
  if (event === undefined) {
    const sign = /\.py$/i.test(file) ? '#' : '//';
    throw new CommandError(
      `${file}: no event to attach it to.`,
      `Name it with --event, or write '${sign} @event <name>' at the top of the file.`,
    );
  }
  const parsed = parseEventName(event);
  if (parsed !== undefined && parsed.stage !== '') return event;
  throw new CommandError(
    `${file}: '${event}' is no name of an event script.`,
    'It is service, path, verb and stage: hr._table.employees.get.post_process',
  );
}
