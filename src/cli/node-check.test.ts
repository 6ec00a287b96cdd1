import { expect, it } from 'vitest';
import type { NodeRecord } from '../core/node.ts';
import { findingOf } from './node-check.ts';

const server: NodeRecord = {
  ...{ id: 'a', host: 'north', hostMark: 'n', pid: 7, kind: 'serve', url: 'http://127.0.0.1:8080' },
  ...{ version: '1.2.3', queues: [], isDraining: false, startedDate: 1, seenDate: 2, isAlive: true },
};
const worker: NodeRecord = { ...server, id: 'b', host: 'south', kind: 'work', url: null };

it('counts and names those that are there', () => {
  expect(findingOf([server, worker, { ...worker, id: 'c', isDraining: true }])).toEqual({
    status: 'ok',
    message:
      '1 server, 2 workers; north (http://127.0.0.1:8080, pid 7) 1.2.3; south (work, pid 7) 1.2.3; ' +
      'south (work, pid 7) 1.2.3, about to end',
  });
});

it('says so when there is none', () => {
  expect(findingOf([])).toEqual({ status: 'ok', message: 'none is running' });
  expect(findingOf(undefined)).toEqual({ status: 'ok', message: 'none is running' });
});

it('warns of different versions', () => {
  const found = findingOf([server, { ...worker, version: '1.3.0' }]);
  expect(found).toMatchObject({ status: 'warn', message: expect.stringContaining('1.2.3 and 1.3.0') });
});

it('warns of those that are lost, and does not count them or their versions', () => {
  const found = findingOf([server, { ...worker, version: '1.0.0', isAlive: false }]);
  expect(found).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(/^1 server; .*lost: south \(work, pid 7\) 1\.0\.0$/),
    remedy: expect.stringContaining('log'),
  });
});
