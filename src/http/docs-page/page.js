// The API reference in the browser: gets the description that the credentials may read and has RapiDoc show it.
// Invariant: calls go to this server only, and credentials live in this page's memory and nowhere else.
// @ts-check

/** With more tables than that the viewer is slow, so that some of them have to be chosen. */
const manyTables = 50;

/** @typedef {HTMLElement & { loadSpec(spec: object): Promise<void>, setApiKey(id: string, value: string): void }} Viewer */

const viewer = /** @type {Viewer} */ (document.querySelector('rapi-doc'));
const form = /** @type {HTMLFormElement} */ (element('credentials'));
const service = /** @type {HTMLSelectElement} */ (element('service'));
const tables = /** @type {HTMLInputElement} */ (element('tables'));

/** @type {{ key: string, token: string }} */
let credentials = { key: '', token: '' };

form.addEventListener('submit', (event) => {
  event.preventDefault();
  attempt(useCredentials);
});
element('forget').addEventListener('click', () => attempt(logOut));
service.addEventListener('change', () => {
  tables.value = '';
  attempt(show);
});
tables.addEventListener('change', () => attempt(show));
viewer.addEventListener('spec-loaded', () => {
  if (credentials.key !== '') viewer.setApiKey('ApiKeyHeader', credentials.key);
  if (credentials.token !== '') viewer.setApiKey('SessionTokenHeader', credentials.token);
});
for (const format of ['json', 'yaml'])
  element(format).addEventListener('click', (event) => {
    event.preventDefault();
    attempt(() => save(format));
  });

async function useCredentials() {
  const given = new FormData(form);
  const [email, password, key] = ['email', 'password', 'key'].map((name) =>
    String(given.get(name) ?? '').trim(),
  );
  credentials = { key: key ?? '', token: '' };
  if (email !== '') {
    const answer = await call(String(given.get('kind')), { method: 'POST', body: { email, password } });
    credentials = { ...credentials, token: (await answer.json()).session_token };
  }
  form.password.value = '';
  element('forget').hidden = credentials.token === '';
  await list();
}

async function logOut() {
  await call(form.kind.value, { method: 'DELETE' });
  credentials = { key: '', token: '' };
  for (const id of ['choice', 'forget']) element(id).hidden = true;
  viewer.hidden = true;
  say('Logged out.');
}

/** @typedef {{ name: string, label: string, type: string }} Listed */

async function list() {
  /** @type {{ resource: Listed[] }} */
  const { resource } = await (await call('api_docs')).json();
  const wanted = new URLSearchParams(location.search).get('service');
  const names = resource.map(
    ({ name, label }) => new Option(`${name} – ${label}`, name, false, name === wanted),
  );
  service.replaceChildren(...names, new Option('all services', '_all', false, wanted === '_all'));
  if (wanted === null)
    service.value = resource.find(({ type }) => !ownTypes.has(type))?.name ?? service.value;
  element('choice').hidden = false;
  await show();
}

const ownTypes = new Set(['system', 'user', 'swagger']);

/** Counts what was asked to be shown, because an answer may come when something else is wanted already. */
let wishes = 0;

async function show() {
  say('Loading …');
  const wish = ++wishes;
  const path = `api_docs/${service.value}`;
  const chosen = tables.value.trim();
  const names = chosen === '' ? await tableNames(path) : [];
  if (wish !== wishes) return;
  if (names.length > manyTables) {
    viewer.hidden = true;
    say(`There are ${names.length} tables. Name those that you want to see above, with commas between them.`);
    return;
  }
  const spec = await (await call(path, { query: chosen === '' ? {} : { tables: chosen } })).json();
  if (wish !== wishes) return;
  viewer.hidden = false;
  await viewer.loadSpec(withoutMaps(spec));
  say('');
}

/**
 * The names of the tables, which are also offered where some are chosen.
 * @param {string} path of a description
 * @returns {Promise<string[]>}
 */
async function tableNames(path) {
  const spec = await (await call(path, { query: { compact: 'true' } })).json();
  const places = Object.entries(spec.paths).filter(([place]) => place.endsWith('/_table/{table_name}'));
  const names = places.flatMap(([, { get = {} }]) => {
    /** @type {{ name?: string, schema: { enum?: string[] } }[]} */
    const parameters = get.parameters ?? [];
    return parameters.find(({ name }) => name === 'table_name')?.schema.enum ?? [];
  });
  element('names').replaceChildren(...names.map((name) => new Option(name)));
  return names;
}

/**
 * Without `params`, a map, which RapiDoc complains of whenever it is left empty.
 * @param {{ paths: Record<string, Record<string, { parameters?: { $ref?: string }[] }>> }} spec
 */
function withoutMaps(spec) {
  for (const operation of Object.values(spec.paths).flatMap((item) => Object.values(item))) {
    const { parameters } = operation;
    if (parameters !== undefined)
      operation.parameters = parameters.filter(({ $ref }) => !/[./]params$/.test($ref ?? ''));
  }
  return spec;
}

/** @param {string} format */
async function save(format) {
  const answer = await call(`api_docs/${service.value}`, { query: { format } });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${service.value}.${format}`;
  link.click();
  URL.revokeObjectURL(link.href);
}

/**
 * @param {string} path below /api/v2
 * @param {{ method?: string, query?: Record<string, string>, body?: object }} [what]
 */
async function call(path, { method = 'GET', query = {}, body } = {}) {
  const headers = new Headers();
  if (credentials.key !== '') headers.set('X-DreamFactory-API-Key', credentials.key);
  if (credentials.token !== '') headers.set('X-DreamFactory-Session-Token', credentials.token);
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  const search = new URLSearchParams(query);
  const options = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await fetch(`/api/v2/${path}${search.size === 0 ? '' : `?${search}`}`, options);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error?.message ?? `${answer.status} ${answer.statusText}`);
}

/** @param {() => Promise<void>} work */
async function attempt(work) {
  try {
    say('');
    await work();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), 'problem');
  }
}

/** @param {string} text @param {string} [kind] */
function say(text, kind = '') {
  const place = element('message');
  place.textContent = text;
  place.className = kind;
}

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}
