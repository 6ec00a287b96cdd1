// What tests of schedules begin with. A service that schedules call is number 2.
import { expect } from 'vitest';
import type { House } from './scenario.ts';

/** A record as it is answered. */
export type Row = Record<string, unknown>;

/** Makes, changes and reads schedules of a house. */
export function scheduling(house: House) {
  const made = async (resource: string, record: Row): Promise<Row> => {
    const { status, body } = await house.ask('POST', `${resource}?fields=*`, {
      body: { resource: [record] },
    });
    expect(status, JSON.stringify(body)).toBe(201);
    return (body as { resource: [Row] }).resource[0];
  };
  const nightly = { name: 'nightly', service_id: 2 };
  return {
    addService: (name = 'db') => made('service', { name, type: 'echo', config: { database: 'x' } }),
    /** Somebody with a role in an app. */
    addCaller: async () => {
      const role = await made('role', { name: 'readers' });
      const app = await made('app', { name: 'portal', role_id: role.id });
      const user = await made('user', {
        ...{ email: 'grace@example.com', name: 'Grace' },
        user_to_app_to_role_by_user_id: [{ app_id: app.id, role_id: role.id }],
      });
      return { app: Number(app.id), user: Number(user.id), role: Number(role.id) };
    },
    make: (over: Row = {}) => made('scheduler', { ...nightly, ...over }),
    /** Status and message of what is not made. */
    refusal: async (over: Row): Promise<[number, string]> => {
      const body = { resource: [{ ...nightly, ...over }] };
      const { status, body: told } = await house.ask('POST', 'scheduler', { body });
      return [status, (told as { error?: { message: string } }).error?.message ?? ''];
    },
    change: async (body: Row, id = 1): Promise<Row> => {
      const { status, body: row } = await house.ask('PATCH', `scheduler/${id}?fields=*`, { body });
      expect(status, JSON.stringify(row)).toBe(200);
      return row as Row;
    },
    read: async (query = '', id = 1): Promise<Row> => {
      return (await house.ask('GET', `scheduler/${id}${query}`)).body as Row;
    },
  };
}
