// Calls of a running script: to the platform as inner calls of its exchange, to other hosts through the
// egress. Invariant: nothing in a call changes on whose authority it is made, which configuration alone says;
// every problem comes back as a result, as the API itself would answer it.
import { Body, writeJson } from '../core/body.ts';
import { errorResult } from '../core/dispatch.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { LogLine } from '../core/observe.ts';
import {
  type Acting,
  type Action,
  actions,
  type Headers,
  type InnerCall,
  type Parameters,
  type ParameterValue,
  type Result,
  type RunMark,
} from '../core/operation.ts';
import { type Bridge, type BridgeCall, memoMethod, type TransactionStep } from '../core/runner.ts';
import type { Exchange } from '../core/script.ts';
import { readableBody, writtenResult } from '../formats/index.ts';
import { noParameters, parseParameters } from '../query/parameters.ts';
import { CallKeys } from './call-keys.ts';
import { callForeign, type ForeignStyle, isForeign, type Keyed, type Outgoing } from './foreign-call.ts';
import { answerMemo } from './run-memo.ts';
import { newRunId } from './run-record.ts';
import { RunTransactions } from './run-transactions.ts';

const form = 'application/x-www-form-urlencoded';

/** Where calls with a scheme go. */
export interface Abroad {
  /** Name of the script. */
  readonly by: string;
  readonly outgoing: Outgoing;
  readonly style: ForeignStyle;
  readonly hops: number;
}

/** Says on whose authority the calls of a run are made. Throws when nobody may act so. */
export type Elevate = (call: InnerCall) => Acting | Promise<Acting>;

/** What the calls of a run are made in. */
export type CallingExchange = Pick<Exchange, 'call'> &
  Partial<Pick<Exchange, 'operation' | 'queued' | 'memory'>>;

/** The bridge of one run. */
export class CallBridge implements Bridge, RunMark {
  /** What the author of the script should know of its calls; for the log of the run. */
  readonly notes: LogLine[] = [];
  /** Ends the run; those that its calls set off end with it. */
  signal: AbortSignal | undefined;
  readonly #exchange: CallingExchange;
  readonly #abroad: Abroad | undefined;
  readonly #elevate: Elevate | undefined;
  #acting: Acting | undefined;
  #abort: AbortController | undefined;
  #transactions: RunTransactions | undefined;
  #id: string | undefined;
  #made = 0;
  #keys: CallKeys | undefined;
  #running = 0;
  #waiting: (() => void)[] | undefined;

  /** Without `abroad`, calls to other hosts are refused; without `elevate`, all are the caller's own. */
  constructor(exchange: CallingExchange, abroad?: Abroad, elevate?: Elevate) {
    this.#exchange = exchange;
    this.#abroad = abroad;
    this.#elevate = elevate;
  }

