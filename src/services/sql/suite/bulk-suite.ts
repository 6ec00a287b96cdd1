// The part of the conformance suite about many new records in one request, which engines may take together.
// Invariant: no scenario knows which engine it runs on, nor whether it took them together.
import { describe, expect, test } from 'vitest';
import {
  type EngineUnderTest,
  openSuiteHouse,
  type SuiteAnswer,
  type SuiteHouse,
  shared,
} from './suite-fixture.ts';

const tables = `
  CREATE TABLE item(id {id}, name VARCHAR(20) NOT NULL UNIQUE, n INTEGER, up INTEGER,
    FOREIGN KEY (up) REFERENCES item(id));
  CREATE TABLE coded(code VARCHAR(8) NOT NULL PRIMARY KEY, v INTEGER DEFAULT 7);
  CREATE TABLE loose(v INTEGER, w VARCHAR(8));
`;

/** Defines the tests of many records for an engine. */
export function bulkSuite(engine: EngineUnderTest): void {
  describe('many new records at once', () => {
    const house = shared(() => openSuiteHouse(engine, tables));
    accepted(house);
    refused(house);
  });
}

type House = () => SuiteHouse;

function post(house: House, path: string, resource: readonly object[]): Promise<SuiteAnswer> {
  return house().ask('POST', `_table/${path}`, { body: { resource } });
}

function accepted(house: House): void {
  test('each gets its own key, in order', async () => {
    const resource = Array.from({ length: 700 }, (_unused, n) => ({ name: `i${n}`, n }));
    const { status, body } = await post(house, 'item?fields=id,name,n', resource);
    expect(status).toBe(200);
    expect(body.resource.map(({ name, n }: { name: string; n: number }) => ({ name, n }))).toEqual(resource);
    const ids = body.resource.map(({ id }: { id: number }) => id);
    expect(new Set(ids).size).toBe(700);
  });

  test('with other fields in some, defaults in others', async () => {
    const { body } = await post(house, 'coded?fields=*', [
      { code: 'a', v: 1 },
      { code: 'b', v: null },
      { v: 3, code: 'c' },
      { code: 'd' },
      { code: 'e' },
    ]);
    expect(body.resource).toEqual([
      { code: 'a', v: 1 },
      { code: 'b', v: null },
      { code: 'c', v: 3 },
      { code: 'd', v: 7 },
      { code: 'e', v: 7 },
    ]);
    const free = await post(house, 'loose', [{ v: 1 }, { v: 2 }, { v: 3 }]);
    expect(free.status).toBe(200);
    expect((await house().ask('GET', '_table/loose?count_only=true')).body).toBe(3);
  });
}

function refused(house: House): void {
  const names = async (filter: string) => {
    const { body } = await house().ask('GET', '_table/item', { parameters: { filter, order: 'id' } });
    return body.resource.map(({ name }: { name: string }) => name);
  };

  test('a refused one is named by its index, and only what rules say is kept', async () => {
    const batch = (mark: string) => [
      { name: `${mark}1` },
      { name: `${mark}2` },
      { name: 'i5' },
      { name: `${mark}4`, up: 999999 },
      { name: `${mark}5` },
    ];
    const stopped = await post(house, 'item', batch('s'));
    expect(stopped.body.error.context.error).toEqual([2]);
    expect(stopped.body.error.context.resource[2]).toMatchObject({ code: 409 });
    expect(await names("name starts with 's'")).toEqual(['s1', 's2']);
    const went = await post(house, 'item?continue=true', batch('c'));
    expect(went.body.error.context.error).toEqual([2, 3]);
    expect(await names("name starts with 'c'")).toEqual(['c1', 'c2', 'c5']);
    const undone = await post(house, 'item?rollback=true', batch('r'));
    expect(undone.body.error.context.error).toEqual([2]);
    expect(await names("name starts with 'r'")).toEqual([]);
  });

  test('one that can not be read is refused before any other is written twice', async () => {
    const { body } = await post(house, 'item?continue=true', [
      { name: 'x1' },
      { name: 'x2', n: 'no' },
      { name: 'x3' },
    ]);
    expect(body.error.context.error).toEqual([1]);
    expect(await names("name starts with 'x'")).toEqual(['x1', 'x3']);
  });
}
