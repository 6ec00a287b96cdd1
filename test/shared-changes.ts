// Changes of what several servers share, each with what shows that a server follows it.
// Invariant: a change is made by one server alone, and what shows it is asked of another over HTTP.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const administrator = { email: 'admin@example.com', password: 'correct horse battery' };

const tokenHeader = 'X-DreamFactory-Session-Token';
const keyHeader = 'X-DreamFactory-API-Key';

/** What is asked of a server; without headers as the administrator. */
interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came back. */
interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** A change, and what shows it. */
export interface SharedChange {
  readonly name: string;
  /** By the server at this address. */
  make(url: string): Promise<unknown>;
  /** Whether the server at this address follows it. */
  isFollowed(url: string): Promise<boolean>;
}

interface Person {
  readonly id: number;
  readonly token: string;
  readonly basic: Readonly<Record<string, string>>;
}

/** A client of several servers with one system database. */
export class SharedChanges {
  readonly #folder: string;
  readonly #mark: string;
  #token = '';

  /** `mark` keeps the names of one round apart from those of another. */
  constructor(folder: string, mark = '') {
    this.#folder = folder;
    this.#mark = mark;
  }

  async ask(url: string, path: string, { method = 'GET', body, headers }: Asked = {}): Promise<Answered> {
    const answer = await fetch(`${url}/api/v2/${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(headers ?? { [tokenHeader]: this.#token }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get('content-type') ?? '');
    return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : text };
  }

  /** Logs the administrator in. */
  async logIn(url: string): Promise<void> {
    const path = 'system/admin/session';
    const login = await this.ask(url, path, { method: 'POST', body: administrator, headers: {} });
    this.#token = String(login.body.session_token);
  }

  /** Makes at one server all that the changes are of; resolves to them once it is in force there. */
  async prepare(url: string): Promise<readonly SharedChange[]> {
    await this.logIn(url);
    const data = await this.#addDatabase(url, 'data');
    const access = (component: string) => ({
      ...{ service_id: data, component, verb_mask: 31, requestor_mask: 3 },
    });
    const role = await this.#add(url, 'role', {
      ...{ name: this.#named('reader'), role_service_access_by_role_id: [access('_table/*')] },
    });
    return [
      ...(await this.#ofKeys(url, role.id)),
      ...(await this.#ofPeople(url, role.id)),
      ...(await this.#ofServices(url)),
      ...(await this.#ofScripts(url)),
      ...(await this.#ofRules(url, data)),
      ...(await this.#ofSchemas(url)),
    ];
  }

  /** Somebody whose calls of all services are limited. */
  async limitedCaller(url: string, rate: number): Promise<{ headers: Readonly<Record<string, string>> }> {
    const everything = { service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 };
    const { id: role_id } = await this.#add(url, 'role', {
      ...{ name: this.#named('counted'), role_service_access_by_role_id: [everything] },
    });
    const caller = await this.#add(url, 'app', { name: this.#named('counted'), role_id });
    const whose = { type: 'instance.role', role_id, rate, period: 'hour', is_active: true };
    await this.#add(url, 'limit', { name: this.#named('counted'), ...whose });
    return { headers: { [keyHeader]: caller.api_key } };
  }

  async #ofKeys(url: string, role_id: number): Promise<SharedChange[]> {
    const table = `${this.#named('data')}/_table/todo`;
    const app = (name: string) => this.#add(url, 'app', { name: this.#named(name), role_id });
    const [off, renewed] = [await app('off'), await app('renewed')];
    const own = await this.#add(url, 'role', {
      name: this.#named('lessened'),
      role_service_access_by_role_id: [
        { service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 },
      ],
    });
    const lessened = await this.#add(url, 'app', { name: this.#named('lessened'), role_id: own.id });
    const isRefused = (key: string) => async (node: string) =>
      (await this.ask(node, table, { headers: { [keyHeader]: key } })).status >= 400;
    await this.#expectAll(url, [off, renewed, lessened], table);
    return [
      {
        name: 'an app is switched off',
        make: (node) => this.#patch(node, `app/${off.id}`, { is_active: false }),
        isFollowed: isRefused(off.api_key),
      },
      {
        name: 'an app has another key',
        make: (node) => this.#patch(node, `app/${renewed.id}?regenerate=true`, { description: 'renewed' }),
        isFollowed: isRefused(renewed.api_key),
      },
      {
        name: 'a role grants less',
        make: (node) => this.#patch(node, `role/${own.id}`, { role_service_access_by_role_id: lessOf(own) }),
        isFollowed: isRefused(lessened.api_key),
      },
    ];
  }

