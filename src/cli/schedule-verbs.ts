// The verbs of `tenon schedule`, and the spellings that came before them.
import type { Command } from 'commander';
import { settings } from '../config.ts';
import type { DoorForm } from './queue-verbs.ts';
import type { ScheduleOptions } from './schedule.ts';

type Given = Omit<ScheduleOptions, 'isServerNamed'>;

const load = () => import('./schedule.ts');
const json = ['--json', 'print it as JSON'] as const;
const names = ['<schedule...>', 'names or ids of schedules'] as const;
const exitText = '\nThe exit code is 1 when a schedule that was named could not be.';

/** Adds `schedule` and its verbs. */
export function addSchedule(tenon: Command, form: DoorForm): void {
  const schedule = tenon
    .command('schedule')
    .description('calls that the clock makes, and what came of them')
    .helpCommand(false);
  addReading(schedule, form);
  addDoing(schedule, form);
  addMaking(schedule, form);
  addOldSpellings(tenon, form);
}

function addReading(schedule: Command, form: DoorForm): void {
  const { doorOptions, doorHelp } = form;
  doorOptions(schedule.command('list'))
    .description('list schedules: when they come, and what came of it last')
    .option(...json)
    .addHelpText('after', doorHelp)
    .action(async (...given) => (await load()).listSchedules(optionsOf(form, given)));
  doorOptions(schedule.command('show'))
    .description('show everything of a schedule')
    .argument('<schedule>', 'name or id')
    .option(...json)
    .addHelpText('after', doorHelp)
    .action(async (name, ...given) => (await load()).showSchedule(name, optionsOf(form, given)));
  doorOptions(schedule.command('runs'))
    .description('list what became of slots, the newest first')
    .argument('[schedule]', 'name or id; all unless given')
    .option('--limit <number>', 'how many at most', '20')
    .option(...json)
    .addHelpText('after', doorHelp)
    .action(async (name, ...given) => (await load()).listRuns(name, optionsOf(form, given)));
  timed(doorOptions(schedule.command('next')))
    .description('show when a schedule comes next, or when one would that is not stored')
    .argument('[schedule]', 'name or id')
    .option('--count <number>', 'how many times', '5')
    .option(...json)
    .addHelpText('after', doorHelp)
    .action(async (name, ...given) => (await load()).showNext(name, optionsOf(form, given)));
}

function addDoing(schedule: Command, form: DoorForm): void {
  const { doorOptions, doorHelp } = form;
  doorOptions(schedule.command('run'))
    .description('start a schedule now, whether or not it is paused')
    .argument('<schedule>', 'name or id')
    .option('--wait', 'wait for the answer to its call and print it; exit code 1 when it failed')
    .option(...json)
    .addHelpText('after', doorHelp)
    .action(async (name, ...given) =>
      (await import('./schedule-run.ts')).runSchedule(name, optionsOf(form, given)),
    );
  for (const [verb, isPaused, what] of [
    ['pause', true, 'keep schedules from coming'],
    ['resume', false, 'let schedules come again; what would have come meanwhile is not missed'],
  ] as const) {
    doorOptions(schedule.command(verb))
      .description(what)
      .argument(...names)
      .addHelpText('after', doorHelp + exitText)
      .action(async (given, ...rest) =>
        (await load()).pauseSchedules(given, isPaused, optionsOf(form, rest)),
      );
  }
}

function addMaking(schedule: Command, form: DoorForm): void {
  const { doorOptions, doorHelp } = form;
  timed(doorOptions(schedule.command('create')))
    .description('store a call that the clock makes')
    .argument('<name>', 'what it is to be called')
    .argument('<call>', 'service and path: hr/_table/employees?limit=1')
    .option('-X, --verb <verb>', 'GET unless given; POST, PUT, PATCH or DELETE')
    .option('--payload <json>', 'what it sends, or @ and a file')
    .option('--overlap <policy>', 'while the run before is not over: skip, queue or allow')
    .option('--missed <policy>', 'what nobody was there for: skip, last, all or all:<most>')
    .option('--jitter <seconds>', 'begin each run so much later at most, at random')
    .option('--tries <number>', 'how often the call may fail; once unless given')
    .option('--timeout <seconds>', `what it may take (env: ${settings.queueTimeout.variable})`)
    .option('--description <text>', 'what it is for')
    .option('--inactive', 'store it paused')
    .option(...json)
    .addHelpText('after', doorHelp)
    .action(async (name, call, ...given) =>
      (await import('./schedule-create.ts')).createSchedule(name, call, optionsOf(form, given)),
    );
  doorOptions(schedule.command('delete'))
    .description('delete schedules, and what is known of their runs')
    .argument(...names)
    .addHelpText('after', doorHelp + exitText)
    .action(async (given, ...rest) => (await load()).deleteSchedules(given, optionsOf(form, rest)));
}

function timed(command: Command): Command {
  return command
    .option('--cron <expression>', "such as '0 2 * * *', or @daily")
    .option('--every <minutes>', 'every so many minutes')
    .option('--time-zone <name>', 'whose clock --cron is about: Europe/Berlin; UTC unless given');
}

// As people know them; they are not told of in the help.
function addOldSpellings(tenon: Command, form: DoorForm): void {
  form
    .doorOptions(tenon.command('schedule:list', { hidden: true }))
    .option(...json)
    .action(async (...given) => (await load()).listSchedules(optionsOf(form, given)));
  // A crontab calls these every minute, with whatever options, and must go on doing so in peace.
  for (const verb of ['schedule:run', 'schedule:work', 'df:scheduled-request']) {
    tenon
      .command(verb, { hidden: true })
      .argument('[words...]')
      .allowUnknownOption()
      .action(async () => (await load()).explainClock());
  }
}

// What commander gives behind the arguments: the options, and the command itself.
function optionsOf(form: DoorForm, given: readonly unknown[]): ScheduleOptions {
  const [options, command] = given as [Given, Command];
  return form.namedServer(options, command);
}
