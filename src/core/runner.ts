// The port of runners: a language, run in processes of its own. The server hands over section texts and takes
// back only what changed, as text; it never builds or parses the whole event.
import type { LogLine } from './observe.ts';
import type { Result } from './operation.ts';

/** A script made ready to run: compiled once, known to runners by its hash. */
export interface Program {
  /** Hash of language, code and options: the same text is loaded once per runner. */
  readonly hash: string;
  /** For logs and traces: the event name, or `service.<name>`. */
  readonly name: string;
  readonly code: string;
  /**
   * Whether the body uses `await` at top level, so that its end state counts (not that of its first pause).
   */
  readonly isAsync: boolean;
  /** Whether its text could leave state behind: its runner is then not used again. */
  readonly isPristine: boolean;
  /**
   * Whether it ends at once and touches nothing but its event, as the reader of its language found;
   * undefined:
   * the pool asks its language.
   */
  readonly isQuick?: boolean;
  /** Another way of speaking the language: Python 2, or v8js with its synchronous `platform.api`. */
  readonly dialect?: Dialect;
  /** Whether `{name}` in string literals stands for the value of a lookup (rulings 4). */
  readonly bindsLookups?: boolean;
  /** Only to be read, not run: what `Runner.prepare` asks of a process. */
  readonly isCheck?: boolean;
  /** Source map of `code`, when it was compiled from TypeScript. */
  readonly sourceMap?: string;
}

/** Older ways of writing scripts that a language's runner takes as well. */
export type Dialect = 'python2' | 'v8js';

/** The text of a script, for the runner of a language that only its own interpreter can read. */
export interface ProgramSource {
  readonly name: string;
  readonly content: string;
  readonly dialect?: Dialect;
}

/** What a runner found when it read a text without running it; lines and columns count from 1. */
export type Prepared =
  | {
      readonly kind: 'ready';
      readonly isPristine: boolean;
      readonly isQuick: boolean;
      /** The text to run, where it is not the one that was given (translated, markers removed). */
      readonly code?: string;
    }
  | { readonly kind: 'flawed'; readonly message: string; readonly line: number; readonly column: number }
  /** No process of the language could say. */
  | { readonly kind: 'unavailable'; readonly message: string };

/**
 * The texts that a run may look at; each is parsed only when the script touches it. JSON unless said
 * otherwise.
 */
export interface Sections {
  /**
   * `{event, stage, resource, method, uri, service, requestResource, apiVersion, contentType}`. `stage` is
   * `pre_process`, `post_process`, '' (final) or `service`; `resource` is text or a map of path parameters.
   * Of queued runs also `id`, `attempt` and, where it is 'unknown', `certainty`.
   */
  readonly meta: string;
  readonly parameters: string;
  readonly headers: string;
  /** Raw request body, any media type; '' when there is none. */
  readonly content: string;
  /**
   * `event.request.payload` as JSON where it is not what `content` parses to; '' to derive it from content.
   */
  readonly payload: string;
  readonly session: string;
  /** `{status_code, content_type, headers}`, or '' when there is no response yet. */
  readonly response: string;
  /** Content of the response as JSON, or ''. */
  readonly responseContent: string;
}

/**
 * What a script calls the platform with. `path` is as written in the script; JSON texts. PHP's runner hands
 * an array payload to another host (a path with a scheme) as the option `CURLOPT_POSTFIELDS`, not as
 * payload: it is sent as a form there, while a text is sent as it is.
 */
export interface BridgeCall {
  readonly method: string;
  readonly path: string;
  /** JSON text of the payload, or undefined when none was given. */
  readonly payload: string | undefined;
  readonly options: unknown;
  /** The number of the transaction that the call joins, one that the run has begun; absent: none. */
  readonly transaction?: number;
  /** The key of `platform.once` in whose function it is made, behind those around it; absent: none. */
  readonly once?: string;
}

/**
 * Method of the calls by which `platform.once` asks what a queued run remembers under a key, its path, and
 * has it remember its payload, JSON. In small letters: what scripts call with is sent in capitals.
 */
