// Nothing of one run may be visible to the next: finds what a script left in the process.
// Invariant: what cannot be put back with certainty makes the process unusable instead.

// What a text must hold to reach a built-in object, by any way we know: names that lead to prototypes and
// modules, assignments to capitalised names (`Math.x =`, `Array =`) and to the global functions, and escapes
// that hide names.
const names = anyWord(
  'prototype constructor process require module exports import globalThis global eval Function arguments ' +
    'with Reflect defineProperty defineProperties setPrototypeOf assign this fetch Proxy',
);
const member = String.raw`((\.|\?\.)\s*\w+\s*|\[[^\]]*\]\s*)*`;
const change = String.raw`\s*${member}([-+*/%&|^?<>]{0,3}=(?![=>])|\+\+|--)`;
const builtIn =
  String.raw`\b([A-Z]\w*|parse\w+|is\w+|\w*codeURI\w*|\w*escape|atob|btoa|clear\w+|set\w+|queueMicrotask|` +
  'crypto|performance|structuredClone)';
const assignments = new RegExp(builtIn + change);
const taken = String.raw`[[{,:]\s*[A-Z]\w*\s*[.[\]},][^;]{0,200}[\]}]\s*(=(?![=>])|of\b|in\b)`;
const others = new RegExp(String.raw`__|\\[ux]|\bdelete\s+[A-Z]|(\+\+|--)\s*[A-Z]|${taken}`);

/** Whether a script with this text is checked in full after each run, and not only for new names. */
export function isSuspicious(code: string): boolean {
  return names.test(code) || assignments.test(code) || others.test(code);
}

/** The state of a process before any script ran in it. */
export class Baseline {
  #names: ReadonlySet<string>;
  #visible: number;
  #watched: object[];
  #records: Map<object, Map<PropertyKey, unknown>> = new Map();
  #settings: { readonly of: object; readonly key: string; readonly value: unknown }[] = [];
  #cwd = process.cwd();
  #listeners: string;

  constructor() {
    this.#names = new Set(Object.keys(globalThis));
    this.#visible = visibleNames();
    this.#watched = watchedObjects();
    for (const watched of this.#watched) this.watch(watched);
    this.#listeners = listenersOf();
  }

  /** Watches an object as it is now, such as a module that a script is about to get. */
  watch(watched: object): void {
    if (!this.#records.has(watched)) this.#records.set(watched, contentOf(watched));
  }

  /** Watches a module of Node with what it holds: functions, their prototypes, objects and settings. */
  watchDeep(module: object): void {
    if (this.#records.has(module)) return;
    const first = membersOf(module);
    // One level more: `util.inspect.styles`.
    const members = [...new Set([...first, ...first.flatMap(membersOf)])];
    const prototypes = members.map((member) => Object.getOwnPropertyDescriptor(member, 'prototype')?.value);
    // Those of prototypes belong to instances. Read first: some put a value in their place.
    for (const each of [module, ...members]) this.#watchSettings(each);
    for (const each of [module, ...members, ...prototypes.filter(isObject)]) this.watch(each);
  }

  // What is set by an assignment that only a getter shows, such as `defaultMaxListeners`.
  #watchSettings(of: object): void {
    for (const [key, { get, set }] of Object.entries(Object.getOwnPropertyDescriptors(of))) {
      if (get === undefined || set === undefined || key === '__proto__') continue;
      const value: unknown = Reflect.get(of, key);
      if (isObject(value)) this.watch(value);
      this.#settings.push({ of, key, value });
    }
  }

  /**
   * Removes new global names; false: the process must not be used again. 0.7 µs when there is nothing to do.
   */
  restore(isThorough: boolean): boolean {
    // RegExp.$1 and its kin remember the last match of whoever ran last.
    emptyMatch.test('');
    // for-in also walks Object.prototype: one loop finds new globals and pollution of every object.
    if (visibleNames() !== this.#visible && !this.#removeGlobals()) return false;
    return !isThorough || this.#isWhole();
  }

  #removeGlobals(): boolean {
    for (const name of Object.keys(globalThis)) {
      if (!this.#names.has(name)) Reflect.deleteProperty(globalThis, name);
    }
    return visibleNames() === this.#visible;
  }

  #isWhole(): boolean {
    for (const [watched, before] of this.#records) {
      const now = contentOf(watched);
      if (now.size !== before.size) return false;
      for (const [key, value] of now) {
        if (!before.has(key) || !Object.is(before.get(key), value)) return false;
      }
    }
    if (this.#settings.some(({ of, key, value }) => !Object.is(Reflect.get(of, key), value))) return false;
    return process.cwd() === this.#cwd && listenersOf() === this.#listeners;
  }
}

function membersOf(of: object): object[] {
  const members = [...contentOf(of)].filter(([key]) => key !== parentKey && key !== 'prototype');
  return members.map(([, value]) => value).filter(isObject);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

const emptyMatch = /(?:)/;

function visibleNames(): number {
  let count = 0;
  for (const _ in globalThis) count++;
  return count;
}

// Values and accessors by key. Lazy globals of Node (`fetch`, `crypto`) are accessors, so looking does not
// load them.
function contentOf(watched: object): Map<PropertyKey, unknown> {
  const content = new Map<PropertyKey, unknown>();
  content.set(parentKey, Object.getPrototypeOf(watched));
  for (const key of Reflect.ownKeys(watched)) {
    const own = Reflect.getOwnPropertyDescriptor(watched, key);
    if (own === undefined || volatile.has(key)) continue;
    content.set(key, 'value' in own ? own.value : own.get);
  }
  return content;
}

const parentKey = Symbol('prototype');
// Members of `process` and functions that change by themselves.
const volatile: ReadonlySet<PropertyKey> = new Set([
  '_events',
  '_eventsCount',
  'exitCode',
  'stdout',
  'stderr',
]);

function watchedObjects(): object[] {
  const functions = [
    Object,
    Function,
    Array,
    String,
    Number,
    Boolean,
    Symbol,
    BigInt,
    Date,
    RegExp,
    Promise,
    Map,
    Set,
    WeakMap,
    WeakSet,
    Error,
    TypeError,
    RangeError,
    SyntaxError,
    ReferenceError,
    ArrayBuffer,
    Uint8Array,
    Buffer,
    URL,
    URLSearchParams,
    Proxy,
  ];
  const generator = Object.getPrototypeOf(function* () {});
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  const prototypes = functions.map((made) => made.prototype as object | undefined);
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
  const own = [JSON, Math, Reflect, Intl, Atomics, globalThis, process, process.env];
  const asynchronous = Object.getPrototypeOf(async () => {});
  const found = [...functions, ...prototypes, ...own, generator, iterator, typedArray, asynchronous];
  return found.filter((value) => value !== undefined);
}

function listenersOf(): string {
  return process
    .eventNames()
    .map((name) => `${String(name)}:${process.listenerCount(name)}`)
    .sort()
    .join();
}

function anyWord(words: string): RegExp {
  return new RegExp(`\\b(${words.split(' ').join('|')})\\b`);
}