  /**
   * Answers like the API: errors are results. Further calls wait while `limits.innerCallsAtOnce` are under
   * way.
   */
  async call(call: BridgeCall): Promise<Result> {
    if (call.method === memoMethod) return answerMemo(call, this.#exchange.memory);
    if (++this.#made > limits.innerCalls) {
      return errorResult(
        new PlatformError(
          'script.too_many_calls',
          `A script may make at most ${limits.innerCalls} API calls.`,
        ),
      );
    }
    if (this.#running >= limits.innerCallsAtOnce) await this.#turn();
    else this.#running++;
    try {
      if (isForeign(call.path)) return await this.#callAbroad(call);
      if (this.#elevate !== undefined) return await this.#callElevated(call, this.#elevate);
      return await this.#callHere(call);
    } catch (error) {
      return errorResult(error);
    } finally {
      const next = this.#waiting?.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** Id of the run, made when it is first asked for. */
  get id(): string {
    this.#id ??= newRunId();
    return this.#id;
  }

  /** On whose authority its calls are made, once there is one of them. */
  get acting(): Acting | undefined {
    return this.#acting;
  }

  /** Whether somebody asked for the id, so that the log must know the run. */
  get isNamed(): boolean {
    return this.#id !== undefined;
  }

  /** Takes a step of a transaction that the run begins or has begun. */
  transact(step: TransactionStep): Promise<Result> {
    const { operation } = this.#exchange;
    this.#transactions ??= new RunTransactions({ outer: operation?.transaction, notes: this.notes });
    return this.#transactions.take(step);
  }

  /**
   * The run is over: calls to other hosts that are still under way end, and transactions that are open are
   * rolled back, which the promise is for.
   */
  end(): Promise<void> | undefined {
    this.#abort?.abort();
    return this.#transactions?.end();
  }

  // Asked for each call: a role may be taken away while a run goes on.
  async #callElevated(call: BridgeCall, elevate: Elevate): Promise<Result> {
    this.#acting = await elevate(innerCall(call));
    return this.#callHere(call);
  }

  #callHere(call: BridgeCall): Promise<Result> {
    const inner = innerCall(call);
    const { transaction: number } = call;
    if (number === undefined) return this.#callInside(inner);
    if (this.#transactions === undefined)
      throw new PlatformError('script.transaction_over', 'None was begun.');
    return this.#transactions.inside(number, (transaction) => this.#callInside({ ...inner, transaction }));
  }

  // XML and CSV as at the door, for whoever says so in the headers of a call; but what PHP calls hands over
  // values, as it always did.
  #callInside(call: InnerCall): Promise<Result> {
    const { body, headers } = call.request;
    const reading = body && readableBody(body);
    const answer =
      reading === undefined
        ? this.#exchange.call(call, this)
        : reading.then((read) =>
            this.#exchange.call({ ...call, request: { ...call.request, body: read } }, this),
          );
    const { accept } = headers;
    if (accept === undefined || this.#abroad?.style === 'curl') return answer;
    return answer.then((result) => writtenResult(result, accept));
  }

  #callAbroad(call: BridgeCall): Promise<Result> {
    if (this.#abroad === undefined) {
      throw new PlatformError('egress.refused', 'This server makes no calls to other hosts.');
    }
    this.#abort ??= new AbortController();
    const { signal } = this.#abort;
    const warn = (text: string) => this.notes.push({ level: 'warn', text });
    const { queued } = this.#exchange;
    if (queued !== undefined) this.#keys ??= new CallKeys(queued.id);
    const keys = this.#keys;
    const keyOf = keys && ((made: Keyed) => keys.of(made, call.once));
    return callForeign(call, { ...this.#abroad, signal, warn, keyOf });
  }

  // The place of a finished call is handed over, so the count stays as it is.
  #turn(): Promise<void> {
    this.#waiting ??= [];
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }
}

/** Reads what a script asked for (spec §1.6.1). Throws `request.*` for what can not be asked. */
export function innerCall({ method, path, payload, options }: BridgeCall): InnerCall {
  const action = actionOf(method);
  const [location, query] = split(path, '?');
  const inner = location.replace(/^\/+/, '').replace(/^api\/v\d+(\/|$)/i, '');
  const [service = '', ...rest] = inner
    .split('/')
    .filter((segment) => segment !== '')
    .map(decode);
  if (service === '') {
    throw new PlatformError('request.not_found', `The path '${path}' names no service.`);
  }
  const given = readOptions(options);
  const parameters = { ...(query === '' ? noParameters : parseParameters(query)), ...given.parameters };
  return {
    service,
    path: rest,
    action,
    request: { parameters, headers: given.headers, body: bodyOf(action, payload, given.headers) },
    uri: `/api/v2/${inner}${query === '' ? '' : `?${query}`}`,
  };
}

function actionOf(method: string): Action {
  const wanted = method.toUpperCase();
  const action = actions.find((known) => known === wanted);
  if (action !== undefined) return action;
  throw new PlatformError(
    'request.unsupported_verb',
    `platform.api knows the verbs ${actions.join(', ')}, not '${method}'.`,
  );
}

function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

interface Options {
  readonly headers: Headers;
  readonly parameters: Parameters;
}

// An object with neither key is headers as a whole: scripts in the wild rely on it.
function readOptions(options: unknown): Options {
  if (!isMap(options)) return { headers: {}, parameters: noParameters };
  if (!('headers' in options) && !('parameters' in options)) {
    return { headers: headersOf(options), parameters: noParameters };
  }
  const { headers, parameters } = options;
  return {
    headers: isMap(headers) ? headersOf(headers) : {},
    parameters: isMap(parameters) ? parametersOf(parameters) : noParameters,
  };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function headersOf(map: Readonly<Record<string, unknown>>): Headers {
  const entries = Object.entries(map).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.map(asText).join(', ') : asText(value),
    ]),
  );
}

// An object may have a `toString` of its own.
function asText(value: unknown): string {
  return typeof value === 'object' ? writeJson(value) : String(value);
}

// As if they had been in the query: text. The names of relations' options lose their dots there, too.
function parametersOf(map: Readonly<Record<string, unknown>>): Parameters {
  const entries = Object.entries(map).filter(([name, value]) => value !== undefined && name !== '__proto__');
  return Object.fromEntries(entries.map(([name, value]) => [name.replaceAll('.', '_'), asParameter(value)]));
}

function asParameter(value: unknown): ParameterValue {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return String(value);
  return Array.isArray(value)
    ? value.map(asParameter)
    : (parametersOf(value as Record<string, unknown>) as ParameterValue);
}

// What would have been sent over HTTP: objects arrive here as JSON, text as it is, and nothing declares JSON.
function bodyOf(action: Action, payload: string | undefined, headers: Headers): Body | undefined {
  if (payload === undefined || payload === '') return undefined;
  if (payload === 'null' && (action === 'GET' || action === 'DELETE')) return undefined;
  const declared = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (declared === form && !/^\s*[{[]/.test(payload)) {
    return Body.ofParsed(payload, parseParameters(payload), form);
  }
  if (declared === form || declared === undefined || declared === '') {
    return Body.ofText(payload, looksLikeJson(payload) ? 'application/json' : 'text/plain');
  }
  return Body.ofText(payload, declared);
}

function looksLikeJson(text: string): boolean {
  return /^\s*([{["]|(null|true|false|-?\d[\d.eE+-]*)\s*$)/.test(text);
}
