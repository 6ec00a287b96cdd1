import { replayVectors } from './vectors.ts';

replayVectors({
  language: 'python3',
  replayed: 99,
  waiting: ['s-queued-python3: the queue'],
});
