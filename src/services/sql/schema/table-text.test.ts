import { describe, expect, it } from 'vitest';
import { parseTableText, printEntry, printTableText, unquoted } from './table-text.ts';

const plain = { backslashes: false };

const texts = [
  'CREATE TABLE t (a)',
  'CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT) WITHOUT ROWID, STRICT',
  'create table "a ""b(" ( "x,y" int default (1,2) , [z z] text -- a, b\n, `q` real /* , */ )',
  "CREATE TABLE t (a TEXT DEFAULT 'it''s, (ok' NOT NULL UNIQUE ON CONFLICT IGNORE, " +
    "CHECK (a <> '),'), UNIQUE (a))",
  'CREATE TABLE t (a INT CONSTRAINT n NOT NULL CONSTRAINT u UNIQUE REFERENCES o (x) ' +
    'ON DELETE SET NULL ON UPDATE SET DEFAULT NOT DEFERRABLE)',
  'CREATE TABLE t (a NUMERIC(10, 2) DEFAULT -1 COLLATE NOCASE, b AS (a + 1) STORED, c CHARACTER VARYING(5))',
];

describe('the text of a table', () => {
  it.each(texts)('%s is put together as it was', (text) => {
    expect(printTableText(parseTableText(text, plain))).toBe(text);
  });

  it('is told apart into columns, constraints and clauses', () => {
    const { entries } = parseTableText(texts[3] ?? '', plain);
    expect(entries.map(({ column }) => column)).toEqual(['a', undefined, undefined]);
    expect(entries[0]?.clauses.map(({ kind, text }) => [kind, text.trim()])).toEqual([
      ['name', 'a'],
      ['type', 'TEXT'],
      ['default', "DEFAULT 'it''s, (ok'"],
      ['not null', 'NOT NULL'],
      ['unique', 'UNIQUE ON CONFLICT IGNORE'],
    ]);
    const kinds = (text: string) => parseTableText(text, plain).entries[0]?.clauses.map(({ kind }) => kind);
    expect(kinds(texts[4] ?? '')).toEqual([
      'name',
      'type',
      'other',
      'not null',
      'other',
      'unique',
      'reference',
    ]);
    expect(kinds('CREATE TABLE t (a DEFAULT NULL NULL)')).toEqual(['name', 'default', 'null']);
    expect(parseTableText(texts[5] ?? '', plain).entries[2]?.clauses.map(({ text }) => text)).toEqual([
      ...[' c', ' CHARACTER VARYING(5)'],
    ]);
  });

  it('is read as MySQL writes it, too', () => {
    const text =
      'CREATE TABLE `t` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `a``b` varchar(9) CHARACTER SET latin1 ' +
      "COLLATE latin1_bin DEFAULT 'x\\'y, (' COMMENT 'a, b',\n  `c` timestamp NULL DEFAULT " +
      'current_timestamp() ON UPDATE current_timestamp(),\n' +
      '  PRIMARY KEY (`id`),\n  KEY `k` (`a``b`)\n) ENGINE=InnoDB';
    const parsed = parseTableText(text, { backslashes: true });
    expect(printTableText(parsed)).toBe(text);
    expect(parsed.entries.map(({ column }) => column)).toEqual(['id', 'a`b', 'c', undefined, undefined]);
    expect(parsed.entries[1]?.clauses.map(({ kind }) => kind)).toEqual([
      'name',
      'type',
      'other',
      'other',
      'default',
      'other',
    ]);
    expect(printEntry(parsed.entries[2] ?? { column: '', clauses: [] }).trim()).toMatch(
      /^`c` timestamp NULL DEFAULT/,
    );
  });

  it.each(["CREATE TABLE t (a 'b", 'CREATE TABLE t (a', 'CREATE VIRTUAL TABLE t'])('refuses %s', (text) => {
    expect(() => parseTableText(text, plain)).toThrow();
  });

  it('has names in four kinds of quotes', () => {
    expect(['a', '"a""b"', '`a``b`', '[a b]', "'a'"].map(unquoted)).toEqual(['a', 'a"b', 'a`b', 'a b', 'a']);
  });
});
