// The rules between files: who may import whom, no cycles at run time, no file and no export that nobody
// uses.
// Invariant: the table below is the one of the house; main, the command line and tests know everything.
import { dirname } from 'node:path';
import { isForTests, type Problem, type Source } from './source.ts';

/** What files below a folder may import beside their own folder. */
interface Row {
  readonly folder: string;
  /** Folders with all that is in them; a trailing `/.` means the files directly in the folder. */
  readonly folders: readonly string[];
  /** npm packages of the folder's purpose. */
  readonly packages: readonly string[];
}

const ground = ['src/query', 'src/database', 'src/security', 'src/egress', 'src/openapi', 'src/formats'];

/** The first row whose folder holds the file counts, so special ones come first; `*` is one folder name. */
const table: readonly Row[] = [
  { folder: 'src/core', folders: [], packages: [] },
  { folder: 'src/query', folders: ['src/core'], packages: [] },
  {
    folder: 'src/database',
    folders: ['src/core'],
    packages: ['better-sqlite3', 'kysely', 'mysql2', 'pg', 'tedious'],
  },
  {
    folder: 'src/security',
    folders: ['src/core'],
    packages: ['@node-rs/argon2', 'jose', 'lru-cache', 'otplib', 'rate-limiter-flexible'],
  },
  { folder: 'src/egress', folders: ['src/core'], packages: ['undici'] },
  {
    folder: 'src/formats',
    folders: ['src/core'],
    packages: ['fast-xml-parser', 'csv-parse'],
  },
  { folder: 'src/openapi', folders: ['src/core'], packages: ['yaml'] },
  {
    folder: 'src/services/sql',
    folders: ['src/core', 'src/services/.', ...ground],
    packages: ['kysely', 'lru-cache'],
  },
  // The platform's own records, as the people that they are about see them.
  {
    folder: 'src/services/email',
    folders: ['src/core', 'src/services/.', ...ground],
    packages: ['nodemailer'],
  },
  {
    folder: 'src/services/identity',
    folders: ['src/core', 'src/services/.', ...ground],
    packages: ['openid-client'],
  },
  {
    folder: 'src/services/user',
    folders: ['src/core', 'src/services/.', 'src/services/system', ...ground],
    packages: [],
  },
  {
    folder: 'src/services/*',
    folders: ['src/core', 'src/services/.', ...ground],
    packages: ['fflate', 'lru-cache', 'yaml'],
  },
  { folder: 'src/services', folders: ['src/core', ...ground], packages: ['ajv', 'lru-cache', 'nodemailer'] },
  { folder: 'src/runners/*', folders: ['src/core', 'src/runners/.'], packages: [] },
  { folder: 'src/runners', folders: ['src/core'], packages: [] },
  {
    folder: 'src/store',
    folders: ['src/core', ...ground],
    packages: ['better-sqlite3', 'ioredis', 'kysely', 'lru-cache', 'mysql2', 'pg', 'rate-limiter-flexible'],
  },
  {
    folder: 'src/queues/redis',
    folders: ['src/core', 'src/queues/.'],
    packages: ['bullmq', 'ioredis'],
  },
  {
    folder: 'src/queues/beanstalkd',
    folders: ['src/core', 'src/queues/.'],
    packages: ['jackd'],
  },
  {
    folder: 'src/queues/sqs',
    folders: ['src/core', 'src/queues/.'],
    packages: ['@aws-sdk/client-sqs', 'sqs-consumer'],
  },
  {
    folder: 'src/queues/*',
    // What performs runs at once does as workers do.
    folders: ['src/core', 'src/queues/.', 'src/security', 'src/worker'],
    packages: [],
  },
  { folder: 'src/worker', folders: ['src/core'], packages: [] },
  { folder: 'src/scheduler', folders: ['src/core', 'src/security'], packages: ['croner', 'lru-cache'] },
  { folder: 'src/queues', folders: ['src/core', 'src/security'], packages: [] },
  { folder: 'src/scripts', folders: ['src/core', ...ground], packages: ['lru-cache', 'typescript'] },
  {
    folder: 'src/http',
    folders: ['src/core', ...ground],
    packages: ['@fastify/cors', 'ajv', 'fastify', 'lru-cache', 'typebox'],
  },
  { folder: 'src/metrics', folders: ['src/core'], packages: ['prom-client'] },
  { folder: 'src/sample', folders: ['src/core'], packages: ['better-sqlite3'] },
  { folder: 'tools', folders: ['src/core', 'src/config.ts'], packages: ['esbuild', 'typescript'] },
];

