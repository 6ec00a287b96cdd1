// What a script sees as `event`: sections of a frame, parsed when touched; and what it changed, as texts.
// Invariant: a section that the script did not touch is neither parsed nor sent back.
import { changeNames, type FrameFields, sectionNames } from '../protocol.ts';
import { changedText, jsonOf, parseMap } from './json-text.ts';
import { lazy, lazyObject, type Members } from './lazy-object.ts';

/** Changed texts in the order of `changeNames`; undefined: untouched, null: deleted. */
export interface ChangeTexts {
  readonly texts: readonly (string | null | undefined)[];
  readonly stops: boolean;
}

/** No changes at all. */
export const unchanged: ChangeTexts = { texts: changeNames.map(() => undefined), stops: false };

interface Meta {
  event?: string;
  stage?: string;
  resource?: unknown;
  method?: string;
  uri?: string;
  service?: string;
  requestResource?: string;
  apiVersion?: string;
  contentType?: string;
  id?: string;
  attempt?: number;
  certainty?: string;
}

// Places of the texts in a frame (sectionNames).
const at = { meta: 0, parameters: 1, headers: 2, content: 3, payload: 4, session: 5, response: 6, body: 7 };

const nothing = Buffer.alloc(4);

/** One event of one run. */
export class EventView {
  #frame: Buffer;
  #starts: number[] = [];
  #meta: Meta | undefined;
  #event: Members | undefined;
  #eventProxy: Members | undefined;
  #request: Members | undefined;
  #requestProxy: Members | undefined;
  #response: Members | undefined;
  #responseProxy: Members | undefined;
  /** Called when the script hands over: setResponse, setRequest. */
  onHandOver: (() => void) | undefined;
  /** What setReturn was given last. */
  returned: unknown;

  /** `fields` stands at the first of the eight texts; its buffer must stay as it is until the run is over. */
  constructor(fields: FrameFields) {
    this.#frame = fields.buffer;
    for (let i = 0; i < sectionNames.length; i++) this.#starts.push(fields.skipText());
  }

  /** The object that the script gets. */
  get event(): Members {
    this.#eventProxy ??= this.#makeEvent();
    return this.#eventProxy;
  }

  /** `_event`: DreamFactory's name for the same exchange, with the script's name and stage. */
  get info(): Members {
    const meta = this.#metaOf();
    const members: Members = { name: meta.event, stage: meta.stage, script_name: meta.event };
    members.request = lazy;
    members.response = lazy;
    return lazyObject(members, (target, key) => {
      target[key] = this.event[key];
    });
  }

  /** `platform.session`; a value of the script's own. */
  session(): unknown {
    return parseMap(this.#text(at.session));
  }

  /** What the script changed up to now. Throws TypeError when JSON cannot hold it. */
  changes(): ChangeTexts {
    const event = this.#event;
    if (event === undefined) return unchanged;
    const request = event.request === lazy ? [undefined, undefined, undefined, undefined] : this.#sent(event);
    const response = event.response === lazy ? [undefined, undefined, undefined] : this.#answered(event);
    return { texts: [...request, ...response], stops: Boolean(event.stop_propagation) };
  }

  /** The run is over: its frame may be reused, and whoever kept the event reads nothing from it any more. */
  close(): void {
    this.#frame = nothing;
    this.#starts = sectionNames.map(() => 4);
  }

  #text(section: number): string {
    const start = this.#starts[section] ?? 0;
    const bytes = this.#frame.readUInt32LE(start - 4);
    return bytes === 0 ? '' : this.#frame.toString('utf8', start, start + bytes);
  }

