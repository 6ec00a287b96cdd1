import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlatformError } from '../../../core/errors.ts';
import type { InnerCall, Result } from '../../../core/operation.ts';
import { readRecords } from '../reading/read.ts';
import {
  type Call,
  goldenSql,
  openWriteFixture,
  operation,
  type WriteFixture,
} from '../suite/write-fixture.ts';
import { RecordWriter } from './write.ts';

// Writes whose answer shows related records, which come by inner calls as the path makes them.
describe('related records of a write', () => {
  let db: WriteFixture;
  let calls: InnerCall[];
  beforeEach(() => {
    db = openWriteFixture(goldenSql());
    calls = [];
  });
  afterEach(() => db.close());

  const context = {
    async call(call: InnerCall): Promise<Result> {
      calls.push(call);
      const table = db.source.table(call.path[1] ?? '');
      // Somebody else's write must not have to wait for the one that asks.
      await db.ask('POST', 'todo', { body: [{ title: `seen ${calls.length}` }] });
      const asked = { ...operation('GET', table.name, {}), request: call.request };
      return readRecords(db.source, asked, { table, id: undefined, context });
    },
    check: () => undefined,
  };
  const ask = async (action: 'POST' | 'PATCH' | 'DELETE', table: string, call: Call) => {
    const target = { table: db.source.table(table), id: call.id, context };
    const result = await new RecordWriter({ source: db.source }).write(
      operation(action, table, call),
      target,
    );
    return result.body?.value;
  };

  it('are asked for after the change, in one call for all records', async () => {
    const query = { related: 'dept_emp_by_dept_no', fields: 'dept_name', 'dept_emp_by_dept_no.limit': '1' };
    const body = {
      resource: [
        { dept_no: 'd001', dept_name: 'M' },
        { dept_no: 'd002', dept_name: 'F' },
      ],
    };
    const answer = (await ask('PATCH', 'departments', { query, body })) as {
      resource: Record<string, unknown>[];
    };
    expect(answer.resource.map((record) => Object.keys(record))).toEqual([
      ['dept_name', 'dept_emp_by_dept_no'],
      ['dept_name', 'dept_emp_by_dept_no'],
    ]);
    expect(answer.resource[1]).toMatchObject({ dept_name: 'F', dept_emp_by_dept_no: [{ dept_no: 'd002' }] });
    expect(calls).toHaveLength(1);
    expect(db.look("SELECT * FROM todo WHERE title LIKE 'seen%'")).toHaveLength(1);
  });

  it('come with the key alone when no fields are asked for', async () => {
    const body = { resource: [{ dept_no: 'd100', dept_name: 'New' }] };
    expect(await ask('POST', 'departments', { query: { related: 'dept_emp_by_dept_no' }, body })).toEqual({
      resource: [{ dept_no: 'd100', dept_emp_by_dept_no: [] }],
    });
  });

  it('are those that were there before a record was deleted', async () => {
    const [row] = db.look('SELECT id, emp_no FROM dept_emp LIMIT 1');
    const query = { related: 'employees_by_emp_no', fields: 'id' };
    const answer = await ask('DELETE', 'dept_emp', { id: String(row.id), query });
    expect(answer).toMatchObject({ id: row.id, employees_by_emp_no: { emp_no: row.emp_no } });
    expect(db.look('SELECT * FROM dept_emp WHERE id = ?', row.id)).toEqual([]);
  });

  it('leave an unknown relation refused before anything is written', async () => {
    const asked = ask('POST', 'todo', { query: { related: 'nope' }, body: [{ title: 'x' }] });
    await expect(asked).rejects.toThrow(PlatformError);
    expect(db.look("SELECT * FROM todo WHERE title = 'x'")).toEqual([]);
  });
});
