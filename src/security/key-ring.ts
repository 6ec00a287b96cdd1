// The master keys of a server: the one in force, and others that something may still be sealed with while it
// is changed. Invariant: a server that runs finds a new key as soon as something is sealed with it, and seals
// with it from then on; in the data folder there is a readable key for everything at any moment.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { givenKey, keyFiles, loadMasterKey, type MasterKey, readKeyFile } from './master-key.ts';
import { fixedKeys, type Keys } from './secrets.ts';

const names = [keyFiles.current, keyFiles.next, keyFiles.previous];

/** Where the keys of a server are. */
export interface KeySource {
  /** `TENON_MASTER_KEY`; undefined: files in the data folder. */
  readonly given: string | undefined;
  /** `TENON_MASTER_KEY_PREVIOUS`: earlier ones, separated by commas. */
  readonly previous: string | undefined;
  readonly home: string;
}

/** Opens the keys of a server; the key in the data folder is made when there is none. Throws `config.*`. */
export function openKeyRing({ given, previous, home }: KeySource): Keys {
  const earlier = earlierKeys(previous);
  if (given !== undefined) return fixedKeys({ key: givenKey(given), earlier });
  return new KeyFolder({ home, earlier });
}

/** The earlier keys that an operator gave. */
export function earlierKeys(previous: string | undefined): readonly MasterKey[] {
  const texts = (previous ?? '').split(',').map((text) => text.trim());
  return texts.filter((text) => text !== '').map((text) => givenKey(text, 'TENON_MASTER_KEY_PREVIOUS'));
}

interface KeyFolderParts {
  readonly home: string;
  readonly earlier: readonly MasterKey[];
}

/** The keys in a data folder, as they are there. */
class KeyFolder implements Keys {
  readonly #home: string;
  readonly #earlier: readonly MasterKey[];
  #current: MasterKey;
  #others: readonly MasterKey[] = [];
  #mark = '';

  constructor({ home, earlier }: KeyFolderParts) {
    this.#home = home;
    this.#earlier = earlier;
    this.#current = loadMasterKey({ given: undefined, home });
    this.#look();
  }

  // Sealing is rare; a key that was replaced must not be used for a moment longer.
  current(): MasterKey {
    this.#look();
    return this.#current;
  }

  find(id: string): MasterKey | undefined {
    const known = this.#known(id);
    if (known !== undefined) return known;
    this.#look();
    return this.#known(id);
  }

  #known(id: string): MasterKey | undefined {
    return [this.#current, ...this.#others, ...this.#earlier].find((key) => key.id === id);
  }

  // Reads the files when they are others than the last time. A key that was there before goes on to count.
  #look(): void {
    const mark = this.#marks();
    if (mark === this.#mark) return;
    const [now, ...others] = names.map((name) => readKeyFile(join(this.#home, name)));
    this.#others = [...others.filter((key) => key !== undefined), this.#current];
    this.#current = now ?? this.#current;
    this.#mark = mark;
  }

  #marks(): string {
    const stats = names.map((name) => {
      const stat = statSync(join(this.#home, name), { throwIfNoEntry: false, bigint: true });
      return stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs} ${stat.ctimeNs}`;
    });
    return stats.join();
  }
}
