// What every answer must be, whatever was asked: no failure of ours, the envelope, and nothing of our inside.
// Invariant: a test that sends text which looks like our inside says so in `sent`.
import type { TestServer } from '../server.ts';
import type { Reply } from './wire.ts';

/** Secrets that a server under test is started with; none of them may ever come out. */
export const canaries = {
  masterKey: 'canary-of-the-master-key: Zx81 qpLm 77 wOnder',
  password: 'correct horse battery',
} as const;

/** The configuration of a server with canaries. */
export const canaryEnvironment = { TENON_MASTER_KEY: canaries.masterKey } as const;

// SQL as our builder writes it, engines and packages by name, stacks, source files, folders, hashes.
const inside = new RegExp(
  [
    String.raw`(select|insert into|update|delete from|from|where|join) "\w`,
    String.raw`json_object\(|SQLITE_|better-sqlite|kysely|fastify|undici|node_modules|node:internal`,
    String.raw`\bat [\w.#<>]+ \([^)]*[:/]|\.[jt]s:\d+|/(home|root|usr|var|work|tmp)/|file://`,
    String.raw`argon2|Cannot (read|convert|set) |is not a function|undefined \(reading|\[native code\]`,
  ].join('|'),
  'i',
);

/** What a request was, for judging its answer. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  /** Everything the caller wrote that an answer may repeat. */
  readonly sent?: string;
}

/** Every fault of an answer, in words; empty when it is decent. `mayFail`: a script's own failure. */
export function faultsOf(reply: Reply, { method, path, sent = '' }: Asked, mayFail = false): string[] {
  const faults: string[] = [];
  const all = `${reply.head}\n${reply.text}`;
  if (reply.status >= 500 && !mayFail) faults.push(`status ${reply.status}`);
  if (reply.misframed !== undefined) faults.push(reply.misframed);
  for (const [name, canary] of Object.entries(canaries)) {
    if (all.includes(canary) && !sent.includes(canary)) faults.push(`tells the ${name}`);
  }
  const told = inside.exec(all)?.[0];
  if (told !== undefined && !sent.includes(told) && !mayTellFolders(reply, path))
    faults.push(`tells '${told}'`);
  if (reply.status >= 400 && method !== 'HEAD') faults.push(...envelopeFaults(reply));
  return faults;
}

// An administrator may read in a service's configuration where its database is.
function mayTellFolders({ status, text }: Reply, path: string): boolean {
  return status < 300 && /service/i.test(path) && /\bconfig\b/.test(text);
}

function envelopeFaults({ status, headers, text }: Reply): string[] {
  // As text for who accepts text only; never as something that a browser would render.
  const type = headers.get('content-type') ?? '';
  // As XML or CSV for who asked for these: an envelope all the same.
  if (type === 'application/xml' || type === 'text/xml; charset=UTF-8') {
    const isWhole =
      /<dfapi>.*<error>.*<code>.*<message>[^<]/s.test(text) && text.includes(`<status_code>${status}<`);
    return isWhole ? [] : ['an incomplete envelope in XML'];
  }
  if (type === 'text/csv; charset=UTF-8') {
    return /^code,context,message,status_code\b/.test(text) ? [] : ['an incomplete envelope in CSV'];
  }
  if (!/^(application\/json|text\/plain; charset=UTF-8)$/.test(type)) return [`an error as '${type}'`];
  // Whoever accepts nothing that there is reads why, in words.
  if (status === 400 && type.startsWith('text/plain') && /^The answer is .+ does not allow/.test(text))
    return [];
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> };
    if (error === undefined || Object.keys(JSON.parse(text)).length !== 1) return ['no envelope'];
    const isWhole = typeof error.message === 'string' && error.message !== '' && 'context' in error;
    if (!isWhole || !('code' in error)) return ['an incomplete envelope'];
    return error.status_code === status ? [] : ['an envelope of another status'];
  } catch {
    return ['an error that is no JSON text'];
  }
}

/** Whether a script of a user's failed since the observations were last cleared. */
export function hasScriptFailed({ observations }: TestServer): boolean {
  return observations.some(({ kind }) => kind === 'script.failed');
}

/** Names that hostile input put onto every object of this process, server included; empty when clean. */
export function pollution(): string[] {
  const found: string[] = [];
  for (const name in {}) found.push(name);
  const own = Reflect.ownKeys(Object.prototype).length;
  return own === ownAtStart ? found : [...found, `${own - ownAtStart} hidden`];
}

const ownAtStart = Reflect.ownKeys(Object.prototype).length;
