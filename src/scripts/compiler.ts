// Compiles scripts in a thread of its own: loading TypeScript blocks for 200 ms and holds 60 MB, which
// callers and the collector of the server would pay for. Invariant: every script asked for gets an answer,
// whatever becomes of the thread; when nothing was asked for a while, the thread ends and gives its memory
// back.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { limits } from '../core/limits.ts';
import type { Runner } from '../core/runner.ts';
import { lookupsNamed } from './lookup-literals.ts';
import { dialectOf, runnerOf } from './script-types.ts';
import { type Compiled, hashOf, type Source } from './source.ts';

interface Waiting {
  readonly answer: (compiled: Compiled) => void;
  readonly deadline: NodeJS.Timeout;
}

/** Compiles scripts once per language and text. */
export class Compiler {
  readonly #runners: ReadonlyMap<string, Runner>;
  readonly #compiled = new Map<string, Promise<Compiled>>();
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #asked = 0;

  /** `runners` by language: those that read their texts themselves are asked to. */
  constructor({ runners }: { readonly runners: ReadonlyMap<string, Runner> }) {
    this.#runners = runners;
  }

  /** The same text under another name is compiled once, but keeps its own name. */
  async compile(source: Source): Promise<Compiled> {
    const key = hashOf(source);
    let made = this.#compiled.get(key);
    if (made === undefined) {
      made = this.#make(source);
      this.#compiled.set(key, made);
      const [oldest] = this.#compiled.keys();
      if (this.#compiled.size > limits.compiledScripts && oldest !== undefined) this.#compiled.delete(oldest);
    }
    const compiled = await made;
    if (!compiled.ok && compiled.isUnread) this.#compiled.delete(key);
    if (!compiled.ok || compiled.program.name === source.name) return compiled;
    return { ok: true, program: { ...compiled.program, name: source.name } };
  }

  #make(source: Source): Promise<Compiled> {
    const language = runnerOf(source.language);
    return language === 'nodejs' ? this.#ask(source) : readBy(this.#runners.get(language ?? ''), source);
  }

  #ask(source: Source): Promise<Compiled> {
    clearTimeout(this.#idle);
    const thread = this.#thread ?? this.#start();
    const id = ++this.#asked;
    thread.ref();
    return new Promise((answer) => {
      const deadline = setTimeout(() => this.#end('takes too long to compile'), limits.compileMs);
      this.#waiting.set(id, { answer, deadline });
      thread.postMessage({ id, source });
    });
  }

  #start(): Worker {
    const thread = new Worker(threadFile(), { env: {}, execArgv: ['--no-warnings'] });
    thread.on('message', ({ id, compiled }: { id: number; compiled: Compiled }) =>
      this.#answer(id, compiled),
    );
    thread.on('error', (error) => this.#end(`can not be compiled: ${error.message}`, thread));
    this.#thread = thread;
    return thread;
  }

  #answer(id: number, compiled: Compiled): void {
    const waiting = this.#waiting.get(id);
    clearTimeout(waiting?.deadline);
    this.#waiting.delete(id);
    waiting?.answer(compiled);
    if (this.#waiting.size > 0) return;
    this.#thread?.unref();
    this.#idle = setTimeout(() => this.#end('is not compiled'), limits.compilerIdleMs).unref();
  }

  // What was asked for is answered as a failure and forgotten, so that the next call tries again.
  #end(message: string, ended = this.#thread): void {
    if (ended !== this.#thread) return;
    this.#thread = undefined;
    void ended?.terminate();
    if (this.#waiting.size === 0) return;
    this.#compiled.clear();
    for (const [id, { answer, deadline }] of this.#waiting) {
      clearTimeout(deadline);
      this.#waiting.delete(id);
      answer({ ok: false, message, line: 1, column: 1 });
    }
  }
}

// Texts that only their own interpreter can read.
async function readBy(runner: Runner | undefined, source: Source): Promise<Compiled> {
  const { name, content } = source;
  const dialect = dialectOf(source.language);
  const older = dialect === undefined ? {} : { dialect };
  const prepared = await runner?.prepare?.({ name, content, ...older });
  if (prepared?.kind === 'flawed') return { ok: false, ...prepared };
  if (prepared?.kind !== 'ready') {
    const message = prepared?.message ?? `this server has no ${source.language}`;
    return { ok: false, message, line: 1, column: 1, isUnread: true };
  }
  const { isPristine, isQuick, code = content } = prepared;
  const bindsLookups = lookupsNamed(content, source.lookups ?? []).length > 0;
  const found = { isAsync: false, isPristine, isQuick, bindsLookups };
  return { ok: true, program: { hash: hashOf(source), name, code, ...found, ...older } };
}

// In a built server this file is part of a bundle, with the thread's program below dist/scripts.
function threadFile(): string {
  const built = fileURLToPath(new URL('../scripts/compiler-thread.js', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('./compiler-thread.ts', import.meta.url));
}
