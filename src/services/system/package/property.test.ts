// Whatever a configuration is made of, it comes out of another house as it went in.

import { expect, test } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import { openHouse } from '../scenario.ts';
import { everything, exported, imported, passphrase } from './scenario.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/).map((text) => `x${text}`);
const text = fc.string({ maxLength: 40, unit: 'grapheme' }).map((each) => each.replaceAll('\u0000', ''));
const optional = fc.option(text, { nil: null });
const named = <T>(arbitrary: fc.Arbitrary<T & { name: string }>) =>
  fc.uniqueArray(arbitrary, { selector: (record) => record.name, maxLength: 4 });

const lookups = named(
  fc.record({
    name: name.map((each) => `l${each}`),
    value: text,
    private: fc.boolean(),
    description: optional,
    script_visible: fc.boolean(),
  }),
);

const configuration = fc.record({
  services: named(
    fc.record({
      name: name.map((each) => `s${each}`),
      description: optional,
      is_active: fc.boolean(),
      config: fc.record({
        database: fc.constantFrom('a.db', 'ü "b".db'),
        max_records: fc.integer({ min: 1, max: 1000 }),
        mode: fc.constantFrom('fast', 'slow', null),
        password: fc.option(text, { nil: null }),
      }),
    }),
  ),
  roles: named(
    fc.record({
      name: name.map((each) => `r${each}`),
      description: optional,
      is_active: fc.boolean(),
      rows: fc.array(
        fc.record({
          service: fc.nat(),
          component: fc.constantFrom(null, '*', '_table/*', '_table/contact', '_schema/a b'),
          verb_mask: fc.integer({ min: 0, max: 31 }),
          requestor_mask: fc.integer({ min: 0, max: 3 }),
        }),
        { maxLength: 6 },
      ),
      lookups,
    }),
  ),
  apps: named(fc.record({ name: name.map((each) => `a${each}`), role: fc.nat(), description: optional })),
  lookups,
  scripts: fc.uniqueArray(fc.record({ table: name, content: text, is_active: fc.boolean() }), {
    selector: ({ table }) => table,
    maxLength: 3,
  }),
});

type Configuration = typeof configuration extends fc.Arbitrary<infer T> ? T : never;

// As a package that somebody wrote: it is one way to make it, and the round trip begins with it.
function documentOf({ services, roles, apps, lookups: own, scripts }: Configuration) {
  const service = services.map((each) => ({ ...each, type: 'echo' }));
  const at = <T>(list: readonly { name: T }[], index: number) =>
    list[index % (list.length + 1)]?.name ?? null;
  const role = roles.map(({ rows, lookups: inside, ...plain }) => ({
    ...plain,
    role_service_access_by_role_id: rows.map((row) => ({ ...row, service: at(services, row.service) })),
    lookup_by_role_id: inside,
  }));
  const app = apps.map((each) => ({ ...each, role: at(roles, each.role) }));
  const event_script = scripts.map(({ table, ...script }) => {
    return { ...script, type: 'nodejs', name: `db._table.${table}.get.post_process` };
  });
  return { tenon_package: 1, service, role, app, lookup: own, event_script };
}

test('a configuration goes round', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(configuration, async (given) => {
      const [first, second] = [await openHouse(), await openHouse()];
      try {
        const document = documentOf(given);
        await imported(first, document);
        const again = await imported(first, document);
        expect(again.resource.filter(({ action }) => action !== 'unchanged')).toEqual([]);
        const plain = await exported(first);
        await imported(second, { ...(await exported(first, everything)), password: passphrase });
        expect(await exported(second)).toEqual(plain);
        const back = { ...(await exported(second, everything)), password: passphrase };
        const report = await imported(first, back, '?delete_missing=true');
        expect(report.resource.filter(({ action }) => action !== 'unchanged')).toEqual([]);
      } finally {
        await first.store.close();
        await second.store.close();
      }
    }),
    { numRuns: 12 },
  );
});
