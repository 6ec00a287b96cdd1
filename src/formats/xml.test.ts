import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { readXml, writeXml } from './xml.ts';

const head = '<?xml version="1.0" ?>';

describe('writing', () => {
  test.each<[unknown, string]>([
    [{ resource: [{ a: 1 }, { a: 2 }] }, '<resource><a>1</a></resource><resource><a>2</a></resource>'],
    [[{ a: 1 }], '<resource><a>1</a></resource>'],
    [{ a: null, b: true, c: '' }, '<a></a><b>true</b><c></c>'],
    [{ a: { b: [1, 2] } }, '<a><b>1</b><b>2</b></a>'],
    [{ a: [[1, 2], []] }, '<a><item>1</item><item>2</item></a><a></a>'],
    [{ a: 12345678901234567890n }, '<a>12345678901234567890</a>'],
    [{ a: '<b>&"\'' }, '<a>&lt;b&gt;&amp;"\'</a>'],
    [
      { 'SUM(x)': 1, '1st': 2, 'a b': 3, ä: 4, '': 5 },
      '<SUM_x_>1</SUM_x_><_1st>2</_1st><a_b>3</a_b><ä>4</ä><_>5</_>',
    ],
    [{ a: 'x\u0000y\u001bz\ufffe' }, '<a>x\ufffdy\ufffdz\ufffd</a>'],
  ])('%o', (value, expected) => {
    expect(writeXml(value).replace(/[\n\t]/g, '')).toBe(`${head}<dfapi>${expected}</dfapi>`);
  });

  test.each([9, 'text', null, {}])('%j is text of the root', (value) => {
    const text = typeof value === 'object' ? '' : String(value);
    expect(writeXml(value)).toBe(`${head}<dfapi>${text}</dfapi>\n`);
  });

  test('is indented as recorded', () => {
    expect(writeXml({ resource: [{ no: 'd1', name: 'x' }] })).toBe(
      `${head}<dfapi>\n\t<resource>\n\t\t<no>d1</no>\n\t\t<name>x</name>\n\t</resource>\n</dfapi>\n`,
    );
  });

  test('what was written can be read', () => {
    const value = {
      resource: [
        { a: '<x> & "y"', b: 'ü' },
        { a: '1', b: '' },
      ],
    };
    expect(readXml(writeXml(value))).toEqual(value);
  });
});

test('texts come back as they were', () => {
  // What XML itself takes for one line feed, or can not write at all.
  const text = fc
    .string({ unit: 'binary' })
    .map((given) => given.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, ''));
  const rows = fc.array(fc.record({ a: text, b: text }), { minLength: 2 });
  fc.assert(
    fc.property(rows, (resource) => {
      expect(readXml(writeXml({ resource }))).toEqual({ resource });
    }),
  );
});

test('no text makes reading throw anything but a refusal', () => {
  const part = fc.constantFrom(
    '<',
    '>',
    '/',
    '<a>',
    '</a>',
    '<a/>',
    '&',
    '&lt;',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?',
    '"',
    'x',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      const refusal = refusalOf(() => readXml(parts.join('')));
      expect(refusal).toMatch(/^$|^The body /);
    }),
    { numRuns: 2_000 },
  );
});

function refusalOf(read: () => unknown): string {
  try {
    read();
    return '';
  } catch (thrown) {
    return thrown instanceof PlatformError ? thrown.message : `not a refusal: ${String(thrown)}`;
  }
}

describe('reading', () => {
  test.each<[string, unknown]>([
    ['<r><resource><title>t</title></resource></r>', { resource: { title: 't' } }],
    ['<r><a>1</a><a>2</a></r>', { a: ['1', '2'] }],
    ['<?xml version="1.0" encoding="UTF-8"?>\n<!-- x --><r a="1"><b c="2">x</b></r>', { b: 'x' }],
    ['<r><a>&lt;b&gt; &amp; &#65;&#x42; &quot;&apos;</a></r>', { a: '<b> & AB "\'' }],
    ['<r><a><![CDATA[<b> &amp;]]></a></r>', { a: '<b> &amp;' }],
    ['<r><a/></r>', { a: '' }],
    ['<r>\n\t<a>  x </a>\n\t<b> </b>\n</r>', { a: '  x ', b: ' ' }],
    ['<r>text</r>', 'text'],
    ['<r/>', ''],
    ['<r><length>1</length></r>', { length: '1' }],
    ['<r><toString>1</toString></r>', { toString: '1' }],
  ])('%s', (text, expected) => {
    expect(readXml(text)).toEqual(expected);
  });

  test.each<[string, string, RegExp]>([
    ['a tag left open', '<r><a></r>', /closing tag.*line 1/],
    ['no element', 'text', /not usable XML/],
    ['two roots', '<a/><b/>', /one root/],
    ['a document type', '<!DOCTYPE r><r/>', /DOCTYPE/],
    ['entities of its own', '<!DOCTYPE r [<!ENTITY a "x">]><r>&a;</r>', /DOCTYPE/],
    ['a file', '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r>&a;</r>', /DOCTYPE/],
    ['an unknown entity', '<r>&nope;</r>', /&nope;/],
    ['a character that is none', '<r>&#xD800;</r>', /&#xD800;/],
    ['a character beyond Unicode', '<r>&#x110000;</r>', /&#x110000;/],
    ['another one', '<r><constructor>1</constructor></r>', /constructor/],
    ['a way to a prototype', '<r><__proto__><x>1</x></__proto__></r>', /__proto__/],
  ])('refuses %s', (_what, text, expected) => {
    expect(() => readXml(text)).toThrow(
      expect.objectContaining({ status: 400, message: expect.stringMatching(expected) }),
    );
  });

  test('refuses what nests too deeply', () => {
    const nested = (depth: number) => `<r>${'<a>'.repeat(depth)}x${'</a>'.repeat(depth)}</r>`;
    expect(readXml(nested(limits.jsonDepth))).toBeTypeOf('object');
    expect(() => readXml(nested(limits.jsonDepth + 2))).toThrow(
      expect.objectContaining({ kind: 'request.too_deep' }),
    );
    expect(() => readXml(nested(20_000))).toThrow(expect.objectContaining({ status: 400 }));
  });

  test('refuses what would take long', () => {
    expect(readXml(`<r>${'&amp;'.repeat(50_000)}</r>`)).toBe('&'.repeat(50_000));
    expect(() => readXml(`<r>${'x'.repeat(limits.xmlChars)}</r>`)).toThrow(
      expect.objectContaining({ kind: 'request.too_large' }),
    );
  });

  test('says what is wrong in few words', () => {
    expect(() => readXml('<'.repeat(100_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{20,300}$/s) }),
    );
  });
});
