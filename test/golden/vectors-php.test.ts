import { replayVectors } from './vectors.ts';

replayVectors({
  language: 'php',
  replayed: 115,
  waiting: ['s-queued-php: the queue'],
});
