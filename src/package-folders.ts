// Where the packages of scripts lie, and when they changed. Invariant: the stamp is written last, so whoever
// sees it new sees a whole installation.
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from './core/limits.ts';

/** Languages with packages, by the name of their folder, and the runners that load them. */
export const packageLanguages = { node: 'nodejs', python: 'python3', php: 'php' } as const;

/** A language with packages. */
export type PackageLanguage = keyof typeof packageLanguages;

/** Project folder of a language: its list of packages, its lock file, and what was installed. */
export function packageFolder(home: string, language: PackageLanguage): string {
  return join(home, 'packages', language);
}

/** Folders by runner, as far as something was installed. */
export function packageFolders(home: string): Readonly<Record<string, string>> {
  const languages = Object.keys(packageLanguages) as PackageLanguage[];
  const there = languages.filter((language) => existsSync(packageFolder(home, language)));
  return Object.fromEntries(
    there.map((language) => [packageLanguages[language], packageFolder(home, language)]),
  );
}

/** Tells running servers that the packages of a language are new. */
export function stampPackages(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const fresh = join(folder, `.${stamp}`);
  writeFileSync(fresh, `${new Date().toISOString()}\n`);
  // The renaming also dates the folder: copies of it that were made for runners are then too old.
  renameSync(fresh, join(folder, stamp));
}

const stamp = 'installed.txt';

/** Notices installations while a server runs. */
export class PackageWatch {
  readonly #home: string;
  readonly #known = new Map<PackageLanguage, number>();
  readonly #timer: NodeJS.Timeout;

  constructor({ home, onChange }: { home: string; onChange: (runner: string) => void }) {
    this.#home = home;
    this.#look(() => {});
    this.#timer = setInterval(() => this.#look(onChange), limits.configurationPollMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(tell: (runner: string) => void): void {
    for (const language of Object.keys(packageLanguages) as PackageLanguage[]) {
      const file = join(packageFolder(this.#home, language), stamp);
      const at = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      const isNew = this.#known.get(language) !== at;
      this.#known.set(language, at);
      if (isNew) tell(packageLanguages[language]);
    }
  }
}
