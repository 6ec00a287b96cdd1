// `POST import` of CSV: a new table of a database service, made from the line of names and filled. Invariant:
// it is done with the rights of whoever asks, by the resources `_schema` and `_table` of that service; when a
// row can not be stored, the table is removed again.
import { Body } from '../../../core/body.ts';
import { errorResult } from '../../../core/dispatch.ts';
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Action, Result } from '../../../core/operation.ts';
import type { Endpoint } from '../../../core/service.ts';
import { type CsvRow, csvPortions } from '../../../formats/csv-rows.ts';
import { described, objectAnswer } from '../describe-resource.ts';
import { readUpload, type Upload } from '../package/upload.ts';
import type { SystemParts } from '../parts.ts';
import { invalidParameter, isObject, textOption, type Written } from '../request.ts';
import { answer, type Call, type Resource } from '../resource.ts';
import { Column } from './column.ts';

const endpoint: Endpoint = { pattern: ['import'], actions: ['POST'], summary: 'new tables from CSV' };

const query = (name: string, description: string, required = false) => ({
  ...{ name, in: 'query', description, required },
  schema: { type: 'string' },
});

/** The resource `import`. */
export class ImportResource implements Resource {
  readonly name = 'import';
  readonly endpoints: readonly Endpoint[] = [
    described(endpoint, {
      POST: {
        summary: 'Make a table from CSV',
        description: 'With the rights of the caller at the database. All rows are stored, or nothing is.',
        parameters: [
          query('service', 'The database.', true),
          query('resource', 'Name of the new table.', true),
          query('import_url', 'Where the CSV is; else it is the body, or a file of a form.'),
        ],
        requestBody: { required: false, content: { 'text/csv': {}, 'multipart/form-data': {} } },
        responses: objectAnswer('The address of the new table, as `resource`'),
      },
    }),
  ];
  readonly #parts: SystemParts;

  constructor(parts: SystemParts) {
    this.#parts = parts;
  }

  async handle(call: Call): Promise<Result> {
    const { service, table } = targetOf(call);
    const upload = await readUpload(call, this.#parts);
    const content = csvOf(upload);
    const columns = await columnsOf(content);
    const load = new Load({ call, service, table, columns });
    await load.create();
    await load.fill(content);
    const { publicUrl } = this.#parts.accounts;
    const path = [service, '_table', table].map(encodeURIComponent).join('/');
    return answer({ resource: `${publicUrl}/api/v2/${path}` });
  }
}

function targetOf({ operation, parameters }: Call): { service: string; table: string } {
  const { body } = operation.request;
  const written: Written = body?.isJson === true && isObject(body.value) ? body.value : {};
  const said = (name: string): string => {
    const value = textOption(parameters, name) ?? written[name];
    if (typeof value === 'string' && value !== '') return value;
    throw invalidParameter(
      name,
      'is required: import needs a service and the name of its new table (resource)',
    );
  };
  return { service: said('service').toLowerCase(), table: said('resource') };
}

function csvOf(upload: Upload | undefined): Uint8Array {
  if (upload === undefined || upload.bytes.length === 0 || upload.type === 'application/json') {
    throw new PlatformError('request.no_records', 'The request brings no CSV, no file and no import_url.');
  }
  const isOther = /^(application\/(xml|zip|yaml)|text\/(xml|html)|image\/)/.test(upload.type);
  if (!isOther && Buffer.from(upload.bytes).includes(0) === false) return upload.bytes;
  throw new PlatformError('request.unsupported_media_type', 'Only CSV can be imported.');
}

// All values are looked at before anything is made: a guess from the first rows may be wrong for the last.
async function columnsOf(content: Uint8Array): Promise<readonly Column[]> {
  let columns: readonly Column[] | undefined;
  let rows = 0;
  for await (const portion of csvPortions(content, limits.records)) {
    columns ??= readNames(portion[0] ?? []);
    const values = rows === 0 ? portion.slice(1) : portion;
    for (const row of values) for (const [at, column] of columns.entries()) column.see(row[at] ?? '');
    rows += portion.length;
  }
  if (columns !== undefined) return columns;
  throw new PlatformError('request.no_records', 'The CSV is empty; its first line must name the columns.');
}

function readNames(row: CsvRow): readonly Column[] {
  const names = row.map((name) => name.trim());
  const wrong = names.find((name) => name === '' || name.length > limits.lookupName || name === '__proto__');
  if (wrong !== undefined) {
    const shown = wrong.slice(0, limits.excerpt);
    throw new PlatformError(
      'request.malformed',
      `The first line must name every column; '${shown}' is no name.`,
    );
  }
  if (names.length > limits.fields) {
    throw new PlatformError('request.malformed', `The CSV has more than ${limits.fields} columns.`);
  }
  const lower = names.map((name) => name.toLowerCase());
  const twice = names.find((name, at) => lower.indexOf(name.toLowerCase()) !== at);
  if (twice === undefined) return names.map((name) => new Column(name));
  throw new PlatformError('request.malformed', `Two columns of the CSV are named '${twice}'.`);
}

interface LoadParts {
  readonly call: Call;
  readonly service: string;
  readonly table: string;
  readonly columns: readonly Column[];
}

/** A table that is being made. */
class Load {
  readonly #parts: LoadParts;