  async #ofPeople(url: string, role_id: number): Promise<SharedChange[]> {
    const person = (name: string) => this.#person(url, name);
    const [off, out, renewed] = [await person('off'), await person('out'), await person('renewed')];
    const status = async (node: string, headers: Readonly<Record<string, string>>) =>
      (await this.ask(node, 'user/profile', { headers })).status;
    const withToken = ({ token }: Person) => ({ [tokenHeader]: token });
    const app = await this.#add(url, 'app', { name: this.#named('plain') });
    const promoted = await person('promoted');
    const inApp = { ...withToken(promoted), [keyHeader]: String(app.api_key) };
    return [
      {
        name: 'a user is switched off',
        make: (node) => this.#patch(node, `user/${off.id}`, { is_active: false }),
        isFollowed: async (node) => (await status(node, withToken(off))) >= 400,
      },
      {
        name: 'a user who is switched off comes with his password',
        make: async () => undefined,
        isFollowed: async (node) => (await status(node, off.basic)) === 401,
      },
      {
        name: 'a session is closed',
        make: (node) =>
          this.#done(node, 'user/session', { method: 'DELETE', headers: { [tokenHeader]: out.token } }),
        isFollowed: async (node) => (await status(node, withToken(out))) >= 400,
      },
      {
        name: 'a password is changed',
        make: (node) => this.#patch(node, `user/${renewed.id}`, { password: 'another horse battery' }),
        isFollowed: async (node) => (await status(node, renewed.basic)) === 401,
      },
      {
        name: 'a session ends with the password that it was begun with',
        make: async () => undefined,
        isFollowed: async (node) => (await status(node, withToken(renewed))) >= 400,
      },
      {
        name: 'a user has a role in an app',
        make: (node) =>
          this.#patch(node, `user/${promoted.id}`, {
            user_to_app_to_role_by_user_id: [{ app_id: app.id, role_id }],
          }),
        isFollowed: async (node) =>
          (await this.ask(node, `${this.#named('data')}/_table/todo`, { headers: inApp })).status === 200,
      },
    ];
  }

  async #ofServices(url: string): Promise<SharedChange[]> {
    const [moved, gone] = [await this.#addDatabase(url, 'moved'), await this.#addDatabase(url, 'gone')];
    const off = await this.#addDatabase(url, 'off');
    const status = async (node: string, name: string) =>
      (await this.ask(node, `${this.#named(name)}/_table/todo`)).status;
    return [
      {
        name: 'a service is added',
        make: (node) => this.#addDatabase(node, 'added'),
        isFollowed: async (node) => (await status(node, 'added')) === 200,
      },
      {
        name: 'the description of the API has a service that was added',
        make: async () => undefined,
        isFollowed: async (node) => (await this.ask(node, `api_docs/${this.#named('added')}`)).status === 200,
      },
      {
        name: 'a service has another name',
        make: (node) => this.#patch(node, `service/${moved}`, { name: this.#named('renamed') }),
        isFollowed: async (node) =>
          (await status(node, 'renamed')) === 200 && (await status(node, 'moved')) === 404,
      },
      {
        name: 'a service is removed',
        make: (node) => this.#done(node, `system/service/${gone}`, { method: 'DELETE' }),
        isFollowed: async (node) => (await status(node, 'gone')) === 404,
      },
      {
        name: 'a service is switched off',
        make: (node) => this.#patch(node, `service/${off}`, { is_active: false }),
        isFollowed: async (node) => (await status(node, 'off')) === 403,
      },
    ];
  }

  async #ofScripts(url: string): Promise<SharedChange[]> {
    for (const name of ['bare', 'edited', 'freed', 'looked']) await this.#addDatabase(url, name);
    const bind = (node: string, name: string, content: string) =>
      this.#done(node, `system/event_script/${this.#named(name)}._table.todo.get.post_process`, {
        method: 'POST',
        body: { type: 'nodejs', content, is_active: true, allow_event_modification: true },
      });
    const says = (word: string) => `event.response.content = { word: ${word} };`;
    const word = async (node: string, name: string) =>
      (await this.ask(node, `${this.#named(name)}/_table/todo`)).body.word;
    await bind(url, 'edited', says("'old'"));
    await bind(url, 'freed', says("'old'"));
    await bind(url, 'looked', says(`platform.session.lookup.${this.#named('word')}`));
    const lookup = await this.#add(url, 'lookup', { name: this.#named('word'), value: 'old' });
    const freed = `system/event_script/${this.#named('freed')}._table.todo.get.post_process`;
    return [
      {
        name: 'a script is added',
        make: (node) => bind(node, 'bare', says("'new'")),
        isFollowed: async (node) => (await word(node, 'bare')) === 'new',
      },
      {
        name: 'a script has another text',
        make: (node) => bind(node, 'edited', says("'new'")),
        isFollowed: async (node) => (await word(node, 'edited')) === 'new',
      },
      {
        name: 'a script is removed',
        make: (node) => this.#done(node, freed, { method: 'DELETE' }),
        isFollowed: async (node) => (await word(node, 'freed')) === undefined,
      },
      {
        name: 'a lookup has another value',
        make: (node) => this.#patch(node, `lookup/${lookup.id}`, { value: 'new' }),
        isFollowed: async (node) => (await word(node, 'looked')) === 'new',
      },
    ];
  }

  async #ofRules(url: string, service_id: number): Promise<SharedChange[]> {
    await this.#addDatabase(url, 'limited');
    const { body } = await this.ask(
      url,
      `system/service?fields=id&filter=name%3D'${this.#named('limited')}'`,
    );
    const limited = body.resource[0].id;
    // Administrators are not limited.
    const everything = { service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 };
    const { id: role_id } = await this.#add(url, 'role', {
      ...{ name: this.#named('limited'), role_service_access_by_role_id: [everything] },
    });
    const caller = await this.#add(url, 'app', { name: this.#named('limited'), role_id });
    const headers = { [keyHeader]: caller.api_key };
    const origin = 'https://shop.example.com';
    const path = `api/v2/${this.#named('data')}/*`;
    const preflight = { Origin: 'https://elsewhere.example.com', 'Access-Control-Request-Method': 'GET' };
    return [
      {
        name: 'calls are limited',
        make: (node) =>
          this.#add(node, 'limit', {
            ...{ name: this.#named('few'), type: 'instance.service', rate: 1, period: 'minute' },
            ...{ service_id: limited, is_active: true },
          }),
        isFollowed: async (node) =>
          (await this.ask(node, `${this.#named('limited')}/_table/todo`, { headers })).status === 429,
      },
      {
        name: 'pages of one origin alone may call',
        make: (node) => this.#add(node, 'cors', { path, origin, enabled: true }),
        isFollowed: async (node) => {
          const asked = { method: 'OPTIONS', headers: preflight };
          const answer = await this.ask(node, `${this.#named('data')}/_table/todo`, asked);
          return answer.headers.get('access-control-allow-origin') === null;
        },
      },
      {
        name: 'a queue connection is added',
        make: (node) => this.#add(node, 'queue_connection', { name: this.#named('other'), type: 'database' }),
        isFollowed: async (node) =>
          (await this.ask(node, `system/queue/${this.#named('other')}:default`)).status === 200,
      },
      {
        name: 'a table has a label',
        make: (node) =>
          this.#done(node, `${this.#named('data')}/_schema/todo`, {
            ...{ method: 'PATCH', body: { label: `Label of ${service_id}` } },
          }),
        isFollowed: async (node) => {
          const { body: told } = await this.ask(node, `${this.#named('data')}/_schema/todo`);
          return told.label === `Label of ${service_id}`;
        },
      },
    ];
  }

  async #ofSchemas(url: string): Promise<SharedChange[]> {
    await this.#addDatabase(url, 'shaped');
    const schema = `${this.#named('shaped')}/_schema`;
    const field = [
      { name: 'id', type: 'id' },
      { name: 'word', type: 'string' },
    ];
    // Asked before, so that each server knows the tables as they were.
    return [
      {
        name: 'a table is made',
        make: (node) =>
          this.#done(node, schema, { method: 'POST', body: { resource: [{ name: 'fresh', field }] } }),
        isFollowed: async (node) =>
          (await this.ask(node, `${this.#named('shaped')}/_table/fresh`)).status === 200,
      },
    ];
  }

  #named(name: string): string {
    return `${name}${this.#mark}`;
  }

  async #addDatabase(url: string, name: string): Promise<number> {
    const named = this.#named(name);
    const file = join(this.#folder, `${named}.sqlite`);
    rmSync(file, { force: true });
    const database = new Database(file);
    database.exec("create table todo (id integer primary key, title text); insert into todo values (1, 'a')");
    database.close();
    const config = { database: file };
    return (
      await this.#add(url, 'service', { name: named, label: named, type: 'sqlite', is_active: true, config })
    ).id;
  }

  async #person(url: string, name: string): Promise<Person> {
    const account = { email: `${this.#named(name)}@example.com`, password: 'ann is here now' };
    const { id } = await this.#add(url, 'user', { ...account, name });
    const login = await this.ask(url, 'user/session', { method: 'POST', body: account, headers: {} });
    if (login.status !== 200) throw new Error(`login: ${login.text}`);
    const credentials = Buffer.from(`${account.email}:${account.password}`).toString('base64');
    return { id, token: String(login.body.session_token), basic: { authorization: `Basic ${credentials}` } };
  }

  async #expectAll(url: string, apps: readonly { api_key: string }[], path: string): Promise<void> {
    for (const { api_key: key } of apps) await this.#done(url, path, { headers: { [keyHeader]: key } });
  }

  async #add(url: string, resource: string, record: object): Promise<{ id: number; api_key: string }> {
    const asked = { method: 'POST', body: { resource: [record] } };
    const { body } = await this.#done(url, `system/${resource}?fields=*&related=*`, asked);
    return body.resource[0];
  }

  #patch(url: string, record: string, changes: object): Promise<Answered> {
    return this.#done(url, `system/${record}`, { method: 'PATCH', body: changes });
  }

  async #done(url: string, path: string, asked: Asked): Promise<Answered> {
    const answer = await this.ask(url, path, asked);
    if (answer.status >= 300)
      throw new Error(`${asked.method ?? 'GET'} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }
}

// What is left of the access of a role: nothing.
function lessOf(role: object): unknown[] {
  const { role_service_access_by_role_id: rows = [] } = role as { role_service_access_by_role_id?: object[] };
  return rows.map((row) => ({ ...row, verb_mask: 0 }));
}
