import { replayVectors } from './vectors.ts';

replayVectors({ language: 'nodejs', replayed: 158 });
