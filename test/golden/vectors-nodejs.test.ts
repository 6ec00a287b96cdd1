import { replayVectors } from './vectors.ts';

replayVectors({
  language: 'nodejs',
  replayed: 154,
  waiting: [
    'e-pre-response-then-post-event-node: the language php',
    'e-nested-fires-post-script-node: the language php',
    'e-nested-as-user-node: the language php',
    's-queued-node: the queue',
  ],
});
