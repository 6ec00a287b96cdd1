// Answers to idempotency keys as they are kept with the write that they answer.
import { Body } from '../../../core/body.ts';
import { limits } from '../../../core/limits.ts';
import type { Result } from '../../../core/operation.ts';

interface Kept {
  readonly status: number;
  /** JSON; absent where there was none, or it was too long. */
  readonly text?: string;
  readonly isCut?: true;
}

/** An answer as text; of a long one only what it said of success. */
export function answerText({ status, body }: Result): string {
  const text = body?.text;
  const isLong = text !== undefined && text.length > limits.idempotencyAnswerChars;
  const content = isLong ? { isCut: true as const } : text === undefined ? {} : { text };
  return JSON.stringify({ status, ...content } satisfies Kept);
}

/** The answer that a text was made of. */
export function readAnswer(kept: string): Result {
  const { status, text, isCut } = JSON.parse(kept) as Kept;
  return {
    status,
    headers: isCut === true ? { 'Idempotency-Content': 'omitted' } : {},
    body: text === undefined ? undefined : Body.ofText(text),
  };
}
