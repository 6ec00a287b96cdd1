// Changing the master key: a new one is made, all that is sealed is sealed anew with it, and it takes the
// place of the old one. Invariant: at each moment there is a key at hand for everything that is stored, so
// that whoever is killed in the middle leaves a system that can be read, and a rotation that can be finished.
import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';
import { AuditLog, type AuditNote } from './audit.ts';
import { earlierKeys, type KeySource } from './key-ring.ts';
import { givenKey, keyFiles, loadMasterKey, type MasterKey, makeKeyFile, readKeyFile } from './master-key.ts';
import { type SealedValue, sealedValues } from './sealed-values.ts';
import { Secrets, sealedWith } from './secrets.ts';

/** What a rotation has done so far, in this order; each is safe on the disk when it is told. */
export type RotationStep =
  | 'new key'
  | 'sealing'
  | 'sealed'
  | 'old key kept'
  | 'key replaced'
  | 'checked'
  | 'done';

/** What is rotated. */
export interface Rotation extends KeySource {
  readonly store: Store;
  /** The new key for the data folder (32 bytes as base64 or hex); a random one unless given. */
  readonly newKey?: string;
  /** Told of each step. */
  readonly onStep?: (step: RotationStep) => void;
  /** Resolves when servers that run have taken note that something changed. */
  readonly noticed?: () => Promise<void>;
}

/** What became of it. */
export interface Rotated {
  readonly from: readonly string[];
  readonly to: string;
  /** How many values were sealed anew. */
  readonly values: number;
  /** Names of those that no known key opens; they stay as they are. */
  readonly unreadable: readonly string[];
  /** Whether this was the rest of a rotation that did not come to its end. */
  readonly isContinued: boolean;
}

/** Rotates. Throws `config.invalid` when there is nothing to rotate to. */
export function rotateMasterKey(rotation: Rotation): Promise<Rotated> {
  return rotation.given === undefined ? rotateFiles(rotation) : rotateGiven(rotation, rotation.given);
}

/** What lies sealed, by the key it is sealed with. */
export interface SealedView {
  readonly name: string;
  readonly key: string;
  /** Whether a known key opens it. */
  readonly isReadable: boolean;
}

/** Names what lies sealed, and never what is in it. */
export async function listSealed(store: Store, secrets: Secrets): Promise<SealedView[]> {
  return (await sealedValues(store)).map((value) => ({
    name: value.name,
    key: sealedWith(value.sealed) ?? '',
    isReadable: opened(secrets, value) !== undefined,
  }));
}

// The operator changed the variables; what is left to do is to seal anew.
async function rotateGiven(rotation: Rotation, given: string): Promise<Rotated> {
  const { store, onStep } = rotation;
  const key = givenKey(given);
  const earlier = earlierKeys(rotation.previous).filter(({ id }) => id !== key.id);
  if (earlier.length === 0) {
    throw new PlatformError(
      'config.invalid',
      'Put the new key into TENON_MASTER_KEY and the one that it replaces into TENON_MASTER_KEY_PREVIOUS.',
    );
  }
  const done = await reseal(store, { key, earlier, onStep });
  onStep?.('done');
  return { ...done, from: earlier.map(({ id }) => id), to: key.id, isContinued: false };
}

async function rotateFiles(rotation: Rotation): Promise<Rotated> {
  const { store, home, newKey, onStep } = rotation;
  const path = pathsIn(home);
  const old = loadMasterKey({ given: undefined, home });
  const previous = readKeyFile(path.previous);
  const isBegun = existsSync(path.next);
  const earlier = [old, ...(previous === undefined ? [] : [previous]), ...earlierKeys(rotation.previous)];
  // The last step of an earlier rotation is missing: that comes first, and is enough for once.
  if (previous !== undefined && !isBegun) return finish(rotation, { key: old, earlier, isContinued: true });
  const key = makeKeyFile(path.next, newKey);
  if (newKey !== undefined && key.id !== givenKey(newKey).id) throw otherNext();
  onStep?.('new key');
  const first = await reseal(store, { key, earlier, onStep });
  keepOld(path, onStep);
  renameSync(path.next, path.current);
  syncFolder(home);
  onStep?.('key replaced');
  const rest = await finish(rotation, { key, earlier, isContinued: isBegun });
  return { ...rest, values: first.values + rest.values };
}

