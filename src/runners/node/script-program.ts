// A script compiled inside the runner: the body of a sloppy function, as DreamFactory runs it (spec §1.7).
// Invariant: compiled once per process; what the text does not mention is not made for a run.
import { compileFunction, constants } from 'node:vm';
import { isSuspicious } from './hygiene.ts';

/** What a run offers to its script. */
export interface Offer {
  event(): unknown;
  info(): unknown;
  platform(): unknown;
  /** Puts the values of lookups into a text. */
  lookup(text: string): string;
  /** Writes a value to the run's log, as scripts of v8js do. */
  dump(value: unknown): void;
}

type Body = (...values: unknown[]) => unknown;

const parameters = [
  'event',
  'platform',
  '_event',
  '_platform',
  'require',
  'module',
  'exports',
  '__dirname',
  '__filename',
];
// Given only to programs that know them, so that others may use the names themselves.
const lookupName = '_tenonLookup';
const dumpName = 'var_dump';
const asyncHead = 'return (async () => {';

/** One program of this process. */
export class ScriptProgram {
  readonly name: string;
  readonly isQuick: boolean;
  /** Written for v8js: calls of the platform are answered at once. */
  readonly isSynchronous: boolean;
  /** Whether all traces are looked for after each run. */
  readonly isSuspicious: boolean;
  #code: string;
  #file: string;
  #place: string;
  #isAsync: boolean;
  #body: Body | undefined;
  #mentions: ReadonlySet<string>;
  #extra: readonly string[];

  constructor(options: {
    index: number;
    name: string;
    code: string;
    isAsync: boolean;
    isQuick: boolean;
    isSynchronous: boolean;
    bindsLookups: boolean;
    packages: string | null;
  }) {
    this.name = options.name;
    this.isQuick = options.isQuick;
    this.isSynchronous = options.isSynchronous;
    this.isSuspicious = isSuspicious(options.code);
    this.#extra = [
      ...(options.bindsLookups ? [lookupName] : []),
      ...(options.isSynchronous ? [dumpName] : []),
    ];
    this.#code = options.code;
    this.#isAsync = options.isAsync;
    // The server finds this name in stacks and puts the script's own in its place.
    this.#file = `tenon-script-${options.index}`;
    // `import()` looks for packages from where the file seems to lie.
    const isImporting = /\bimport\b/.test(options.code);
    this.#place = isImporting ? `${options.packages ?? ''}/${this.#file}` : this.#file;
    const all = /\b(arguments|eval)\b|\\u/.test(options.code);
    const mentions = (name: string) => all || new RegExp(`(^|[^\\w$])${name}($|[^\\w$])`).test(options.code);
    this.#mentions = new Set(parameters.filter(mentions));
  }

  /** Runs the body; throws what it throws, and a SyntaxError for text that is no JavaScript. */
  call(offer: Offer, require: NodeJS.Require): unknown {
    this.#body ??= this.#compile();
    const has = this.#mentions;
    const platform = has.has('platform') || has.has('_platform') ? offer.platform() : undefined;
    const module = has.has('module') || has.has('exports') ? this.#module() : undefined;
    return this.#body.call(
      undefined,
      has.has('event') ? offer.event() : undefined,
      platform,
      has.has('_event') ? offer.info() : undefined,
      platform,
      require,
      module,
      module?.exports,
      process.cwd(),
      `${process.cwd()}/${this.#file}`,
      ...this.#extra.map((name) => (name === lookupName ? offer.lookup : offer.dump)),
    );
  }

  #module(): { exports: object; id: string; filename: string; loaded: boolean } {
    return { exports: {}, id: '.', filename: this.#file, loaded: false };
  }

  #compile(): Body {
    // The wrapper stands on the first line only; the negative offset keeps columns those of the script.
    const code = this.#isAsync ? `${asyncHead}${this.#code}\n})()` : this.#code;
    return compileFunction(code, [...parameters, ...this.#extra], {
      filename: this.#place,
      columnOffset: this.#isAsync ? -asyncHead.length : 0,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }) as Body;
  }
}