  constructor(parts: LoadParts) {
    this.#parts = parts;
  }

  async create(): Promise<void> {
    const { service, table, columns } = this.#parts;
    const there = await this.#ask('GET', ['_schema', table]);
    if (there.status < 300) {
      const message = `The service '${service}' has a table '${table}' already. Import makes new ones only.`;
      throw new PlatformError('request.conflict', message);
    }
    if (there.status !== 404) throw refusalOf(there);
    const own = columns.map((column) => column.field());
    const hasId = columns.some(({ name }) => name.toLowerCase() === 'id');
    // Without a key nobody could ask for one record.
    const field = hasId ? own : [{ name: 'id', type: 'id' }, ...own];
    const made = await this.#ask('POST', ['_schema'], { resource: [{ name: table, field }] });
    if (made.status >= 300) throw refusalOf(made);
  }

  async fill(content: Uint8Array): Promise<void> {
    const { table, columns } = this.#parts;
    let rows = 0;
    try {
      for await (const portion of csvPortions(content, limits.records)) {
        const values = rows === 0 ? portion.slice(1) : portion;
        const resource = values.map((row) => recordOf(columns, row));
        rows += portion.length;
        if (resource.length === 0) continue;
        const stored = await this.#ask('POST', ['_table', table], { resource });
        if (stored.status >= 300) throw refusalOf(stored);
      }
    } catch (thrown) {
      throw await this.#removed(thrown);
    }
  }

  async #removed(thrown: unknown): Promise<unknown> {
    const { table } = this.#parts;
    const gone = await this.#ask('DELETE', ['_schema', table]);
    if (gone.status < 300) return thrown;
    const reason = messageOf(errorResult(thrown));
    const message = `${reason} The new table '${table}' could not be removed: ${messageOf(gone)}`;
    return new PlatformError('request.conflict', message, { cause: thrown });
  }

  #ask(action: Action, path: readonly string[], value?: unknown): Promise<Result> {
    const { call, service } = this.#parts;
    const body = value === undefined ? undefined : Body.ofValue(value);
    const parameters = action === 'POST' && path[0] === '_table' ? { rollback: true } : {};
    return call.context.call({
      ...{ service, path, action },
      request: { parameters, headers: {}, body },
      uri: `/api/v2/${[service, ...path].map(encodeURIComponent).join('/')}`,
    });
  }
}

function recordOf(columns: readonly Column[], row: CsvRow): Written {
  const fields = columns.map((column, at) => {
    const value = row[at] ?? '';
    if (value === '') return [column.name, null];
    return [column.name, column.isBoolean ? /^true$/i.test(value) : value];
  });
  return Object.fromEntries(fields);
}

// What the database said to the request that was made for the caller is said to the caller.
function refusalOf(result: Result): PlatformError {
  const { error } = (result.body?.value ?? {}) as { error?: { context?: unknown; message?: string } };
  const isOurs = result.status >= 400 && result.status < 500;
  const kind = result.status === 403 ? 'access.forbidden' : 'request.invalid_record';
  return new PlatformError(kind, messageOf(result), {
    ...(isOurs ? { status: result.status } : {}),
    context: error?.context ?? null,
  });
}

function messageOf({ body }: Result): string {
  const { error } = (body?.value ?? {}) as { error?: { message?: string; context?: unknown } };
  const first = firstOf(error?.context);
  return [error?.message ?? 'The database refused it.', ...(first === undefined ? [] : [first])].join(' ');
}

// Of a batch, the first row that could not be stored says why.
function firstOf(context: unknown): string | undefined {
  const list = isObject(context) && Array.isArray(context.resource) ? context.resource : [];
  const failed = list.find((each) => isObject(each) && typeof each.message === 'string');
  return isObject(failed) ? String(failed.message) : undefined;
}
