// The verbs of `tenon queue`, and the spellings that came before them.
import type { Command } from 'commander';
import type { QueueCommandOptions } from './queue.ts';

/** What all verbs take to find what they ask. */
export interface DoorForm {
  doorOptions(command: Command): Command;
  readonly doorHelp: string;
  namedServer<Options>(options: Options, command: Command): Options & { isServerNamed: boolean };
}

type Given = Omit<QueueCommandOptions, 'isServerNamed'>;

const load = () => import('./queue.ts');

/** Adds `queue` and its verbs. */
export function addQueue(tenon: Command, form: DoorForm): void {
  const queue = tenon.command('queue').description('queues and the runs in them').helpCommand(false);
  addReading(queue, form);
  addChanging(queue, form);
  addQueueSettings(queue, form);
  addOldSpellings(tenon, form);
}

function addReading(queue: Command, form: DoorForm): void {
  const { doorOptions, doorHelp } = form;
  doorOptions(narrowed(queue.command('failed')))
    .description('list runs that failed for good, the newest first')
    .option('--limit <number>', 'how many at most', '50')
    .option('--json', 'print them as JSON')
    .addHelpText('after', doorHelp)
    .action(async (...given) => (await load()).listFailed(optionsOf(form, given)));
  doorOptions(narrowed(queue.command('list')))
    .description('list runs, the newest first')
    .option('--state <states>', 'only these: ready,running,done,failed,cancelled,quarantined')
    .option('--limit <number>', 'how many at most', '50')
    .option('--json', 'print them as JSON')
    .addHelpText('after', doorHelp)
    .action(async (...given) => (await load()).listRuns(optionsOf(form, given)));
  doorOptions(queue.command('show'))
    .description('show everything of a run: its attempts, what they printed, and what it was queued with')
    .argument('<id>', 'number or id of the run')
    .option('--json', 'print it as JSON')
    .addHelpText('after', doorHelp)
    .action(async (id, ...given) => (await load()).showRun(id, optionsOf(form, given)));
  doorOptions(narrowed(queue.command('stats')))
    .description('show how much waits, runs and failed in each queue')
    .option('--json', 'print it as JSON')
    .addHelpText('after', doorHelp)
    .action(async (...given) => (await load()).showStats(optionsOf(form, given)));
}

function addChanging(queue: Command, form: DoorForm): void {
  const { doorOptions, doorHelp } = form;
  const ids = ['<id...>', "numbers or ids of runs, or 'all'"] as const;
  doorOptions(narrowed(queue.command('retry')))
    .description('start runs anew, with all their tries')
    .argument(...ids)
    .option('--state <states>', "with 'all': failed,quarantined unless given; also cancelled")
    .addHelpText('after', `${doorHelp}\nThe exit code is 1 when a run that was named could not be.`)
    .action(async (keys, ...given) => (await load()).changeRuns('retry', keys, optionsOf(form, given)));
  doorOptions(narrowed(queue.command('cancel')))
    .description('stop runs that wait, and those that run')
    .argument(...ids)
    .option('--state <states>', "with 'all': ready,running unless given")
    .addHelpText('after', `${doorHelp}\nThe exit code is 1 when a run that was named could not be.`)
    .action(async (keys, ...given) => (await load()).changeRuns('cancel', keys, optionsOf(form, given)));
  doorOptions(queue.command('forget'))
    .description('drop runs that have ended')
    .argument('<id...>', 'numbers or ids of runs')
    .addHelpText('after', `${doorHelp}\nThe exit code is 1 when a run that was named could not be.`)
    .action(async (keys, ...given) => (await load()).changeRuns('forget', keys, optionsOf(form, given)));
  doorOptions(narrowed(queue.command('flush')))
    .description('drop all runs that failed for good')
    .addHelpText('after', doorHelp)
    .action(async (...given) => (await load()).flushRuns(optionsOf(form, given)));
}

function addQueueSettings(queue: Command, form: DoorForm): void {
  const { doorOptions, doorHelp } = form;
  const connection = ['--connection <name>', 'of this connection; the default one unless given'] as const;
  for (const [verb, isPaused, what] of [
    ['pause', true, 'start no more runs of a queue'],
    ['resume', false, 'start runs of a queue again'],
  ] as const) {
    doorOptions(queue.command(verb))
      .description(what)
      .argument('<queue>', 'name of the queue, or connection:name')
      .option(...connection)
      .addHelpText('after', doorHelp)
      .action(async (name, ...given) => (await load()).pauseQueue(name, isPaused, optionsOf(form, given)));
  }
  doorOptions(queue.command('limit'))
    .description('show what a queue allows of all workers together, or set it')
    .argument('<queue>', 'name of the queue, or connection:name')
    .option(...connection)
    .option('--concurrency <number>', "how many runs at once, or 'none'")
    .option('--rate <rate>', "how many may start in a time: 10/minute, 100/hour, 5/30 (seconds), or 'none'")
    .option('--json', 'print it as JSON')
    .addHelpText('after', doorHelp)
    .action(async (name, ...given) =>
      (await import('./queue-limit.ts')).limitQueue(name, optionsOf(form, given)),
    );
  doorOptions(queue.command('restart'))
    .description('let all workers end the runs that they have and begin anew')
    .addHelpText('after', doorHelp)
    .action(async (...given) => (await load()).restartWorkers(optionsOf(form, given)));
}

// As people know them; they are not told of in the help.
function addOldSpellings(tenon: Command, form: DoorForm): void {
  const { doorOptions } = form;
  const old = (verb: string) => tenon.command(`queue:${verb}`, { hidden: true });
  doorOptions(narrowed(old('failed')))
    .option('--limit <number>', 'how many at most', '50')
    .option('--json', 'print them as JSON')
    .action(async (...given) => (await load()).listFailed(optionsOf(form, given)));
  doorOptions(narrowed(old('flush'))).action(async (...given) =>
    (await load()).flushRuns(optionsOf(form, given)),
  );
  doorOptions(narrowed(old('retry')))
    .argument('<id...>', "numbers or ids of runs, or 'all'")
    .action(async (keys, ...given) => (await load()).changeRuns('retry', keys, optionsOf(form, given)));
  doorOptions(old('forget'))
    .argument('<id...>', 'numbers or ids of runs')
    .action(async (keys, ...given) => (await load()).changeRuns('forget', keys, optionsOf(form, given)));
  doorOptions(old('restart')).action(async (...given) =>
    (await load()).restartWorkers(optionsOf(form, given)),
  );
  for (const verb of ['table', 'failed-table']) {
    old(verb).action(async () => (await load()).explainTables());
  }
}

function narrowed(command: Command): Command {
  return command
    .option('--connection <name>', 'only of this connection')
    .option('--queue <name>', 'only of this queue');
}

// What commander gives behind the arguments: the options, and the command itself.
function optionsOf(form: DoorForm, given: readonly unknown[]): QueueCommandOptions {
  const [options, command] = given as [Given, Command];
  return form.namedServer(options, command);
}
