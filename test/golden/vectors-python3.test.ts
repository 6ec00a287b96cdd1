import { replayVectors } from './vectors.ts';

replayVectors({
  language: 'python3',
  replayed: 96,
  waiting: [
    'e-pre-response-then-post-event-python3: the language php',
    'e-nested-fires-post-script-python3: the language php',
    'e-nested-as-user-python3: the language php',
    's-queued-python3: the queue',
  ],
});
