// The counter by which every process notices that the configuration changed.
import { sql } from 'kysely';
import type { Handle } from './table.ts';

const table = 'configuration_generation';

/** Counts one change of configuration; part of the transaction that makes it. */
export async function bumpGeneration(handle: Handle): Promise<void> {
  await handle.updateTable(table).set({ value: sql<number>`value + 1` }).execute();
}

/** The number of changes so far. */
export async function readGeneration(handle: Handle): Promise<number> {
  const row = await handle.selectFrom(table).select('value').executeTakeFirst();
  return Number(row?.value ?? 0);
}
