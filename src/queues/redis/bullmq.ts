// Loads BullMQ when it is needed.

/** The library. */
export type BullMq = typeof import('bullmq');

/** It is a CommonJS package, of which a bundle has the default export alone. */
export async function loadBullMq(): Promise<BullMq> {
  return ((await import('bullmq')) as unknown as { readonly default: BullMq }).default;
}
