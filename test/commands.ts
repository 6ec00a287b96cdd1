// `tenon …` as a person types it, each time in a process of its own.
// Invariant: a command sees PATH and what the test gives it, nothing else of the environment of the tests.
import { spawn } from 'node:child_process';
import { tenonProgram } from './program.ts';

const cli = tenonProgram();

/** How a command ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Variables of a command; undefined ones are left out. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Where commands are typed. */
export interface Terminal {
  readonly folder: string;
  /** What commands see unless a call of `run` says otherwise; asked for at each call. */
  variables(): Variables;
}

/** Types commands in a folder. */
export function terminal({ folder, variables }: Terminal) {
  return (args: readonly string[], over: Variables = {}): Promise<Ended> => {
    const given = Object.entries({ ...variables(), ...over }).filter(([, value]) => value !== undefined);
    const env = { PATH: process.env.PATH ?? '', ...Object.fromEntries(given) };
    const child = spawn(process.execPath, [cli, ...args], {
      env,
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      said.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      said.stderr += chunk;
    });
    return new Promise((done) => child.once('close', (code) => done({ code, ...said })));
  };
}
