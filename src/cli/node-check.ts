// What `tenon doctor` says of the processes that share the system database.
// Invariant: those that are lost are told apart from those that are there.
import type { NodeRecord } from '../core/node.ts';
import type { Finding } from './checks.ts';

const kinds = [
  ['serve', 'server', 'servers'],
  ['work', 'worker', 'workers'],
] as const;

/** What there is to say of them; undefined: the database tells nothing yet. */
export function findingOf(nodes: readonly NodeRecord[] | undefined): Finding {
  const there = (nodes ?? []).filter(({ isAlive }) => isAlive);
  const lost = (nodes ?? []).filter(({ isAlive }) => !isAlive);
  const versions = [...new Set(there.map(({ version }) => version))].sort();
  const message = [counted(there), ...there.map(described), ...lost.map((node) => `lost: ${described(node)}`)]
    .join('; ')
    .trim();
  if (versions.length > 1) {
    return {
      status: 'warn',
      message: `${message}; versions ${versions.join(' and ')}`,
      remedy: 'Well during an upgrade; otherwise start the older ones anew with the newer version.',
    };
  }
  if (lost.length === 0) return { status: 'ok', message };
  return {
    status: 'warn',
    message,
    remedy: 'Look into the log of that process, and start it again if it is missed.',
  };
}

function counted(there: readonly NodeRecord[]): string {
  const parts = kinds.flatMap(([kind, one, many]) => {
    const count = there.filter((node) => node.kind === kind).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  });
  return parts.length === 0 ? 'none is running' : parts.join(', ');
}

function described({ host, pid, kind, url, version, isDraining }: NodeRecord): string {
  const place = url === null ? `${host} (${kind}, pid ${pid})` : `${host} (${url}, pid ${pid})`;
  return `${place} ${version}${isDraining ? ', about to end' : ''}`;
}
