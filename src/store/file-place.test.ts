import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import type { NodePresence } from '../core/node.ts';
import type { Observation } from '../core/observe.ts';
import { checkFileSystem, type FileOwner } from './file-place.ts';
import { createSqliteStore } from './sqlite.ts';

const seen: Observation[] = [];
const owner: FileOwner = { hostMark: 'north', isInsisting: false, observe: (what) => seen.push(what) };
let folder: string;
beforeEach(() => {
  seen.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'tenon-place-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a file system', () => {
  const file = '/data/system.sqlite';

  it.each([
    [0x6969, 'NFS'],
    [0xff534d42, 'SMB'],
    [0xfe534d42, 'SMB'],
    [0x00c36400, 'Ceph'],
    [0x01161970, 'GFS2'],
  ])('of a network (%i) is refused, and warned of when somebody insists', (type, name) => {
    const refused = expect.objectContaining({
      kind: 'config.invalid',
      message: expect.stringMatching(new RegExp(`${name}.*TENON_DATABASE_URL.*TENON_NETWORK_FOLDER`, 's')),
    });
    expect(() => checkFileSystem(file, owner, type)).toThrow(refused);
    expect(seen).toEqual([]);
    checkFileSystem(file, { ...owner, isInsisting: true }, type);
    expect(seen).toMatchObject([{ kind: 'store.doubtful', reason: expect.stringContaining(name) }]);
  });

  it.each([0x65735546, 0x01021997])('that may be one (%i) is warned of, unless somebody insists', (type) => {
    checkFileSystem(file, owner, type);
    expect(seen).toMatchObject([{ kind: 'store.doubtful' }]);
    seen.length = 0;
    checkFileSystem(file, { ...owner, isInsisting: true }, type);
    expect(seen).toEqual([]);
  });

  it('of this machine is well, whether or not the file is there', () => {
    checkFileSystem(file, owner, 0xef53);
    checkFileSystem(join(folder, 'new.sqlite'), owner);
    checkFileSystem(folder, owner);
    expect(seen).toEqual([]);
  });
});

describe('the file of a system database', () => {
  const open = (hostMark: string) =>
    createSqliteStore({ file: join(folder, 'system.sqlite'), owner: { ...owner, hostMark } });

  const beat: NodePresence = {
    ...{ id: 'a', host: 'north.example', hostMark: 'north', pid: 1, kind: 'work', url: null },
    ...{ version: '1', queues: [], isDraining: false },
  };

  it('is opened by processes of one machine alone while one of them is there', async () => {
    const first = await open('north');
    await first.nodes.beat(beat);
    await (await open('north')).close();
    const refusal = {
      kind: 'config.invalid',
      message: expect.stringMatching(`'north.example'.*${limits.nodeLeaseMs / 1_000} s`),
    };
    await expect(open('south')).rejects.toMatchObject(refusal);
    await first.nodes.leave('a');
    await (await open('south')).close();
    await first.close();
  });

  it('may be looked at from anywhere', async () => {
    const first = await open('north');
    await first.nodes.beat(beat);
    const look = await createSqliteStore({ file: join(folder, 'system.sqlite') });
    expect(await look.nodes.list()).toHaveLength(1);
    await look.close();
    await first.close();
  });
});
