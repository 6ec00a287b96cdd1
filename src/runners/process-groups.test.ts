// Memory of groups, measured on real processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import { ProcessGroups } from './process-groups.ts';

const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) process.kill(-(child.pid ?? 0), 'SIGKILL');
});

/** A group whose leader starts a child that holds 60 MB. */
async function startGroup(): Promise<number> {
  const hold = 'const held = Buffer.alloc(6e7, 1); console.log(held.length); setInterval(() => held, 1e6);';
  const lead = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(hold)}], {stdio: "inherit"})`;
  const child = spawn(process.execPath, ['-e', lead], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child.pid ?? 0;
}

describe.runIf(process.platform === 'linux')('the memory of a group', () => {
  it('is that of all its processes', async () => {
    const group = await startGroup();
    const bytes = new ProcessGroups().memory(group, 0);
    expect(bytes).toBeGreaterThan(6e7);
    expect(bytes).toBeLessThan(6e8);
  });

  it('is not that of others', async () => {
    await startGroup();
    const [first, second] = [await startGroup(), await startGroup()];
    const groups = new ProcessGroups();
    expect(groups.memory(first, 0) / groups.memory(second, 0)).toBeGreaterThan(0.5);
    expect(groups.memory(first, 0) / groups.memory(second, 0)).toBeLessThan(2);
  });

  it('is looked at now and then, not every time', async () => {
    const groups = new ProcessGroups();
    expect(groups.memory(4_194_304, 0)).toBe(0);
    const group = await startGroup();
    expect(groups.memory(group, limits.runnerLookMs - 1)).toBe(0);
    expect(groups.memory(group, limits.runnerLookMs)).toBeGreaterThan(6e7);
  });
});
