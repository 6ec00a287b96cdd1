// Failures that happen before or beside the path: in the parser of HTTP, in Fastify, in connections.
// Invariant: they too are answered with the error envelope, and tell nothing of what is inside.
import type { Duplex } from 'node:stream';
import { asPlatformError, type ErrorCode, PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { renderError } from './response.ts';

/** An error of Fastify's as one of ours. */
export function frameworkFailure(error: unknown): PlatformError {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (error instanceof PlatformError || typeof status !== 'number' || status >= 500)
    return asPlatformError(error);
  return new PlatformError('request.malformed', 'The request can not be read.', { status, cause: error });
}

/** Answers a connection whose bytes are no HTTP, are too many or come too slowly, and closes it. */
export function refuseConnection(error: Error, socket: Duplex): void {
  if (!socket.writable || socket.destroyed) {
    socket.destroy();
    return;
  }
  const { status, headers, payload } = renderError(connectionFailure(error));
  const lines = [`HTTP/1.1 ${status} ${reasons[status] ?? 'Bad Request'}`];
  for (let i = 0; i + 1 < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  lines.push(`Content-Length: ${Buffer.byteLength(payload)}`, 'Connection: close', '', payload);
  socket.end(lines.join('\r\n'));
}

const reasons: Readonly<Record<number, string>> = {
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

function connectionFailure(error: Error): PlatformError {
  const [code, message] = meaning('code' in error ? String(error.code) : '');
  return new PlatformError(code, message, { cause: error });
}

function meaning(code: string): readonly [ErrorCode, string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return ['request.too_many_headers', `The headers are larger than ${limits.headerBytes} bytes.`];
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return ['request.too_large', 'The body has oversized chunk extensions.'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['request.timeout', 'The request did not arrive in time.'];
    default:
      return ['request.malformed', 'The request is not well-formed HTTP.'];
  }
}
