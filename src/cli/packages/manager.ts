// What the languages' package managers have in common. Invariant: a manager works in the folder that it is
// given and leaves its list of packages and its lock file there.

/** A package that is installed. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
}

/** How a manager is asked to work. */
export interface ManagerOptions {
  /** Whether packages may run code of their own while they are installed. */
  readonly allowsScripts: boolean;
}

/** Installs the packages of one language. */
export interface PackageManager {
  /** File that lists the packages wanted. */
  readonly list: string;
  /** Installs what is listed, exactly as locked where there is a lock file of this list. */
  install(folder: string): Promise<void>;
  add(folder: string, specs: readonly string[]): Promise<void>;
  remove(folder: string, names: readonly string[]): Promise<void>;
  /** Those that were asked for, as locked. */
  installed(folder: string): readonly InstalledPackage[];
}
