// The verbs of the command line and their options. Invariant: a verb's code is loaded when the verb is used,
// so that `--help` is quick and a start loads nothing it does not need.
import { Command, Option } from 'commander';
import { settings } from '../config.ts';
import { version } from '../version.ts';
import { describeFailure } from './failure.ts';
import { addQueue } from './queue-verbs.ts';
import { addSchedule } from './schedule-verbs.ts';

/** Does what the command line says; sets the exit code. `argv` as Node gives it. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', tolerateClosed);
  process.stderr.on('error', tolerateClosed);
  try {
    await program().parseAsync([...argv]);
  } catch (error) {
    console.error(describeFailure(error));
    process.exitCode = 1;
  }
}

// Whoever read the output has gone, as with `tenon doctor | head -2`: that is no failure of ours.
function tolerateClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function program(): Command {
  const tenon = new Command('tenon')
    .description('A complete REST API over your database, with scripts grafted onto any call.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', "\nTo try it out: 'tenon serve --sample' makes a database and serves it.")
    .showHelpAfterError("Run it with '--help' to see what it takes.");
  addServe(tenon);
  addWork(tenon);
  addDoctor(tenon);
  addScript(tenon);
  addPackages(tenon);
  addSecrets(tenon);
  addExport(tenon);
  addImport(tenon);
  const form = { doorOptions, doorHelp, namedServer };
  addQueue(tenon, form);
  addSchedule(tenon, form);
  return tenon;
}

function addServe(tenon: Command): void {
  serverOptions(tenon.command('serve'))
    .description('start the server')
    .option('--sample', "make the sample database and the service 'hr' over it, unless they are there")
    .addHelpText('after', '\nAn option beats its variable. More variables: docs/reference/configuration.md.')
    .action(async (options) => (await import('./serve.ts')).serve(options));
}

function addWork(tenon: Command): void {
  workOptions(tenon.command('work'))
    .description('perform queued runs, beside servers or in place of them')
    .option('--once', 'perform the next run and end')
    .option('--concurrency <number>', `runs at the same time (env: ${settings.workerConcurrency.variable})`)
    .action(async (connection, options) => (await import('./work.ts')).work(connection, options));
  // As people know them; they are not told of in the help.
  workOptions(tenon.command('queue:work', { hidden: true }))
    .description('perform the next queued run and end')
    .option('--daemon', 'go on with those that come')
    .action(async (connection, { daemon, ...options }) =>
      (await import('./work.ts')).work(connection, { ...options, once: daemon !== true }),
    );
  workOptions(tenon.command('queue:listen', { hidden: true }))
    .description('perform queued runs as they come')
    .action(async (connection, options) => (await import('./work.ts')).work(connection, options));
}

function workOptions(command: Command): Command {
  return storeOptions(command)
    .argument('[connection]', 'queue connection; the default one unless given')
    .option('--queue <names>', 'queues, those before others first: high,low; * for all')
    .option('--timeout <seconds>', `what a run may take; 0: an hour (env: ${settings.queueTimeout.variable})`)
    .option('--sleep <seconds>', 'how long to wait before looking again where no signal comes')
    .option('--tries <number>', `how often a script may fail (env: ${settings.queueTries.variable})`)
    .option('--delay <seconds>', 'how long a failed run waits before it is tried again')
    .addHelpText(
      'after',
      '\nOn SIGTERM runs may end first. What a script says of itself beats these options.',
    );
}

function addDoctor(tenon: Command): void {
  serverOptions(tenon.command('doctor'))
    .description('check whether a server can run here, and say what to do where it cannot')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', '\nChanges nothing. The exit code is 1 when a check fails.')
    .action(async (options) => (await import('./doctor.ts')).doctor(options));
}

function addScript(tenon: Command): void {
  const script = tenon.command('script').description('scripts of a running server').helpCommand(false);
  clientOptions(script.command('push'))
    .description('store files as event scripts')
    .argument('<file...>', 'JavaScript (.js, .mjs, .cjs), TypeScript (.ts), Python (.py) or PHP (.php) files')
    .option('--event <name>', 'event to attach one file to, e.g. hr._table.employees.get.post_process')
    .option('--type <type>', 'nodejs, typescript, python3, php …; by the ending of the file unless given')
    .option('--inactive', 'store without switching on')
    .option('--no-modify', 'let the script refuse, but drop its changes of the event')
    .addHelpText(
      'after',
      "\nWithout --event the name comes from a line '// @event <name>' at the top of the file,\n" +
        'or from {"event": "<name>"} in a JSON file beside it (validate.ts, validate.json).',
    )
    .action(async (files, options) => (await import('./scripts.ts')).pushScripts(files, options));
  clientOptions(script.command('list'))
    .description('list event scripts')
    .option('--json', 'print them as JSON')
    .action(async (options) => (await import('./scripts.ts')).listScripts(options));
  addScriptRun(script);
  addScriptLogs(script);
}

function addScriptRun(script: Command): void {
  clientOptions(script.command('run'))
    .description('run a script once, with an event made up for it; nothing is stored but the run')
    .argument('<script>', 'a file, or the name of a stored event script')
    .option('--on <name>', 'event to run it on; its own unless given')
    .option('--event <json>', 'the event as scripts see it, or @ and a file: {"request":{…},"response":{…}}')
    .option('--method <verb>', 'verb of the request')
    .option('--path <path>', 'path of the request with its query, e.g. hr/_table/employees?limit=5')
    .option('--param <name=value...>', 'query parameters of the request')
    .option('--language <type>', 'nodejs, typescript, python3, php …; by the ending of the file unless given')
    .option('--timeout <ms>', 'how long it may take')
    .option('--json', 'print everything as JSON')
    .addHelpText('after', '\nIt runs as whoever is logged in; calls that it makes are real.')
    .action(async (name, options) => (await import('./script-run.ts')).runScript(name, options));
}

function addScriptLogs(script: Command): void {
  clientOptions(script.command('logs'))
    .description('show recorded runs of scripts: failures, and what printed something')
    .argument('[name]', 'only those of this script')
    .option('--follow', 'go on with those that come')
    .option('--failed', 'only those that failed')
    .option('--limit <number>', 'how many at most', '20')
    .option('--json', 'print each as a line of JSON')
    .action(async (name, options) => (await import('./script-logs.ts')).showLogs(name, options));
}

function addPackages(tenon: Command): void {
  const packages = tenon.command('packages').description('packages that scripts may load').helpCommand(false);
  const scripts = ['--allow-scripts', 'let packages run code of their own while they are installed'] as const;
  const language = ['<language>', 'node, python or php'] as const;
  packageOptions(packages.command('install'))
    .description('install what the lists of packages name, exactly as their lock files say')
    .argument('[language...]', 'node, python, php; all that have a list unless given')
    .option(...scripts)
    .addHelpText('after', '\nThe lists are in the data folder: packages/node, packages/python, packages/php.')
    .action(async (given, options) => (await import('./packages/index.ts')).installPackages(given, options));
  packageOptions(packages.command('add'))
    .description('list packages and install them; servers that run notice')
    .argument(...language)
    .argument('<package...>', 'name, name with a version as npm, pip or Composer take it, or a local path')
    .option(...scripts)
    .action(async (of, specs, options) =>
      (await import('./packages/index.ts')).addPackages(of, specs, options),
    );
  packageOptions(packages.command('remove'))
    .description('take packages away')
    .argument(...language)
    .argument('<name...>')
    .option(...scripts)
    .action(async (of, names, options) =>
      (await import('./packages/index.ts')).removePackages(of, names, options),
    );
  packageOptions(packages.command('list'))
    .description('list the packages that are installed')
    .option('--json', 'print them as JSON')
    .action(async (options) => (await import('./packages/index.ts')).listPackages(options));
}

function addExport(tenon: Command): void {
  doorOptions(tenon.command('export'))
    .description('write the configuration to a file: services, scripts, roles, apps …')
    .option('-o, --output <file>', 'file to write; the standard output unless given')
    .option('--format <format>', 'json, yaml or zip; by the ending of the file, else yaml')
    .option('--only <kinds>', 'only these: service,role,app,event_script,lookup,cors,email_template,limit …')
    .option('--with-secrets', 'with passwords and private lookups, sealed under the passphrase')
    .option('--passphrase-file <file>', 'file that holds the passphrase')
    .option('--include-keys', 'with the API keys of apps')
    .option('--include-users', 'with users and administrators')
    .addHelpText('after', doorHelp)
    .action(async (options, command: Command) =>
      (await import('./export.ts')).exportConfiguration(namedServer(options, command)),
    );
}

function addImport(tenon: Command): void {
  doorOptions(tenon.command('import'))
    .description('make the configuration what a file says')
    .argument('<file>', 'a file that tenon export wrote, or - for the standard input')
    .option('--dry-run', 'only show what would change; the exit code is 2 when something would')
    .option('--passphrase-file <file>', 'file that holds the passphrase of sealed secrets')
    .option('--delete-missing', 'remove records of the kinds in the file that it does not hold')
    .option('--no-overwrite', 'leave records alone that are there')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print what changes as JSON')
    .addHelpText('after', doorHelp)
    .action(async (file, options, command: Command) =>
      (await import('./import.ts')).importConfiguration(file, namedServer(options, command)),
    );
}

const doorHelp =
  '\nWithout --server it is the server on this machine or, when none runs, the data folder (TENON_HOME).';

function doorOptions(command: Command): Command {
  return clientOptions(command).option('--home <folder>', 'data folder, to be opened without a server');
}

function namedServer<Options>(options: Options, command: Command): Options & { isServerNamed: boolean } {
  return { ...options, isServerNamed: command.getOptionValueSource('server') !== 'default' };
}

function addSecrets(tenon: Command): void {
  const secrets = tenon.command('secrets').description('secrets that are kept sealed').helpCommand(false);
  const json = ['--json', 'print it as JSON'] as const;
  storeOptions(secrets.command('rotate'))
    .description('seal everything with a new master key; may run while servers do')
    .option(
      '--key-file <file>',
      'file with the new key (32 bytes as base64 or hex); a random one unless given',
    )
    .option(...json)
    .addHelpText(
      'after',
      '\nWith TENON_MASTER_KEY: put the new key there and the old one into TENON_MASTER_KEY_PREVIOUS first.' +
        '\nIt logs everybody out. Killed in the middle, it leaves a readable system; run it again then.',
    )
    .action(async (options) => (await import('./secrets.ts')).rotateSecrets(options));
  storeOptions(secrets.command('list'))
    .description('name what lies sealed, and the key that it is sealed with; never what is in it')
    .option(...json)
    .action(async (options) => (await import('./secrets.ts')).listSecrets(options));
}

function storeOptions(command: Command): Command {
  return command
    .option('--home <folder>', described('home'))
    .option('--database-url <url>', described('databaseUrl'));
}

function packageOptions(command: Command): Command {
  return command.option('--home <folder>', described('home'));
}

function serverOptions(command: Command): Command {
  return command
    .option('--host <address>', described('host'))
    .option('--port <number>', described('port'))
    .option('--home <folder>', described('home'))
    .option('--database-url <url>', described('databaseUrl'));
}

// Not commander's own defaults and variables: the configuration reads both, and refuses bad ones by name.
function described(name: 'host' | 'port' | 'home' | 'databaseUrl'): string {
  const { meaning, fallback, variable } = settings[name];
  return `${meaning} (${fallback === '' ? '' : `default: "${fallback}", `}env: ${variable})`;
}

function clientOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--server <url>', 'address of the server')
        .env('TENON_SERVER')
        .default('http://127.0.0.1:8080'),
    )
    .addOption(new Option('--token <token>', 'session token of an administrator').env('TENON_TOKEN'))
    .addOption(
      new Option('--email <email>', 'administrator to log in as, where no token is given').env(
        'TENON_ADMIN_EMAIL',
      ),
    )
    .addOption(
      new Option('--password <password>', 'password of that administrator').env('TENON_ADMIN_PASSWORD'),
    );
}
