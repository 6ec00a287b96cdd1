// The definition of a service, an OpenAPI document, beside its configuration: there is at most one.
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Adds the column for the document. */
export const serviceDocument: Migration = {
  async up(db: Kysely<Record<string, Record<string, unknown>>>) {
    await db.schema.alterTable('service').addColumn('document', 'text').execute();
  },
};
