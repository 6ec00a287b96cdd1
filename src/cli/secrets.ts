// `tenon secrets`: what lies sealed in the system database, and changing the key that it is sealed with.
// Invariant: neither a secret nor a key is ever printed; ids and names are.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type Config, systemDatabase } from '../config.ts';
import { limits } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { type KeySource, openKeyRing } from '../security/key-ring.ts';
import { listSealed, type Rotated, type RotationStep, rotateMasterKey } from '../security/rotation.ts';
import { Secrets } from '../security/secrets.ts';
import { openSystemStore } from '../store/open.ts';
import { isOnServer } from '../store/place.ts';
import { CommandError } from './failure.ts';
import { configOf, type ServerOptions } from './options.ts';

/** Options of both commands. */
export interface SecretsOptions extends ServerOptions {
  readonly json?: boolean;
}

/** Options of `secrets rotate`. */
export interface RotateOptions extends SecretsOptions {
  /** File with the new key. */
  readonly keyFile?: string;
}

/** Seals everything with a new master key. */
export async function rotateSecrets(options: RotateOptions): Promise<void> {
  const config = configOf(options);
  const { keyFile } = options;
  if (keyFile !== undefined && config.masterKey !== undefined) {
    throw new CommandError('The key comes from TENON_MASTER_KEY.', 'Put the new one there, not into a file.');
  }
  const newKey = keyFile === undefined ? {} : { newKey: readFileSync(keyFile, 'utf8').trim() };
  const onStep = (step: RotationStep) => options.json !== true && console.log(`  ${step}`);
  // Twice the time after which servers look whether something changed.
  const noticed = () => wait(2 * limits.configurationPollMs);
  const done = await withStore(config, (store) =>
    rotateMasterKey({ ...sourceOf(config), ...newKey, store, onStep, noticed }),
  );
  if (options.json === true) console.log(JSON.stringify(done, undefined, 2));
  else tell(done, config);
  if (done.unreadable.length > 0) process.exitCode = 1;
}

/** Names what lies sealed, and with which key. */
export async function listSecrets(options: SecretsOptions): Promise<void> {
  const config = configOf(options);
  const keys = openKeyRing(sourceOf(config));
  const sealed = await withStore(config, (store) => listSealed(store, new Secrets({ keys })));
  const current = keys.current().id;
  if (options.json === true) {
    console.log(JSON.stringify({ current, sealed }, undefined, 2));
    return;
  }
  console.log(`Master key ${current}; ${sealed.length} sealed values`);
  for (const { name, key, isReadable } of sealed) {
    const state = isReadable ? (key === current ? '' : '  (an earlier key)') : '  (CANNOT BE OPENED)';
    console.log(`  ${key}  ${name}${state}`);
  }
}

function tell({ from, to, values, unreadable, isContinued }: Rotated, { masterKey }: Config): void {
  if (isContinued) console.log('An earlier rotation had not come to its end; it has now.');
  console.log(`Master key ${to} in place of ${from.join(', ')}: ${values} values sealed anew.`);
  for (const name of unreadable) console.log(`  cannot be opened, enter it again: ${name}`);
  if (masterKey !== undefined) console.log('Take TENON_MASTER_KEY_PREVIOUS away now.');
  console.log('Everybody was logged out. Restart servers that run, so that they sign with the new key.');
}

async function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  const database = systemDatabase(config);
  if (!isOnServer(database) && !existsSync(database)) {
    throw new CommandError(`There is no system database ${database}.`, 'Name its data folder with --home.');
  }
  const store = await openSystemStore(database);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function sourceOf({ masterKey: given, masterKeyPrevious: previous, home }: Config): KeySource {
  return { given, previous, home };
}
