// The closed catalogue of everything that can go wrong: a code, the status it is answered with, and what to
// do.
// Invariant: the message of a PlatformError is written for the caller (no SQL, path or stack); `cause` is for
// the log.

/**
 * Every error code and its HTTP status. Families by first word; a test keeps docs/reference/errors.md in
 * step.
 */
export const catalog = {
  'request.malformed_json': 400,
  'request.too_deep': 400,
  'request.forbidden_key': 400,
  'request.invalid_parameter': 400,
  'request.invalid_field': 400,
  'request.invalid_filter': 400,
  'request.no_records': 400,
  'request.invalid_record': 400,
  'request.batch_failed': 400,
  'request.invalid_schema': 400,
  'request.malformed_uri': 400,
  'request.malformed_text': 400,
  'request.malformed': 400,
  'request.not_acceptable': 400,
  'request.unsupported_verb': 400,
  'request.method_not_allowed': 405,
  'request.unsupported_media_type': 415,
  'request.unsupported_version': 400,
  'request.answer_too_large': 400,
  'request.not_found': 404,
  'request.conflict': 409,
  'request.too_large': 413,
  'request.too_many_headers': 431,
  'request.uri_too_long': 414,
  'request.unsupported_expectation': 417,
  'request.timeout': 408,
  'request.recursion': 508,
  'request.not_implemented': 501,
  'request.failed': 500,
  'access.no_credentials': 400,
  'access.no_token': 400,
  'access.invalid_token': 401,
  'access.expired_token': 401,
  'access.terminated_session': 403,
  'access.bad_credentials': 401,
  'access.second_factor': 401,
  'access.unauthenticated': 401,
  'access.forbidden': 403,
  'access.inapplicable_filter': 403,
  'access.too_many_attempts': 429,
  'limit.exceeded': 429,
  'limit.concurrency': 429,
  'service.not_found': 404,
  'service.inactive': 403,
  'service.unavailable': 503,
  'service.invalid_config': 400,
  'service.unknown_type': 400,
  'script.threw': 500,
  'script.not_loaded': 500,
  'script.crashed': 500,
  'script.timeout': 504,
  'script.output_too_large': 500,
  'script.saturated': 503,
  'script.unavailable': 503,
  'script.invalid': 400,
  'script.unknown_type': 400,
  'script.unknown_event': 400,
  'script.too_many_calls': 500,
  'script.transaction_over': 503,
  'script.transaction_elsewhere': 409,
  'queue.unavailable': 503,
  'queue.unknown_connection': 400,
  'queue.applied': 409,
  'queue.lost': 409,
  'request.key_reused': 422,
  'request.key_in_progress': 409,
  'egress.refused': 403,
  'egress.failed': 500,
  'egress.timeout': 504,
  'mail.refused': 502,
  'config.invalid': 400,
  'config.conflict': 409,
} as const satisfies Record<string, number>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof catalog;

/** What a PlatformError may carry beside its code and message. */
export interface ErrorDetails {
  /** Overrides the catalogue's status: only for errors whose author is a script. */
  readonly status?: number;
  /** The number or text put into `error.code`; the status when absent. */
  readonly code?: number | string;
  /** Put into `error.context`: JSON that the caller may see. */
  readonly context?: unknown;
  /** What the answer says beside it, for machines: when to try again. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log only. */
  readonly cause?: unknown;
}

/** A refusal or failure with a code of the catalogue; `message` is what the caller reads. */
export class PlatformError extends Error {
  readonly kind: ErrorCode;
  readonly status: number;
  readonly code: number | string;
  readonly context: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.kind = kind;
    this.status = details.status ?? catalog[kind];
    this.code = details.code ?? this.status;
    this.context = details.context ?? null;
    this.headers = details.headers ?? {};
  }
}

/** The error envelope of every answer that is not a success (DreamFactory's shape, spec §5.4). */
export interface ErrorEnvelope {
  readonly code: number | string;
  readonly context: unknown;
  readonly message: string;
  readonly status_code: number;
}

/**
 * Makes any thrown thing a PlatformError; what is not one already becomes `request.failed`, its text only a
 * cause.
 */
export function asPlatformError(thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  return new PlatformError('request.failed', 'An internal error occurred. The log of the server says more.', {
    cause: thrown,
  });
}

/** The envelope of an error, e.g. for `{"error": …}` or a row of a failed batch. */
export function envelope(error: PlatformError): ErrorEnvelope {
  return { code: error.code, context: error.context, message: error.message, status_code: error.status };
}
