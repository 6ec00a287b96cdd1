// What is cleared away after servers that were killed, and what never is.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clearLeftovers, ownPrefix } from './leftovers.ts';

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'tenon-test-'));
});

afterEach(() => rmSync(place, { recursive: true, force: true }));

// Above the largest number that Linux gives.
const gone = ownPrefix('nodejs').replace(String(process.pid), '4194305');
const elsewhere = gone.replace(/\d+\./, '17.');

it('removes folders of processes that are gone, with what is in them', async () => {
  mkdirSync(join(place, `${gone}abc`, 'deep'), { recursive: true });
  writeFileSync(join(place, `${gone}abc`, 'deep', 'file'), '');
  mkdirSync(join(place, `${gone.replace('nodejs', 'runtime')}abc`));
  await clearLeftovers(place);
  expect(readdirSync(place)).toEqual([]);
});

it('leaves those of processes that are there, its own, and everything else', async () => {
  const kept = [
    `${ownPrefix('python3').replace(String(process.pid), String(process.ppid))}abc`,
    `${elsewhere}abc`,
    `${ownPrefix('php')}abc`,
    `other-${gone}abc`,
    `tenon-nodejs-abc`,
    `tenon-test-abc`,
  ].sort();
  for (const name of kept) mkdirSync(join(place, name));
  await clearLeftovers(place);
  expect(readdirSync(place).sort()).toEqual(kept);
});

it('removes a link, not what it leads to', async () => {
  mkdirSync(join(place, 'kept'));
  writeFileSync(join(place, 'kept', 'file'), '');
  symlinkSync(join(place, 'kept'), join(place, `${gone}abc`));
  await clearLeftovers(place);
  expect(readdirSync(place)).toEqual(['kept']);
  expect(readdirSync(join(place, 'kept'))).toEqual(['file']);
});
