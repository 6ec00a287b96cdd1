// Named parts of a document: each once, only where something refers to them.
import { describe, expect, it } from 'vitest';
import { Named, type Part, type PartKind } from '../core/description.ts';
import { Components } from './components.ts';

const plain = { prefix: '', isTerse: false };

function named(name: string, make: () => Part, kind: PartKind = 'schemas'): Named {
  return new Named({ kind, name, make });
}

describe('named parts', () => {
  it('are written once and referred to', async () => {
    let made = 0;
    const part = named('A', () => ({ type: 'string', n: ++made }));
    const components = new Components();
    expect(components.write({ one: part, two: [part] }, plain)).toEqual({
      one: { $ref: '#/components/schemas/A' },
      two: [{ $ref: '#/components/schemas/A' }],
    });
    expect(await components.finish()).toEqual({ schemas: { A: { type: 'string', n: 1 } } });
  });

  it('are made only when something refers to them, and then with all that they refer to', async () => {
    const never = named('Never', () => {
      throw new Error('made');
    });
    const inner = named('Inner', () => ({ type: 'null' }));
    const outer = named('Outer', () => ({ properties: { inner } }));
    const components = new Components();
    components.write([outer], plain);
    expect(Object.keys((await components.finish()).schemas as object)).toEqual(['Outer', 'Inner']);
    expect(never.name).toBe('Never');
  });

  it('may refer to themselves and to each other, thousands deep', async () => {
    const parts: Named[] = [];
    for (let index = 0; index < 5_000; index++) {
      parts.push(named(`P${index}`, () => ({ next: parts[(index + 1) % 5_000], own: parts[index] })));
    }
    const components = new Components();
    components.write({ first: parts[0] }, plain);
    const { schemas } = await components.finish();
    expect(Object.keys(schemas as object)).toHaveLength(5_000);
  });

  it('of the same name stay apart; of another kind they are apart anyway', async () => {
    const parts = [named('A', () => 1), named('A', () => 2), named('A', () => 3, 'parameters')];
    const components = new Components();
    expect(components.write(parts, plain)).toEqual([
      { $ref: '#/components/schemas/A' },
      { $ref: '#/components/schemas/A_2' },
      { $ref: '#/components/parameters/A' },
    ]);
    expect(await components.finish()).toEqual({ schemas: { A: 1, A_2: 2 }, parameters: { A: 3 } });
  });

  it('get names that OpenAPI allows, with that of their service before them', () => {
    const components = new Components();
    const parts = ['my table', 'my_table', '__proto__', 'ünï/{x}'].map((name) => named(name, () => name));
    expect(components.write(parts, { prefix: 'hr.', isTerse: false })).toEqual([
      { $ref: '#/components/schemas/hr.my_table' },
      { $ref: '#/components/schemas/hr.my_table_2' },
      { $ref: '#/components/schemas/hr.__proto__' },
      { $ref: '#/components/schemas/hr._n___x_' },
    ]);
  });
});

describe('parts', () => {
  it('are copied as they are, without what is undefined', () => {
    const part = { text: 'x', none: undefined, nothing: null, list: [1, true, { deep: undefined }] };
    expect(new Components().write(part, plain)).toEqual({ text: 'x', nothing: null, list: [1, true, {}] });
  });

  it('may be called like what every object has', async () => {
    const part = named('__proto__', () => ({ properties: JSON.parse('{"__proto__":{"type":"null"}}') }));
    const components = new Components();
    components.write({ part }, plain);
    const text = JSON.stringify(await components.finish());
    expect(text).toBe('{"schemas":{"__proto__":{"properties":{"__proto__":{"type":"null"}}}}}');
  });

  it('are terse without descriptions, titles and examples, but not without fields of these names', async () => {
    const schema = {
      description: 'prose',
      title: 'prose',
      examples: ['a'],
      example: 'a',
      properties: { description: { type: 'string', description: 'prose' }, title: { type: 'string' } },
    };
    const terse = { prefix: '', isTerse: true };
    expect(new Components().write(schema, terse)).toEqual({
      properties: { description: { type: 'string' }, title: { type: 'string' } },
    });
  });

  it('keep the descriptions of responses, which OpenAPI wants, and not those of what is in them', async () => {
    const schema = named('S', () => ({ description: 'prose', type: 'string' }));
    const response = named('R', () => ({ description: 'told', content: { x: { schema } } }), 'responses');
    const components = new Components();
    components.write({ 200: response }, { prefix: '', isTerse: true });
    expect(await components.finish()).toEqual({
      responses: {
        R: { description: 'told', content: { x: { schema: { $ref: '#/components/schemas/S' } } } },
      },
      schemas: { S: { type: 'string' } },
    });
  });
});
