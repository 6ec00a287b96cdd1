// Every limit of the platform, with unit and reason. Nothing else in the code holds a bound of its own.

/** A bound: its value, its unit, and why it is what it is. */
interface Limit {
  readonly value: number;
  readonly unit: string;
  readonly reason: string;
}

const limit = (value: number, unit: string, reason: string): Limit => ({ value, unit, reason });

/** The table that docs/reference/limits.md is made from. */
export const limitTable = {
  callDepth: limit(
    8,
    'calls',
    'a script that calls the API that runs it must end; deeper nesting has no known use',
  ),
  innerCalls: limit(1_000, 'calls per run', 'one request must not become an unbounded number of requests'),
  innerCallsAtOnce: limit(16, 'calls per run', 'fan-out of one script must not starve other callers'),
  bodyBytes: limit(1_048_576, 'bytes', 'a larger JSON body blocks the event loop for tens of milliseconds'),
  bodyBytesMax: limit(104_857_600, 'bytes', 'the most that the operator may allow for request bodies'),
  jsonDepth: limit(64, 'levels', 'deeper values overflow the stack when they are written back as JSON'),
  uriBytes: limit(8_192, 'bytes', 'longer request lines are attacks or belong into a body'),
  headerBytes: limit(16_384, 'bytes', 'the default of Node and of common proxies'),
  headerCount: limit(100, 'fields', 'more fields are attacks'),
  parameterCount: limit(1_000, 'query parameters', 'parsing must stay linear and small'),
  parameterDepth: limit(8, 'levels of a[b][c]', 'no documented parameter nests deeper than two'),
  headersTimeoutMs: limit(10_000, 'ms', 'slow-header attacks hold a connection no longer'),
  requestTimeoutMs: limit(30_000, 'ms', 'slow-body attacks hold a connection no longer'),
  keepAliveMs: limit(65_000, 'ms', 'longer than the 60 s of common load balancers'),
  connectionCheckMs: limit(2_000, 'ms', 'how often slow connections are looked for'),
  socketIdleMs: limit(120_000, 'ms', 'twice the longest script; a client that does not read is dropped'),
  drainMs: limit(25_000, 'ms', 'requests in flight may end within it when the server stops'),
  acceptChars: limit(1_024, 'characters of Accept', 'browsers send less than 200; the rest is ignored'),
  pathSegments: limit(64, 'segments', 'the deepest documented path has five, folders of files some more'),
  parameterCache: limit(1_000, 'query strings', 'hot URLs are parsed once'),
  parameterCacheChars: limit(256, 'characters', 'longer query strings rarely come twice'),
  connections: limit(10_000, 'connections', 'bounded memory under a flood'),
  records: limit(1_000, 'records', 'page and batch size unless the service sets max_records'),
  filterBytes: limit(65_536, 'characters', 'parsing time is linear in it'),
  filterTerms: limit(
    500,
    'conditions',
    'SQLite allows 1,000 levels of expression depth; half of it is ample',
  ),
  filterDepth: limit(64, 'levels', 'a recursive parser and SQLite both have finite stacks'),
  filterList: limit(1_000, 'values of IN', 'matches the page limit; SQLite allows 32,766 parameters'),
  fields: limit(500, 'fields', 'wider requests are mistakes; SQLite result rows hold 2,000'),
  excerpt: limit(
    40,
    'characters',
    'what a message repeats of a request, to show where it was not understood',
  ),
  relations: limit(16, 'relations per request', 'each is one more statement'),
  preparedStatements: limit(
    500,
    'statements per connection',
    'query shapes differ by client; the least used goes first',
  ),
  likePatternBytes: limit(50_000, 'bytes', 'SQLite refuses longer patterns of LIKE'),
  relatedRecords: limit(
    100_000,
    'records per relation and request',
    'the most that DreamFactory returns at once; they are held in memory to be sorted to their parents',
  ),
  databaseWaitMs: limit(
    5_000,
    'ms',
    'another process may hold the write lock of an SQLite file for a moment',
  ),
  databaseReadWaitMs: limit(200, 'ms', 'while SQLite itself waits for a lock, the event loop stands still'),
  eventName: limit(160, 'characters', 'twice the 80 of DreamFactory, whose long table names were cut'),
  serviceName: limit(64, 'characters', 'it is a path segment and the start of event names'),
  warningChars: limit(1_000, 'characters', 'a warning travels in a header, and proxies cut long headers'),
  labelText: limit(255, 'characters', 'names, labels and addresses; the width of their columns'),
  definitionBytes: limit(1_048_576, 'bytes', 'a service definition is text that a person wrote'),
  definitionPaths: limit(1_000, 'paths', 'a path of a scripted service is compared with all of its length'),
  scriptPaths: limit(
    1_000,
    'paths per scripted service',
    'hot paths are located once; the least used go first',
  ),
  answerCache: limit(1_000, 'answers per scripted service', 'the least used go first'),
  answerCacheChars: limit(8_388_608, 'characters per scripted service', 'the least used go first'),
  answerCacheSeconds: limit(31_536_000, 'seconds', 'what lives longer than a year is no cached answer'),
  descriptionText: limit(10_000, 'characters', 'a description is a text that a person reads'),
  scriptBytes: limit(1_048_576, 'bytes', 'a script is text that a person wrote'),
  compiledScripts: limit(2_000, 'scripts', 'a few KB each; further ones are compiled again when they run'),
  scriptTimeoutMs: limit(5_000, 'ms', 'a script in the request path holds a caller'),
  scriptTimeoutMaxMs: limit(60_000, 'ms', 'the most that a script may be given in the request path'),
  scriptLogBytes: limit(1_048_576, 'bytes per run', 'console output is for people'),
  scriptResultBytes: limit(10_485_760, 'bytes per run', 'the largest answer that a script may make'),
  scriptHeapMb: limit(128, 'MB', 'a runner that needs more is killed and replaced'),
  compileMs: limit(10_000, 'ms', 'a script that TypeScript reads longer was made to be slow'),
  compilerIdleMs: limit(10_000, 'ms', 'the compiler holds 60 MB that most servers need once'),
  changedParameters: limit(1_000, 'texts', 'parameters as scripts set them; the least used goes first'),
  runnersMin: limit(1, 'processes per language', 'one warm spare costs 11–15 MB'),
  runnersMax: limit(8, 'processes per language', 'bounded memory; more runs wait in line'),
  runnerQueue: limit(1_000, 'runs', 'further runs are refused with script.saturated at once'),
  runnerWaitMs: limit(10_000, 'ms', 'a run that could not start by then is refused with script.saturated'),
  runsPerRunner: limit(1_000_000, 'runs', 'a leak in a script or package ends with its process'),
  runnerPipeline: limit(32, 'runs', 'handed to one runner ahead of its answers; more would only wait there'),
  runnerStuckMs: limit(250, 'ms', 'runs handed over together that take longer are done again, each alone'),
  runnerLateMs: limit(2, 'ms', 'runs behind one that takes longer move to another runner'),
  runnerStartMs: limit(10_000, 'ms', 'a process that is not ready by then will never be'),
  runnerIdleMs: limit(60_000, 'ms', 'a runner beyond the spare that idles longer gives its memory back'),
  runnerRetryMs: limit(5_000, 'ms', 'the longest pause between attempts to start a runner that fails'),
  runnerMemoryMb: limit(512, 'MB', 'heap, code and buffers of a runner; beyond it the process is killed'),
  runnerErrorBytes: limit(4_096, 'bytes', 'the end of what a runner wrote before it died says why'),
  frameBytes: limit(33_554_432, 'bytes', 'the largest frame on the pipe of a runner'),
  loginAttempts: limit(
    10,
    'failures per 15 minutes and address or account',
    'guessing passwords must not pay',
  ),
  loginWindowMs: limit(900_000, 'ms', 'failed logins are forgotten after it'),
  loginKeys: limit(10_000, 'accounts and addresses', 'memory of a guessing attack; the oldest go first'),
  basicCacheMs: limit(300_000, 'ms', 'a verified Basic password is hashed again after it'),
  basicCache: limit(1_000, 'credentials', 'the least used go first'),
  tokenChars: limit(4_096, 'characters', 'a session token has about 300'),
  sessionCache: limit(10_000, 'tokens', 'the least used go first'),
  apiKeyCache: limit(16, 'API keys per session', 'a client uses one or two'),
  apiKeyChars: limit(256, 'characters', 'longer keys are not kept in the cache'),
  sessionMinutes: limit(1_440, 'minutes', 'DreamFactory gives a token one day'),
  sessionRefreshMinutes: limit(20_160, 'minutes', 'DreamFactory lets a token be refreshed for 14 days'),
  configurationPollMs: limit(500, 'ms', 'a change made by another process is in force after this'),
  sessionCacheMs: limit(1_000, 'ms', 'a revoked session is refused after this at the latest'),
  storeBusyMs: limit(5_000, 'ms', 'how long a write of the system database waits for another process'),
  hashesAtOnce: limit(2, 'hashes', 'each takes 19 MiB and a thread of the pool for tens of milliseconds'),
  hashesWaiting: limit(32, 'hashes', 'further logins are refused at once instead of waiting for seconds'),
  masterKeyChars: limit(32, 'characters', 'a shorter passphrase as master key is guessed'),
  commandTimeoutMs: limit(30_000, 'ms', 'how long a command waits for an answer of the server it talks to'),
  doctorWaitMs: limit(2_000, 'ms', 'a program that holds our port and is no server of ours may never answer'),
  passwordMin: limit(8, 'characters', 'shorter ones are guessed; NIST SP 800-63B'),
  passwordMax: limit(1_024, 'characters', 'hashing time must not be chosen by the caller'),
} as const satisfies Record<string, Limit>;

/** The name of a limit. */
export type LimitName = keyof typeof limitTable;

/** The values alone: `limits.callDepth === 8`. */
export const limits: Readonly<Record<LimitName, number>> = Object.fromEntries(
  Object.entries(limitTable).map(([name, entry]) => [name, entry.value]),
) as Record<LimitName, number>;
