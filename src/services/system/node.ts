// The processes that share the system database, for administrators to see. Invariant: what is told is what
// the processes say of themselves, and when they last did by the clock of the database; it cannot be written.
import type { NodeRecord } from '../../core/node.ts';
import type { Store } from '../../core/store.ts';
import type { Collection } from './collection.ts';
import type { Field, Row } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'string' },
  { name: 'host', type: 'string' },
  { name: 'pid', type: 'integer' },
  { name: 'kind', type: 'string' },
  { name: 'url', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'queues', type: 'array' },
  { name: 'is_alive', type: 'boolean' },
  { name: 'is_draining', type: 'boolean' },
  { name: 'started_date', type: 'datetime' },
  { name: 'seen_date', type: 'datetime' },
];

const described = {
  kind: { description: '`serve`: a server; `work`: a worker beside them.' },
  url: { description: 'Where a server listens on its machine.' },
  queues: { description: 'Queues that it works, as `connection:name`.' },
  is_alive: { description: 'Whether it was seen within its lease; one that ended in order is not listed.' },
  is_draining: { description: 'Whether it takes nothing new, because it is about to end.' },
  started_date: { description: 'Since when it is there.' },
  seen_date: { description: 'When it last said that it is there.' },
};

/** The records of `node`. */
export function nodeCollection(): Collection {
  return { name: 'node', noun: 'process', identifier: 'id', fields, described, rows };
}

async function rows(store: Store): Promise<Row[]> {
  return (await store.nodes.list()).map(rowOf);
}

function rowOf(node: NodeRecord): Row {
  const { id, host, pid, kind, url, version, queues, isAlive, isDraining } = node;
  const dates = { started_date: isoDate(node.startedDate), seen_date: isoDate(node.seenDate) };
  return {
    ...{ id, host, pid, kind, url, version, queues },
    ...{ is_alive: isAlive, is_draining: isDraining && isAlive, ...dates },
  };
}

function isoDate(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
