// The program of the thread that compiles. Invariant: answers every message once, with the id that it came
// with.
import { parentPort } from 'node:worker_threads';
import { compileSource, type Source } from './source.ts';

parentPort?.on('message', ({ id, source }: { id: number; source: Source }) => {
  void compileSource(source).then((compiled) => parentPort?.postMessage({ id, compiled }));
});
