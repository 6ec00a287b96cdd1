import { replayVectors } from './vectors.ts';

replayVectors({
  language: 'nodejs',
  replayed: 153,
  waiting: [
    'e-pre-response-then-post-event-node: the language php',
    'e-nested-fires-post-script-node: the language php',
    'e-nested-as-user-node: the language php',
    's-event-post-modifies-response: the language python3',
    's-queued-node: the queue',
  ],
});
