// What goes with a mail: content of the request, what other services answer, files of the web. Invariants:
// other services are asked with the rights of the caller; addresses of the web only by way of the egress, and
// all together are no larger than limits.mailAttachmentBytes.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { CallContext } from '../../core/service.ts';
import type { Egress } from '../../egress/egress.ts';
import { parseParameters } from '../../query/parameters.ts';
import { checkedLine, invalidMail } from '../mail-address.ts';

/** A file that goes with a mail. */
export interface MailAttachment {
  readonly name: string;
  readonly content: Buffer;
  /** Undefined: as its name says. */
  readonly type: string | undefined;
}

/** By what attachments are fetched. */
export interface Reach {
  readonly operation: Operation;
  readonly context: Pick<CallContext, 'call'>;
  readonly outgoing: Pick<Egress, 'call'>;
}

type Source = Readonly<Record<string, unknown>>;

/** The attachments that a field asks for. Throws `request.invalid_record`, and what fetching them throws. */
export async function readAttachments(
  given: unknown,
  field: string,
  reach: Reach,
): Promise<MailAttachment[]> {
  const sources = listOf(given).map((source) => sourceOf(source, field));
  if (sources.length > limits.mailAttachments) {
    throw invalidMail(field, `names ${sources.length} files; a mail takes ${limits.mailAttachments} at most`);
  }
  const found: MailAttachment[] = [];
  let bytes = 0;
  // One after the other: what is too much is noticed before all of it is there.
  for (const source of sources) {
    const attachment = await fetched(source, field, reach);
    bytes += attachment.content.length;
    if (bytes > limits.mailAttachmentBytes) {
      throw invalidMail(field, `holds more than ${limits.mailAttachmentBytes} bytes`);
    }
    found.push(attachment);
  }
  return found;
}

function listOf(given: unknown): readonly unknown[] {
  if (given === undefined || given === null || given === '') return [];
  return Array.isArray(given) ? given : [given];
}

function sourceOf(given: unknown, field: string): Source {
  if (typeof given === 'string') return { url: given };
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Source;
  throw invalidMail(
    field,
    'must be an address of the web, {"service": …, "path": …}, {"name": …, "content": …}, or a list of them',
  );
}

// The three ways to say where a file is; content that is there already comes first.
function fetched(source: Source, field: string, reach: Reach): Promise<MailAttachment> | MailAttachment {
  if (source.content !== undefined) return inline(source, field);
  if (source.service !== undefined) return fromService(source, field, reach);
  if (source.url !== undefined) return fromWeb(source, field, reach);
  throw invalidMail(field, "has an attachment without 'url', 'service' or 'content'");
}

function inline(source: Source, field: string): MailAttachment {
  const content = textOf(source, 'content', field);
  const isBase64 = source.is_base64 === true;
  const name = fileName(source.name, field);
  if (name === undefined) throw invalidMail(field, "has an attachment without 'name'");
  // Bytes that are none would arrive as others, and nobody would know.
  if (isBase64 && !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content)) {
    throw invalidMail(field, `has content of '${name}' that is no base64`);
  }
  return {
    name,
    content: Buffer.from(content, isBase64 ? 'base64' : 'utf8'),
    type: mediaType(source, field),
  };
}

async function fromService(source: Source, field: string, reach: Reach): Promise<MailAttachment> {
  const service = textOf(source, 'service', field);
  const [place = '', query = ''] = textOf(source, 'path', field).split('?', 2);
  const path = place.split('/').filter((segment) => segment !== '');
  // Where a value of the mail is a part of the path it must not lead out of its place.
  if (path.some((segment) => segment === '..' || segment === '.')) {
    throw invalidMail(field, "has a 'path' with '.' or '..', which leads nowhere");
  }
  const result = await reach.context.call({
    service,
    path,
    action: 'GET',
    request: { parameters: parseParameters(query), headers: {}, body: undefined },
    uri: `/api/v2/${[service, ...path].map(encodeURIComponent).join('/')}`,
  });
  if (result.status >= 300) throw unavailable(field, `service '${service}'`, result);
  const name = fileName(source.name ?? path.at(-1) ?? service, field) ?? service;
  const type = mediaType(source, field) ?? result.mediaType ?? result.body?.mediaType;
  return { name, content: Buffer.from(result.body?.text ?? ''), type: type ?? 'application/json' };
}

async function fromWeb(source: Source, field: string, reach: Reach): Promise<MailAttachment> {
  const url = textOf(source, 'url', field);
  const { operation, outgoing } = reach;
  const call = { by: operation.service, method: 'GET', url, headers: {}, body: undefined };
  const answer = await outgoing.call({ ...call, redirects: limits.egressRedirects, isBinary: true });
  // A page that says that there is no such file is not the file.
  if (answer.status >= 300) {
    throw invalidMail(field, `names an address of the web that answers ${answer.status}`);
  }
  const [type] = (answer.headers['content-type'] ?? '').split(';');
  const name = fileName(source.name ?? nameIn(url), field) ?? 'attachment';
  const told =
    type !== undefined && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type.trim()) ? type.trim() : undefined;
  return { name, content: answer.bytes ?? Buffer.alloc(0), type: mediaType(source, field) ?? told };
}

function nameIn(url: string): string {
  const [last = ''] = (URL.parse(url)?.pathname ?? '').split('/').slice(-1);
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

// Folders are of no use to who gets it, and harm to programs that trust them.
function fileName(given: unknown, field: string): string | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  if (typeof given !== 'string') throw invalidMail(field, "has an attachment whose 'name' is no text");
  const [last = ''] = checkedLine(given, field).split(/[/\\]/).slice(-1);
  return last === '' || last === '.' || last === '..' ? undefined : last;
}

// It becomes a line of the mail, so nothing but a type may be in it.
function mediaType(source: Source, field: string): string | undefined {
  const { content_type: given } = source;
  if (given === undefined || given === null || given === '') return undefined;
  if (typeof given === 'string' && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(given)) return given;
  throw invalidMail(field, "has an attachment whose 'content_type' is none, such as text/plain");
}

function textOf(source: Source, name: string, field: string): string {
  const value = source[name];
  if (typeof value === 'string' && value.length > 0) return value;
  throw invalidMail(field, `has an attachment whose '${name}' is no text`);
}

// What the other service says is for whoever may ask it: that is the caller, as whom it was asked.
function unavailable(field: string, where: string, { status, body }: Result): PlatformError {
  const { error } = (body?.value ?? {}) as { readonly error?: { readonly message?: unknown } };
  const reason = typeof error?.message === 'string' ? `: ${error.message}` : '';
  return new PlatformError(
    'request.invalid_record',
    `Field '${field}' names an attachment that ${where} does not give (${status})${reason}`,
  );
}