  #metaOf(): Meta {
    this.#meta ??= JSON.parse(this.#text(at.meta)) as Meta;
    return this.#meta;
  }

  get #isService(): boolean {
    return this.#metaOf().stage === 'service';
  }

  #makeEvent(): Members {
    const event: Members = {};
    const isService = this.#isService;
    if (!isService) event.resource = lazy;
    event.request = lazy;
    if (this.#text(at.response) !== '') event.response = lazy;
    if (isService) event.resource = lazy;
    event.__tag__ = 'exposed_event';
    event.setReturn = lazy;
    event.setResponse = lazy;
    event.setRequest = lazy;
    this.#addAttempt(event);
    this.#event = event;
    return lazyObject(event, this.#fillEvent);
  }

  // Of queued runs.
  #addAttempt(event: Members): void {
    const { id, attempt, certainty } = this.#metaOf();
    if (id === undefined) return;
    event.id = id;
    event.attempt = attempt;
    if (certainty !== undefined) event.certainty = certainty;
  }

  #fillEvent = (event: Members, key: PropertyKey): void => {
    if (key === 'request') event.request = this.#makeRequest();
    else if (key === 'response') event.response = this.#makeResponse();
    else if (key === 'resource') event.resource = this.#metaOf().resource ?? '';
    else if (key === 'setReturn') event.setReturn = this.#setReturn;
    else if (key === 'setResponse') event.setResponse = this.#setResponse;
    else event.setRequest = this.#setRequest;
  };

  #setReturn = (value: unknown): void => {
    this.returned = value;
  };

  #setRequest = (request: unknown): void => {
    this.event.request = request;
    this.onHandOver?.();
  };

  #setResponse = (content: unknown, status: unknown = 200, type: unknown = 'application/json'): void => {
    const given = { status_code: status, content_type: type, content };
    const current = this.event.response;
    if (typeof current === 'object' && current !== null) Object.assign(current, given);
    else this.event.response = given;
    this.onHandOver?.();
  };

  #makeRequest(): Members {
    const meta = this.#metaOf();
    this.#request = {
      api_version: meta.apiVersion ?? '2.0',
      method: meta.method,
      parameters: lazy,
      headers: lazy,
      payload: lazy,
      content: lazy,
      content_type: meta.contentType || 'application/json',
      uri: meta.uri,
      service: meta.service,
      resource: meta.requestResource,
    };
    this.#requestProxy = lazyObject(this.#request, this.#fillRequest);
    return this.#requestProxy;
  }

  #fillRequest = (request: Members, key: PropertyKey): void => {
    if (key === 'parameters') request.parameters = parseMap(this.#text(at.parameters));
    else if (key === 'headers') request.headers = parseMap(this.#text(at.headers));
    else if (key === 'content') request.content = this.#text(at.content);
    else request.payload = this.#payload();
  };

  #payload(): unknown {
    const given = this.#text(at.payload);
    if (given !== '') return JSON.parse(given);
    const content = this.#text(at.content);
    if (content === '') return [];
    const type = this.#metaOf().contentType ?? '';
    if (type !== '' && !/json/i.test(type)) return content;
    try {
      return JSON.parse(content);
    } catch {
      return [];
    }
  }

  #makeResponse(): Members {
    const response = this.#isService ? serviceResponse() : eventResponse();
    this.#response = response;
    this.#responseProxy = lazyObject(response, this.#fillResponse);
    return this.#responseProxy;
  }

  #fillResponse = (response: Members, key: PropertyKey): void => {
    if (key === 'content') {
      const text = this.#text(at.body);
      response.content = text === '' ? null : JSON.parse(text);
      return;
    }
    this.#fillResponseMeta(response);
  };

  #fillResponseMeta(response: Members): void {
    const meta = JSON.parse(this.#text(at.response)) as Members;
    if (response.status_code === lazy) response.status_code = meta.status_code ?? null;
    if (response.content_type === lazy) response.content_type = meta.content_type ?? null;
    if (response.headers === lazy) response.headers = parseMap(jsonOf(meta.headers) ?? '');
  }

  // Parts of a request that was replaced by one without them stay as they are: `setRequest({parameters})` is
  // about parameters. A part deleted from the request itself is gone.
  #sent(event: Members): (string | null | undefined)[] {
    const value = event.request;
    if (typeof value !== 'object' || value === null) return [undefined, undefined, undefined, undefined];
    const own = value === this.#requestProxy && this.#request !== undefined;
    const request = own ? (this.#request as Members) : (value as Members);
    const part = (key: string, original: () => string) => {
      const part = request[key];
      if (part === lazy || (!own && part === undefined)) return undefined;
      return changedText(part, original());
    };
    return [
      part('parameters', () => this.#text(at.parameters)),
      part('headers', () => this.#text(at.headers)),
      part('payload', () => this.#payloadText()),
      part('content', () => jsonOf(this.#text(at.content)) ?? ''),
    ].map((text, i) => (i === 3 ? contentText(text) : text));
  }

  #payloadText(): string {
    const payload = this.#payload();
    return Array.isArray(payload) && payload.length === 0 ? '' : (jsonOf(payload) ?? '');
  }

  #answered(event: Members): (string | null | undefined)[] {
    const value = event.response;
    const had = this.#text(at.response) !== '';
    if (value === undefined || value === null) return [had ? null : undefined, undefined, undefined];
    if (typeof value !== 'object' || Array.isArray(value)) return [undefined, undefined, jsonOf(value)];
    const own = value === this.#responseProxy && this.#response !== undefined;
    const response = own ? (this.#response as Members) : (value as Members);
    return [this.#responseText(response, own, had), this.#contentText(response, own), undefined];
  }

  #responseText(response: Members, own: boolean, had: boolean): string | undefined {
    if (own && isMetaUntouched(response, this.#isService)) return undefined;
    if (own) this.#fillResponseMeta(response);
    const text = withoutContent(response);
    if (!had) return text;
    const original = this.#isService ? serviceResponse() : eventResponse();
    this.#fillResponseMeta(original);
    return text === withoutContent(original) ? undefined : text;
  }

  #contentText(response: Members, own: boolean): string | null | undefined {
    const content = response.content;
    if (content === lazy) return undefined;
    const original = this.#text(at.body);
    if (own && content === null && original === '') return undefined;
    if (content === undefined) return original === '' ? undefined : null;
    // An empty list and an empty map are different answers, so nothing is taken as equal here but equal JSON.
    const text = jsonOf(content);
    if (text === undefined) return original === '' ? undefined : null;
    if (text === original) return undefined;
    return original !== '' && text === JSON.stringify(JSON.parse(original)) ? undefined : text;
  }
}

// Keys in the order in which scripts that dump a response expect them.
function serviceResponse(): Members {
  return { content: lazy, content_type: lazy, status_code: lazy };
}

function eventResponse(): Members {
  return { status_code: lazy, content_type: lazy, content: lazy, format: 201, headers: lazy };
}

function isMetaUntouched(response: Members, isService: boolean): boolean {
  const keys = isService ? 3 : 5;
  return (
    response.status_code === lazy &&
    response.content_type === lazy &&
    (isService || (response.headers === lazy && response.format === 201)) &&
    Object.keys(response).length === keys - ('content' in response ? 0 : 1)
  );
}

function withoutContent(response: Members): string {
  const { content: _, ...rest } = response;
  for (const key of Object.keys(rest)) rest[key] = namedHeaders(rest[key]);
  return JSON.stringify(rest);
}

function namedHeaders(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 && Object.keys(value).length > 0 ? { ...value } : value;
}

// `content` travels as a JSON string; what a script put there as a value becomes the text of its JSON.
function contentText(text: string | null | undefined): string | null | undefined {
  return text === undefined || text === null || text.startsWith('"') ? text : JSON.stringify(text);
}
