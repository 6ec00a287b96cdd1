// The check of `tenon doctor` that says what keeps scripts in: it opens the sandbox as the server would.
// Invariant: tells what the self-test found on this machine, not what it should be.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, systemDatabase } from '../config.ts';
import { openSandbox, type SandboxReport } from '../runners/sandbox/index.ts';
import type { Finding } from './checks.ts';

/** What scripts could reach on this machine. */
export async function checkSandbox(config: Config): Promise<Finding> {
  const secrets = [join(config.home, 'master.key'), systemDatabase(config)].filter(existsSync);
  const sandbox = await openSandbox({ secrets, readPaths: config.scriptReadPaths });
  await sandbox.close();
  const { report } = sandbox;
  const message = [`${report.level}, ${describe(report)}`, ...report.notes].join(' ');
  if (report.level < config.sandboxMin)
    return { status: 'fail', message, remedy: remedyOf(config.sandboxMin) };
  if (report.level === 'L2') return { status: 'ok', message };
  return { status: 'warn', message, remedy: remedyOf('L2') };
}

function describe({ launcher, landlock, dropsUser, probes }: SandboxReport): string {
  if (launcher === 'shell') return 'limits set by the shell.';
  const attempts = Object.values(probes);
  const blocked = attempts.filter((result) => result === 'blocked').length;
  const parts = [
    landlock === 0 ? 'no Landlock' : `Landlock ${landlock}`,
    'seccomp',
    dropsUser ? 'a user for each process' : 'the user of the server',
    `by ${launcher}`,
  ];
  return `${parts.join(', ')}: ${blocked} of ${attempts.length} attacks blocked.`;
}

function remedyOf(level: string): string {
  if (level === 'L1') return 'Start the server as a user that is not root, or install Perl or Python 3.';
  return 'Scripts are kept in by Linux 5.13 or later with Landlock, and Perl or Python 3 to set it up.';
}
