import { replayVectors } from './vectors.ts';

replayVectors({ language: 'php', replayed: 116 });
