// What every listed service type must offer to those who configure it.
import { describe, expect, it } from 'vitest';
import { createSqliteStore } from '../store/sqlite.ts';
import { Overlays, serviceTypes } from './index.ts';

const store = await createSqliteStore({ file: ':memory:' });
const types = serviceTypes({ overlays: new Overlays({ store }) });

describe('service types', () => {
  it('have names of their own', () => {
    const names = types.map((type) => type.name);
    expect(names).toContain('sqlite');
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(types)('$name explains itself and its fields', (type) => {
    expect(type.name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect([type.label, type.description, type.group]).not.toContain('');
    expect(type.singleton).toBe(false);
    for (const field of type.config) {
      expect(field.name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect([field.label, field.description], field.name).not.toContain('');
      expect(field.values !== undefined, field.name).toBe(field.type === 'picklist');
      if (field.type === 'password') expect(field.secret, field.name).toBe(true);
    }
  });
});