/** Programs that are started, not imported. */
const entryPoints = [
  /^src\/scripts\/compiler-thread\.ts$/,
  /^src\/cli\.ts$/,
  /^src\/runners\/[^/]+\/host\.ts$/,
  /^tools\/[^/]+\.(ts|mjs)$/,
  /^bench\/(compare\.ts|servers\/|clients\/)/,
  /^test\/soak\/(run|no-op-runs|clock-load|broker-latency)\.ts$/,
  /^test\/recovery\/queue-node\.ts$/,
  /^test\/vitest\/between-files\.ts$/,
  /\.(config|d|test)\.ts$/,
  /^examples\//,
];

/** Breaches between the files of a project. */
export function importProblems(sources: readonly Source[]): Problem[] {
  const files = new Map(sources.map((source) => [source.path, source]));
  return [
    ...sources.flatMap((source) => tableProblems(source)),
    ...cycleProblems(files),
    ...orphanProblems(sources),
    ...exportProblems(sources).filter((problem) => problem.rule === 'unused export'),
  ];
}

/** Exports that only tests use: allowed, but worth a look. */
export function exportsForTests(sources: readonly Source[]): Problem[] {
  return exportProblems(sources).filter((problem) => problem.rule === 'export for tests');
}

function tableProblems({ path, imports, isForTests: isFree }: Source): Problem[] {
  if (path.startsWith('bench/')) {
    return imports
      .filter(({ target }) => target?.startsWith('src/'))
      .map(({ line }) => ({ path, line, rule: 'import', message: 'bench knows the product by HTTP only' }));
  }
  const row = table.find(({ folder }) => ownFolder(path, folder) !== undefined);
  if (isFree || row === undefined) return [];
  const own = ownFolder(path, row.folder) ?? '';
  return imports.flatMap(({ target, npmPackage, line }) => {
    if (target !== undefined && !mayImport(target, own, row)) {
      return [{ path, line, rule: 'import', message: `${own} may not import ${dirname(target)}` }];
    }
    if (npmPackage !== undefined && !row.packages.includes(npmPackage)) {
      return [{ path, line, rule: 'import', message: `${own} may not use the package ${npmPackage}` }];
    }
    return [];
  });
}

function mayImport(target: string, own: string, row: Row): boolean {
  if (target.startsWith(`${own}/`) || target === own) return true;
  return row.folders.some((folder) => {
    if (folder.endsWith('/.')) return dirname(target) === folder.slice(0, -2);
    return target === folder || target.startsWith(`${folder}/`);
  });
}

function ownFolder(path: string, pattern: string): string | undefined {
  const match = new RegExp(`^(${pattern.replace('*', '[^/]+')})/`).exec(path);
  return match?.[1];
}

function cycleProblems(files: ReadonlyMap<string, Source>): Problem[] {
  const problems: Problem[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) {
      const circle = [...trail.slice(trail.indexOf(path)), path].join(' → ');
      problems.push({ path, line: 1, rule: 'import cycle', message: circle });
      return;
    }
    if (done.has(path)) return;
    for (const { target, isType } of files.get(path)?.imports ?? []) {
      if (!isType && target !== undefined) visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  return problems;
}

function orphanProblems(sources: readonly Source[]): Problem[] {
  const imported = new Set(
    sources.flatMap((source) => {
      const targets = source.imports.map((each) => each.target);
      return targets.filter((target) => target !== undefined && (!source.isForTests || isForTests(target)));
    }),
  );
  return sources
    .filter(({ path }) => !imported.has(path) && !entryPoints.some((entry) => entry.test(path)))
    .map(({ path }) => ({ path, line: 1, rule: 'unused file', message: 'nothing but tests imports it' }));
}

function exportProblems(sources: readonly Source[]): Problem[] {
  const used = { product: new Set<string>(), tests: new Set<string>() };
  for (const source of sources) {
    const set = source.isForTests ? used.tests : used.product;
    for (const { target, names } of source.imports) for (const name of names) set.add(`${target} ${name}`);
  }
  return sources.flatMap((source) =>
    source.exports.flatMap(({ name, line, isType }) => {
      const { path } = source;
      const isUsedBy = (set: Set<string>) => set.has(`${path} ${name}`) || set.has(`${path} *`);
      if (isUsedBy(used.product) || (isType && isMentionedAgain(source, name))) return [];
      if (/\.config\.ts$/.test(path)) return [];
      if (!isUsedBy(used.tests)) return [{ path, line, rule: 'unused export', message: name }];
      return source.isForTests ? [] : [{ path, line, rule: 'export for tests', message: name }];
    }),
  );
}

// A type in the signature of something exported is part of what the file offers, though callers need not name
// it.
function isMentionedAgain({ text }: Source, name: string): boolean {
  return (text.match(new RegExp(`\\b${name}\\b`, 'g')) ?? []).length > 1;
}
