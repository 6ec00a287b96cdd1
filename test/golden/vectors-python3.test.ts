import { replayVectors } from './vectors.ts';

replayVectors({ language: 'python3', replayed: 100 });