interface Ending {
  readonly key: MasterKey;
  readonly earlier: readonly MasterKey[];
  readonly isContinued: boolean;
}

// A server that had not taken note yet may have sealed something with the old key meanwhile.
async function finish(rotation: Rotation, { key, earlier, isContinued }: Ending): Promise<Rotated> {
  const { store, home, onStep, noticed } = rotation;
  const path = pathsIn(home);
  await noticed?.();
  const { values, unreadable } = await reseal(store, { key, earlier, isRest: true });
  onStep?.('checked');
  rmSync(path.previous, { force: true });
  syncFolder(home);
  onStep?.('done');
  const from = new Set(earlier.map(({ id }) => id).filter((id) => id !== key.id));
  return { from: [...from], to: key.id, values, unreadable, isContinued };
}

interface Resealing {
  readonly key: MasterKey;
  readonly earlier: readonly MasterKey[];
  readonly onStep?: Rotation['onStep'];
  /** Only what was left over: no new entry and no new key of the audit log, nobody is logged out. */
  readonly isRest?: boolean;
}

/** Seals all that is not sealed with the key; all of it or nothing. */
async function reseal(store: Store, { key, earlier, onStep, isRest = false }: Resealing) {
  const secrets = new Secrets({ key, earlier });
  const done = await store.transaction(async (inside) => {
    const stale = (await sealedValues(inside)).filter(({ sealed }) => sealedWith(sealed) !== key.id);
    const unreadable: string[] = [];
    for (const value of stale) {
      const text = opened(secrets, value);
      if (text === undefined) unreadable.push(value.name);
      else await value.replace(secrets.seal(text, value.place));
    }
    const values = stale.length - unreadable.length;
    if (!isRest) await tell(inside, { secrets, key, earlier, values, unreadable });
    onStep?.('sealing');
    return { values, unreadable };
  });
  onStep?.('sealed');
  return done;
}

interface Told extends Omit<Ending, 'isContinued'> {
  readonly secrets: Secrets;
  readonly values: number;
  readonly unreadable: readonly string[];
}

// Whoever has the old key could sign tokens and entries of the log with it: sessions end, and the log goes on
// with a new key of its own.
async function tell(store: Store, { secrets, key, earlier, values, unreadable }: Told): Promise<void> {
  for (const { id } of await store.users.list()) await store.sessions.closeAll(id, null);
  const note: AuditNote = {
    ...{ action: 'rotate', record: 'master_key', userId: null, userEmail: null, remoteAddress: null },
    door: 'cli',
    before: { keys: [...new Set(earlier.map(({ id }) => id))] },
    after: { key: key.id, values, unreadable: unreadable.length },
  };
  await new AuditLog({ store, secrets }).rotate(note, store);
}

function opened(secrets: Secrets, { sealed, place }: SealedValue): string | undefined {
  try {
    return secrets.open(sealed, place);
  } catch {
    return undefined;
  }
}

type Paths = Readonly<Record<keyof typeof keyFiles, string>>;

function pathsIn(home: string): Paths {
  const entries = Object.entries(keyFiles).map(([role, name]) => [role, join(home, name)]);
  return Object.fromEntries(entries) as Paths;
}

// A copy beside, so that the key in force never lacks; renamed into its place, so that it is whole or not
// there.
function keepOld({ current, previous }: Paths, onStep: Rotation['onStep']): void {
  const aside = `${previous}.part`;
  copyFileSync(current, aside);
  const file = openSync(aside, 'r');
  fsyncSync(file);
  closeSync(file);
  renameSync(aside, previous);
  onStep?.('old key kept');
}

function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

function otherNext(): PlatformError {
  return new PlatformError(
    'config.invalid',
    'A rotation to another key was begun and not finished. Finish it first: run it without a key of ' +
      'your own.',
  );
}
