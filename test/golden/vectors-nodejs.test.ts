import { replayVectors } from './vectors.ts';

replayVectors({
  language: 'nodejs',
  replayed: 157,
  waiting: ['s-queued-node: the queue'],
});
