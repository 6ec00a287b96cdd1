// Modules for scripts. Invariant: a package is loaded anew for every run, so nothing in it is kept from one
// to the next; what it may reach beside itself is watched, and what cannot be watched ends the process.
import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import Module, { createRequire, isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';

/** How modules are loaded. */
export interface ModulesOptions {
  /** The folder whose `node_modules` packages come from, '' for none; known when the first script runs. */
  readonly folder: () => string;
  /** Sees each module of Node before anybody gets it. */
  readonly onBuiltin: (module: object) => void;
}

// Modules of Node that keep nothing but what their objects show; all others have hooks, threads or settings
// that nobody sees from outside.
const transparent = new Set(
  (
    'assert assert/strict buffer constants crypto events fs fs/promises http http2 https net os path ' +
    'path/posix path/win32 punycode querystring stream stream/promises stream/web string_decoder ' +
    'timers timers/promises tls tty url util util/types zlib'
  ).split(' '),
);

interface Loader {
  _load(...given: unknown[]): unknown;
  readonly _cache: Record<string, { readonly exports: unknown }>;
  readonly _extensions: Record<string, (...given: unknown[]) => unknown>;
}

const loader = Module as unknown as Loader;

/** The modules of one process. */
export class Modules {
  /** `require` for scripts. */
  readonly require: NodeJS.Require;
  readonly #options: ModulesOptions;
  readonly #own = createRequire(`${process.cwd()}/script.js`);
  readonly #lasting = new Map<string, boolean>();
  #packages: NodeJS.Require | undefined;
  // Of the run: whether something was loaded that leaves no trace to look for, or works on files.
  #isOpaque = false;
  #hasFiles = false;
  readonly #nextFile = nextFile();

  constructor(options: ModulesOptions) {
    this.#options = options;
    this.#listen();
    const load = (name: string) => loaded(this.#from(name), name);
    const resolve = (name: string) => this.#from(name).resolve(name);
    this.require = Object.freeze(
      Object.assign(load, { resolve, cache: Object.freeze({}), main: undefined }),
    ) as never;
  }

  /** Forgets what a run loaded; false: something of it may remain. */
  forget(): boolean {
    const files = Object.keys(loader._cache);
    if (files.length === 0 && !this.#isOpaque && !this.#hasFiles) return true;
    const isWhole =
      !this.#isOpaque &&
      !files.some((file) => this.#isLasting(file)) &&
      !(this.#hasFiles && this.#leavesFiles());
    this.#hasFiles = false;
    for (const file of files) delete loader._cache[file];
    // It keeps a list of all that was loaded through it.
    this.#packages = undefined;
    return isWhole;
  }

  // Packages are never looked for from the work folder: the folders above it belong to others.
  #from(name: string): NodeJS.Require {
    if (/^\.{0,2}\//.test(name)) return this.#own;
    this.#packages ??= createRequire(`${this.#options.folder()}/script.js`);
    return this.#packages;
  }

  // Packages load modules of Node and each other by the same way as scripts do.
  #listen(): void {
    const load = loader._load;
    loader._load = (...given) => {
      const module = load.apply(loader, given);
      const [name] = given;
      if (typeof name === 'string' && isBuiltin(name)) this.#gives(name.replace(/^node:/, ''), module);
      return module;
    };
    const builtin = process.getBuiltinModule.bind(process);
    process.getBuiltinModule = ((name: string) => {
      const module: unknown = builtin(name);
      if (module !== undefined) this.#gives(name.replace(/^node:/, ''), module);
      return module;
    }) as typeof process.getBuiltinModule;
    const native = loader._extensions['.node'];
    loader._extensions['.node'] = (...given) => {
      this.#isOpaque = true;
      return native?.apply(loader, given);
    };
  }

  #gives(name: string, module: unknown): void {
    if (!transparent.has(name)) this.#isOpaque = true;
    if (name === 'fs' || name === 'fs/promises') this.#hasFiles = true;
    if (isObject(module)) this.#options.onBuiltin(module);
  }

  #leavesFiles(): boolean {
    if (nextFile() !== this.#nextFile || readdirSync('.').length > 0) return true;
    // One behind a number that is free again.
    for (let number = this.#nextFile + 1; number < this.#nextFile + 16; number++) {
      if (isOpen(number)) return true;
    }
    return false;
  }

  // ES modules are loaded once and for all; asking for one again gives the same.
  #isLasting(file: string): boolean {
    let isLasting = this.#lasting.get(file);
    if (isLasting === undefined) {
      isLasting = /\.mjs$/.test(file) || (/\.js$/.test(file) && isOfModules(file));
      this.#lasting.set(file, isLasting);
    }
    return isLasting || isNamespace(loader._cache[file]?.exports);
  }
}

// The number that the next file gets: the lowest that is free.
function nextFile(): number {
  const number = openSync('.', 'r');
  closeSync(number);
  return number;
}

function isOpen(number: number): boolean {
  try {
    fstatSync(number);
    return true;
  } catch {
    return false;
  }
}

// The nearest manifest above a file says what `.js` means there.
function isOfModules(file: string): boolean {
  for (let at = dirname(file); ; at = dirname(at)) {
    const text = textOf(join(at, 'package.json'));
    if (text !== undefined) return /"type"\s*:\s*"module"/.test(text);
    if (at === dirname(at)) return false;
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function isNamespace(value: unknown): boolean {
  return isObject(value) && Object.prototype.toString.call(value) === '[object Module]';
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function loaded(resolve: NodeJS.Require, name: string): unknown {
  try {
    return resolve(name);
  } catch (error) {
    // Node's own message lists paths of this machine.
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw Object.assign(new Error(`Cannot find module '${name}'.`), { code: 'MODULE_NOT_FOUND' });
  }
}
