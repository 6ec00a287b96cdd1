// What every system database must do with the overlay of schemas. Part of the store's suite.
import { expect, it } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import type { New, SchemaOverlayRecord, Store } from '../core/store.ts';

const entry = (over: Partial<New<SchemaOverlayRecord>> = {}): New<SchemaOverlayRecord> => ({
  ...{ serviceId: 1, tableName: 'Contact', part: 'field', name: 'e-mail' },
  settings: { alias: 'mail', validation: { email: null } },
  ...over,
});

/** Defines the tests. */
export function schemaOverlays(store: () => Store): void {
  it('keeps what is said, and counts every change of it', async () => {
    const before = await store().generation();
    await store().schemaOverlays.add(entry(), 7);
    const [made] = await store().schemaOverlays.list({ serviceId: 1 });
    expect(made).toMatchObject({ ...entry(), createdById: 7 });
    const changed = await store().schemaOverlays.update(made?.id ?? 0, { settings: { label: 'M' } }, 8);
    expect(changed).toBe(true);
    expect(await store().schemaOverlays.list()).toMatchObject([
      { settings: { label: 'M' }, name: 'e-mail', lastModifiedById: 8 },
    ]);
    expect(await store().generation()).toBe(before + 2);
  });

  it('speaks once of each field, relation and table', async () => {
    await store().schemaOverlays.add(entry(), null);
    await store().schemaOverlays.add(entry({ part: 'relation' }), null);
    await store().schemaOverlays.add(entry({ part: 'table', name: '' }), null);
    const again = store().schemaOverlays.add(entry({ settings: {} }), null);
    await expect(again).rejects.toSatisfy(
      (error) => error instanceof PlatformError && error.kind === 'config.conflict',
    );
    expect(await store().schemaOverlays.list({ part: 'field' })).toMatchObject([
      { settings: { alias: 'mail' } },
    ]);
  });

  it('ends with its service', async () => {
    const record = { ...{ name: 'db', label: 'Db', description: null, isActive: true, type: 'sqlite' } };
    const fixed = { mutable: true, deletable: true, config: {}, document: null };
    const service = await store().services.create({ ...record, ...fixed }, null);
    await store().schemaOverlays.add(entry({ serviceId: service.id }), null);
    await store().schemaOverlays.add(entry(), null);
    await store().services.delete(service.id);
    expect(await store().schemaOverlays.list()).toMatchObject([{ serviceId: 1 }]);
  });
}
