// What a request brings to be imported: its body as it is, a file of a form, or what an address gives.
// Invariant: no more is taken than a package may have, and nothing but one file.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { SystemParts } from '../parts.ts';
import { isObject, textOption } from '../request.ts';
import type { Call } from '../resource.ts';

/** What is to be imported. */
export interface Upload {
  readonly bytes: Uint8Array;
  /** Media type, without parameters; '' when nobody said. */
  readonly type: string;
  /** Of a file or an address. */
  readonly name: string;
}

/** The upload of a request; undefined when it brings none. Throws `request.*` and `egress.*`. */
export async function readUpload(
  { operation, parameters }: Call,
  { outgoing }: Pick<SystemParts, 'outgoing'>,
): Promise<Upload | undefined> {
  const { body, headers } = operation.request;
  const said = body?.isJson === true && isObject(body.value) ? body.value.import_url : undefined;
  const url = textOption(parameters, 'import_url') ?? (typeof said === 'string' ? said : undefined);
  if (url !== undefined) return fetched(url, outgoing);
  if (body === undefined) return undefined;
  const type = body.mediaType ?? 'application/json';
  if (type === 'multipart/form-data') return fileOf(body.bytes, headers['content-type'] ?? type);
  return { bytes: body.bytes, type, name: '' };
}

async function fetched(url: string, outgoing: SystemParts['outgoing']): Promise<Upload> {
  const call = { by: 'import_url', method: 'GET', url, headers: {}, body: undefined, redirects: 3 };
  const answer = await outgoing.call({ ...call, isBinary: true });
  if (answer.status !== 200) {
    throw new PlatformError(
      'request.invalid_parameter',
      `The address of import_url answered ${answer.status}.`,
    );
  }
  const [type = ''] = (answer.headers['content-type'] ?? '').split(';');
  const bytes = bounded(answer.bytes ?? Buffer.from(answer.body));
  return { bytes, type: type.trim().toLowerCase(), name: lastOf(new URL(url).pathname) };
}

// Node reads forms with files; a library would be one more.
async function fileOf(bytes: Uint8Array, type: string): Promise<Upload> {
  const form = await new Response(Buffer.from(bytes), { headers: { 'content-type': type } })
    .formData()
    .catch(() => undefined);
  if (form === undefined)
    throw new PlatformError('request.malformed', 'The form of the body can not be read.');
  const files = [...form.values()].filter((value) => typeof value !== 'string');
  const [file] = files;
  if (file === undefined || files.length > 1) {
    throw new PlatformError(
      'request.malformed',
      'The form must bring one file, for example as its field files.',
    );
  }
  const content = bounded(new Uint8Array(await file.arrayBuffer()));
  return { bytes: content, type: file.type.split(';')[0] ?? '', name: lastOf(file.name) };
}

function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= limits.packageBytes) return bytes;
  throw new PlatformError('request.too_large', `A file may have at most ${limits.packageBytes} bytes.`);
}

function lastOf(path: string): string {
  return path.split(/[\\/]/).pop() ?? '';
}
