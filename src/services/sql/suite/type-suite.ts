// The part of the conformance suite about types: every value goes in and out of a live database.
import { describe, expect, test } from 'vitest';
import {
  type EngineUnderTest,
  openSuiteHouse,
  type SuiteHouse,
  shared,
  type TypeCase,
} from './suite-fixture.ts';

/** Defines the tests of an engine's types. */
export function typeSuite(engine: EngineUnderTest): void {
  describe('types', () => {
    const cases = engine.types;
    const nameOf = (index: number) => `t${index}`;
    const house = shared(async () => {
      const tables = cases.map(
        ({ declared, before = '' }, index) => `${before}
        CREATE TABLE ${nameOf(index)}(id INTEGER NOT NULL PRIMARY KEY, v ${declared});`,
      );
      return openSuiteHouse(engine, tables.join('\n'));
    });
    const read = async (index: number, id: number, more = '') => {
      const { text } = await house().ask('GET', `_table/${nameOf(index)}/${id}?fields=v${more}`);
      return text.replace(/^\{"v":([\s\S]*)\}$/, '$1');
    };

    test.each(cases.map((entry, index) => [entry.declared, entry, index] as const))(
      '%s',
      async (_declared, entry, index) => {
        const path = `_table/${nameOf(index)}`;
        const { body } = await house().ask('GET', `_schema/${nameOf(index)}/_field/v`);
        expect(body.type).toBe(entry.type);
        for (const [at, [given, answered = given]] of entry.values.entries()) {
          const id = at + 1;
          const text = `{"resource":[{"id":${id},"v":${given}}]}`;
          const made = await house().ask('POST', path, { text });
          expect(made.status, `${given}: ${made.text}`).toBe(200);
          expect(await read(index, id), given).toBe(answered);
          const listed = await house().ask('GET', `${path}?filter=id=${id}&fields=v`);
          expect(listed.text).toBe(`{"resource":[{"v":${answered}}]}`);
          const again = await house().ask('PATCH', `${path}/${id}`, { text: `{"v":${answered}}` });
          expect(again.status, `${answered} again: ${again.text}`).toBe(200);
          expect(await read(index, id), `${answered} again`).toBe(answered);
          if (entry.isComparable !== false && answered !== 'null')
            await findsIt({ house: house(), path, answered, id });
        }
        await refusesTheRest({ house: house(), path, entry });
        const none = await house().ask('POST', path, { text: '{"resource":[{"id":1000,"v":null}]}' });
        if (none.status === 200) expect(await read(index, 1000)).toBe('null');
      },
    );
  });
}

interface Finding {
  readonly house: SuiteHouse;
  readonly path: string;
  readonly answered: string;
  readonly id: number;
}

async function findsIt({ house, path, answered, id }: Finding): Promise<void> {
  const value = JSON.parse(answered.replace(/^(-?\d[\d.]{15,})$/, '"$1"'));
  const { status, body, text } = await house.ask('GET', path, {
    parameters: { filter: 'v = :v', params: { v: isObject(value) ? answered : value }, fields: 'id' },
  });
  expect(status, `${answered}: ${text}`).toBe(200);
  expect(body.resource, `filter by ${answered}`).toContainEqual({ id });
}

// Filters compare with texts and numbers: a list is given as its JSON.
function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

interface Refusing extends Pick<Finding, 'house' | 'path'> {
  readonly entry: TypeCase;
}

async function refusesTheRest({ house, path, entry }: Refusing): Promise<void> {
  for (const given of entry.refused ?? []) {
    const { status, body, text } = await house.ask('POST', path, {
      text: `{"resource":[{"id":2000,"v":${given}}]}`,
    });
    expect(status, `${given}: ${text}`).toBe(400);
    expect(JSON.stringify(body.error), given).toMatch(/Field 'v'/);
  }
}

/** The type cases as a table for the reference. */
export function typeTable(engine: EngineUnderTest): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const rows = engine.types.map(({ declared, type, values, refused = [], note = '' }) => {
    const shown = values.map(([given, answered]) =>
      answered === undefined ? `\`${given}\`` : `\`${given}\` → \`${answered}\``,
    );
    const refusals = refused.map((each) => `\`${each}\``).join(', ');
    const cells = [`\`${declared}\``, `\`${type}\``, shown.join(', '), refusals, note];
    return `| ${cells.map(cell).join(' | ')} |`;
  });
  return [
    `# Column types of ${engine.name}`,
    '',
    'Made by the conformance suite, which stores and reads every value below in a live database.',
    '`given → answered` is written where the answer is another JSON text than what was sent.',
    '',
    '| column | `_schema` type | values | refused with a 400 | note |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
