// What an event script sees of an exchange, as section texts. Invariant: nothing is parsed or written that
// was not changed since it was written last: texts are kept by the identity of parameters and headers, bodies
// pass through.
import type { Body } from '../../core/body.ts';
import { type EventName, eventResource, type Stage } from '../../core/event.ts';
import type { Headers, Operation, Parameters, ParameterValue, Result } from '../../core/operation.ts';
import type { Sections } from '../../core/runner.ts';
import type { Exchange, QueuedEvent } from '../../core/script.ts';
import type { SessionTexts } from '../platform.ts';

/** The place of a script: the event that fires it, and when. */
export interface Place {
  readonly event: EventName;
  /** `service`: the script is the service itself. */
  readonly stage: Stage | 'service';
}

// 201 is DreamFactory's number for "PHP array"; an empty PHP array is a list in JSON.
const plainAnswer = '{"status_code":200,"content_type":null,"format":201,"headers":[]}';

/** Makes section texts; keeps what is the same for many requests. */
export class EventView {
  readonly #sessions: SessionTexts;
  readonly #texts = new WeakMap<Parameters, string>();
  readonly #places = new WeakMap<Place, string>();
  readonly #tableTexts = new WeakMap<Parameters, string>();
  #end = { service: '', apiVersion: '', contentType: '', text: '' };

  constructor({ sessions }: { readonly sessions: SessionTexts }) {
    this.#sessions = sessions;
  }

  /**
   * The texts for one run. Before scripts see no response, not even that of the before script that ran first.
   */
  sections(exchange: Exchange, place: Place): Sections {
    const { operation, request, result } = exchange;
    const { body, headers } = request;
    const answer = place.stage === 'pre_process' ? undefined : result;
    return {
      meta: this.#meta(exchange, place),
      parameters: place.stage === 'service' ? this.#textOf(request.parameters) : this.#parameters(exchange),
      headers: headersText(exchange),
      content: body?.text ?? '',
      payload: payload(body, headers),
      session: this.#sessions.of(operation.principal),
      response: answer === undefined ? '' : responseMeta(answer),
      responseContent: answer === undefined ? '' : responseContent(answer),
    };
  }

  #parameters({ operation, request }: Exchange): string {
    const { parameters, body } = request;
    if (!readsTable(operation)) return this.#textOf(parameters);
    if (body !== undefined) return JSON.stringify(tableParameters(parameters, body));
    let text = this.#tableTexts.get(parameters);
    if (text === undefined) {
      text = JSON.stringify(tableParameters(parameters, undefined));
      this.#tableTexts.set(parameters, text);
    }
    return text;
  }

  // What is the same for all runs of a place is written once, the rest put behind it.
  #meta({ operation, request, queued }: Exchange, place: Place): string {
    const { path, uri, action, service, apiVersion } = operation;
    const contentType = request.headers['content-type'] ?? 'application/json';
    let fixed = this.#places.get(place);
    if (fixed === undefined) {
      fixed = `{"event":${JSON.stringify(place.event.name)},"stage":${JSON.stringify(place.stage)}`;
      this.#places.set(place, fixed);
    }
    const query = uri.indexOf('?');
    const whole = path.join('/');
    const resource = JSON.stringify(eventResource(place.event, path));
    const asked = JSON.stringify(query < 0 ? whole : whole + uri.slice(query));
    return (
      `${fixed},"resource":${resource},"method":"${action}","uri":${JSON.stringify(uri)},` +
      `"requestResource":${asked}${queued === undefined ? '' : queuedMeta(queued)}` +
      this.#metaEnd(service, apiVersion, contentType)
    );
  }

  // The same for most requests that follow each other.
  #metaEnd(service: string, apiVersion: string, contentType: string): string {
    const end = this.#end;
    if (end.service !== service || end.apiVersion !== apiVersion || end.contentType !== contentType) {
      const text = JSON.stringify({ service, apiVersion, contentType }).replace('{', ',');
      this.#end = { service, apiVersion, contentType, text };
    }
    return this.#end.text;
  }

  #textOf(map: Parameters): string {
    let text = this.#texts.get(map);
    if (text === undefined) {
      text = JSON.stringify(map);
      this.#texts.set(map, text);
    }
    return text;
  }
}

function queuedMeta({ id, attempt, isUncertain }: QueuedEvent): string {
  const certainty = isUncertain ? ',"certainty":"unknown"' : '';
  return `,"id":${JSON.stringify(id)},"attempt":${attempt}${certainty}`;
}

// Written once per exchange: not in a WeakMap, whose entries cost the collector more than the text does.
function headersText(exchange: Exchange): string {
  const { headers } = exchange.request;
  if (exchange.headersText?.of !== headers) {
    exchange.headersText = { of: headers, text: JSON.stringify(headers) };
  }
  return exchange.headersText.text;
}

// JSON is derived from the content by whoever looks at it; what is no JSON by its type is given as a value.
function payload(body: Body | undefined, headers: Headers): string {
  if (body === undefined) return '';
  const declared = headers['content-type'];
  if (body.isJson && (declared === undefined || /json/i.test(declared))) return '';
  const value = readable(body);
  return value === undefined ? '' : JSON.stringify(value);
}

function responseMeta({ status, headers, mediaType }: Result): string {
  const names = Object.keys(headers);
  if (status === 200 && mediaType === undefined && names.length === 0) return plainAnswer;
  const shown = names.length === 0 ? [] : headers;
  return JSON.stringify({
    status_code: status,
    content_type: mediaType ?? null,
    format: 201,
    headers: shown,
  });
}

function responseContent({ body }: Result): string {
  if (body === undefined) return 'null';
  return body.isJson ? body.text : JSON.stringify(body.text);
}

function readsTable({ action, path }: Operation): boolean {
  return action === 'GET' && path[0] === '_table' && path.length > 1;
}

// As recorded: reading records, options in the body count as parameters, all fields are asked for by name,
// and relations are a map.
function tableParameters(parameters: Parameters, body: Body | undefined): Parameters {
  const shown: Record<string, ParameterValue> = { ...parameters, ...bodyOptions(parameters, body) };
  if (shown.select === undefined) shown.fields ??= '*';
  if (typeof shown.related === 'string') shown.related = relations(shown.related, shown);
  return shown;
}

function bodyOptions(parameters: Parameters, body: Body | undefined): Record<string, ParameterValue> {
  const options = body?.isJson === true ? readable(body) : undefined;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return {};
  const entries = Object.entries(options as Record<string, ParameterValue>);
  return Object.fromEntries(
    entries.filter(([name]) => name !== 'resource' && !Object.hasOwn(parameters, name)),
  );
}

// A body that can not be read is for the service to refuse; the script still runs.
function readable(body: Body): unknown {
  try {
    return body.value;
  } catch {
    return undefined;
  }
}

function relations(names: string, parameters: Parameters): ParameterValue {
  const map: Record<string, ParameterValue> = {};
  for (const name of names.split(',').map((part) => part.trim())) {
    if (name === '') continue;
    const option = (kind: string) => parameters[`${name}_${kind}`] ?? parameters[`${name}.${kind}`] ?? null;
    const fields = option('fields') ?? '*';
    map[name] = { name, fields, limit: option('limit'), order: option('order'), group: option('group') };
  }
  return map;
}
