// Which release this is. Invariant: package.json is the only place that says so.
import manifest from '../package.json' with { type: 'json' };

/** The version of this release, e.g. `0.1.0`. */
export const version: string = manifest.version;
