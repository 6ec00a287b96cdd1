// Runs the tools that install packages. Invariant: a tool gets no setting of the server, and its failure is
// the failure of the command.
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { CommandError } from '../failure.ts';

/** A tool to run. */
export interface ToolRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** What to try when it fails. */
  readonly remedy?: string;
  /** True: its output is the answer, and not shown. */
  readonly isQuiet?: boolean;
}

/** Runs a tool and gives what it printed where it is quiet; throws CommandError when it fails. */
export function runTool({ command, args, folder, environment, remedy, isQuiet }: ToolRun): Promise<string> {
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...foreignEnvironment(), ...environment },
    stdio: ['ignore', isQuiet === true ? 'pipe' : 'inherit', 'inherit'],
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new CommandError(`${command} cannot be run: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(new CommandError(`${[command, ...args].join(' ')}: ${signal ?? `exit code ${code}`}`, remedy));
    });
  });
}

/** Finds a tool on PATH; throws CommandError with what to install where it is missing. */
export function findTool(name: string, remedy: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found === undefined) throw new CommandError(`${name} was not found on PATH.`, remedy);
  return found;
}

/** A local path is named from where the person is, and the tools work somewhere else. */
export function absolute(spec: string): string {
  const isLocal = /[\\/]|\.(whl|zip|tgz|tar\.gz)$/.test(spec) && !spec.startsWith('@');
  return isLocal && existsSync(resolve(spec)) ? resolve(spec) : spec;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// Packages may run code while they are installed, where that is allowed.
function foreignEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TENON|DF)_/.test(name)));
}
