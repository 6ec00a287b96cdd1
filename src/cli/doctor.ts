// `tenon doctor`: says of everything a server needs whether it is there, and what to do where it is not.
// Invariant: changes nothing; what has to be tried is tried on copies and in a folder of its own.
import { type Check, checks, type Finding } from './checks.ts';
import { configOf, type ServerOptions } from './options.ts';

const marks = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

/** Options of `doctor`. */
export interface DoctorOptions extends ServerOptions {
  readonly json?: boolean;
}

/** Runs all checks and prints what they found; exit code 1 when one fails. */
export async function doctor(options: DoctorOptions): Promise<void> {
  const config = configOf(options);
  const findings: (Finding & { name: string })[] = [];
  for (const [name, check] of Object.entries(checks)) {
    findings.push({ name, ...(await tried(check, config)) });
  }
  const isWell = findings.every((finding) => finding.status !== 'fail');
  if (options.json === true) console.log(JSON.stringify({ ok: isWell, checks: findings }, undefined, 2));
  else for (const finding of findings) print(finding);
  if (!isWell) process.exitCode = 1;
}

async function tried(check: Check, config: Parameters<Check>[0]): Promise<Finding> {
  try {
    return await check(config);
  } catch (error) {
    return { status: 'fail', message: error instanceof Error ? error.message : String(error) };
  }
}

function print({ name, status, message, remedy }: Finding & { name: string }): void {
  console.log(`${marks[status]}  ${name.padEnd(16)}  ${message}`);
  if (remedy !== undefined) console.log(`${' '.repeat(24)}→ ${remedy}`);
}
