// Places in calls of procedures and functions: values come back as they were sent, names are known ones.
// Invariant: engines without routines skip these.
import { isUnfit } from './sql-name-positions.ts';
import { type Attack, type Finding, type Position, queryChars, refused, skipped } from './sql-position.ts';
import type { Asked, LiveEngine } from './sql-world.ts';

const isWithout = (engine: LiveEngine) => engine === 'sqlite';

/** A call whose answer must be the text itself. */
function echoing(
  name: string,
  asked: (text: string) => Asked | undefined,
  pick: (body: unknown) => unknown,
): Position {
  return {
    name,
    writes: false,
    attack: async ({ world, text, ask }) => {
      const request = isWithout(world.engine) ? undefined : asked(text);
      if (request === undefined) return skipped;
      const reply = await ask(request);
      if (!world.canStore(text)) return reply.status < 500 ? undefined : `status ${reply.status}`;
      if (reply.status !== 200) return `status ${reply.status}: ${reply.text.slice(0, 200)}`;
      const found = pick(JSON.parse(reply.text));
      return found === text ? undefined : `answered ${JSON.stringify(found)?.slice(0, 200)}`;
    },
  };
}

/** A call that must be refused, unless the text is a good one there. */
function named(name: string, asked: (text: string) => Asked, isGood: (text: string) => boolean): Position {
  return {
    name,
    writes: false,
    attack: async ({ world, text, ask }: Attack): Promise<Finding | typeof skipped> => {
      if (isWithout(world.engine)) return skipped;
      const reply = await ask(asked(text));
      return isGood(text) ? undefined : refused(reply);
    },
  };
}

const inBody = (path: string, body: unknown): Asked => ({ method: 'POST', path, body });
const out = (body: unknown) => (body as Record<string, unknown>).u;
const isParameter = (text: string) => /^[@:]?t$/i.test(text);
const isCast = (text: string) => /^(table|int|text|string|json|)$/i.test(text);

/** Places of routines. */
export const routines: readonly Position[] = [
  echoing(
    'value of a function, by name',
    (text) => inBody('/_func/echo', { params: [{ name: 't', value: text }] }),
    (body) => body,
  ),
  echoing(
    'value of a function, in order',
    (text) => inBody('/_func/echo', { params: [text] }),
    (body) => body,
  ),
  echoing(
    'value of a function, in the query',
    (text) => (text.length > queryChars ? undefined : { path: '/_func/echo', query: { t: text } }),
    (body) => body,
  ),
  echoing(
    'value of a function, in parentheses',
    (text) => {
      const inside = encodeURIComponent(`'${text.replaceAll("'", "''")}'`);
      const isTooMuch = inside.length > queryChars || isUnfit.test(text);
      return isTooMuch ? undefined : { path: `/_func/echo(${inside})` };
    },
    (body) => body,
  ),
  echoing('value of a procedure', (text) => inBody('/_proc/repeat_it', { params: { t: text } }), out),
  named(
    'name of a parameter',
    (text) => inBody('/_func/echo', { params: [{ name: text, value: 'x' }] }),
    isParameter,
  ),
  named(
    'type of a parameter',
    (text) => inBody('/_func/echo', { params: [{ name: 't', type: text, value: 'x' }] }),
    () => true,
  ),
  named(
    'type of a result',
    (text) => inBody('/_func/echo', { params: ['1'], returns: text }),
    (text) => isCast(text),
  ),
];
