import { expect, test } from 'vitest';
import { csvPortions } from './csv-rows.ts';

async function read(text: string, rows = 2) {
  const portions: (readonly (readonly string[])[])[] = [];
  for await (const portion of csvPortions(Buffer.from(text), rows)) portions.push(portion);
  return portions;
}

test('rows come in portions, the line of names among them', async () => {
  expect(await read('\ufeffa,b\n1,"x\ny"\n\n2,"say ""hi"""\r\n3,')).toEqual([
    [
      ['a', 'b'],
      ['1', 'x\ny'],
    ],
    [
      ['2', 'say "hi"'],
      ['3', ''],
    ],
  ]);
  expect(await read('')).toEqual([]);
});

test.each([
  ['a,b\n1\n', /line 2/],
  ['a,b\n1,2,3\n', /line 2/],
  ['a\n"open', /Quote/],
  ['a\nb"c\n', /Quote/],
])('%j can not be read', async (text, message) => {
  await expect(read(text)).rejects.toMatchObject({
    kind: 'request.malformed',
    message: expect.stringMatching(message),
  });
});
