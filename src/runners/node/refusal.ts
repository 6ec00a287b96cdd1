// What the platform refuses, thrown where the script asked for it.
// Invariant: only for what is no call of `platform.api`, whose answers are values whatever they say.
import type { ApiResponse } from './api-call.ts';

/** Throws the error of an answer that is one: with its message, code and status. */
export function throwRefusal(response: ApiResponse): void {
  if (response.ok) return;
  const { error } = response.json() as { error: { message: string; code: number | string } };
  const { message, code } = error;
  throw Object.assign(new Error(message), { code, status_code: response.statusCode });
}