export const memoMethod = 'once';

/** How such a call is answered when it is not refused. */
export const memoStatus = {
  /** The body is what is remembered. */
  known: 200,
  /** Nothing is; or: now it is. */
  unknown: 204,
  /** Nothing ever is: the run is no queued one. */
  forgetful: 205,
} as const;

/** A step of a transaction of a script; the numbers are the runner's own, of this run alone. */
export interface TransactionStep {
  readonly step: 'begin' | 'commit' | 'rollback';
  readonly transaction: number;
  /** The one that it is begun in, or 0. */
  readonly outer: number;
  /** Name of the service to be covered, '' for the first that is used. */
  readonly service: string;
}

/** Answers calls of one run; bound to its principal and depth, so nothing in a call can change who asks. */
export interface Bridge {
  call(call: BridgeCall): Promise<Result>;
  /** Takes a step of a transaction; a refusal is a result with the error. Absent: none are offered. */
  transact?(step: TransactionStep): Promise<Result>;
}

/** One execution asked of a runner. */
export interface Invocation {
  readonly program: Program;
  readonly sections: Sections;
  readonly timeoutMs: number;
  /** Nesting: a deeper run must never wait for the slot that its parent holds. */
  readonly depth: number;
  readonly bridge: Bridge;
  /** False: the script may look and refuse only, so its changes are not even collected. Default true. */
  readonly wantsChanges?: boolean;
  /** Ends the run where it is, as its deadline would. */
  readonly signal?: AbortSignal | undefined;
}

/** Parts of the event that a script changed, as JSON texts; absent: untouched. `null`: deleted. */
export interface Changes {
  readonly parameters?: string | null;
  readonly headers?: string | null;
  readonly payload?: string | null;
  /** A JSON string. */
  readonly content?: string | null;
  /**
   * Whole response without its content: `{status_code?, content_type?, headers?, …}`; null: removed or not an
   * object.
   */
  readonly response?: string | null;
  readonly responseContent?: string | null;
  /** `event.response` was set to something that is no object: its JSON. */
  readonly responseValue?: string;
  readonly stopPropagation?: boolean;
}

/** How a run ended. Expected outcomes are values; a runner never throws. */
export type Outcome =
  | { kind: 'finished'; returned: string | undefined; changes: Changes; log: readonly LogLine[] }
  | { kind: 'threw'; error: ThrownError; log: readonly LogLine[] }
  | { kind: 'exited'; code: number; changes: Changes; log: readonly LogLine[] }
  | { kind: 'timeout'; ms: number; log: readonly LogLine[] }
  | { kind: 'aborted'; log: readonly LogLine[] }
  | { kind: 'crashed'; reason: string; log: readonly LogLine[] }
  | { kind: 'saturated'; message: string }
  | { kind: 'unavailable'; message: string };

/** What a script threw, as far as it can be told. */
export interface ThrownError {
  readonly message: string;
  /** `code` of the thrown value as JSON would show it. */
  readonly code?: number | string;
  /** `status_code`, `statusCode` or `status` of the thrown value. */
  readonly status?: number;
  readonly line?: number;
  readonly column?: number;
  readonly stack?: string;
  /** What the author gave along for the caller: `context` of an exception of PHP. */
  readonly context?: unknown;
  /** What the script said of another try of a queued run: in how many seconds, or never. */
  readonly retry?: number | false;
}

/** A language. */
export interface Runner {
  readonly language: string;
  run(invocation: Invocation): Promise<Outcome>;
  /** Reads a text without running it; absent where the server itself reads the language (JavaScript). */
  prepare?(source: ProgramSource): Promise<Prepared>;
  /** Starts over with what is around it now, such as packages; runs that are under way end as they began. */
  refresh?(): void;
  /** Ends its processes: at once, or when the runs that it was given are over. */
  stop(how?: { readonly afterRuns: boolean }): Promise<void>;
}
