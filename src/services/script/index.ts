// The types of scripted services, one per language.
import type { ScriptHandlers } from '../../core/script.ts';
import type { ServiceType } from '../../core/service.ts';
import { prepareConfig, scriptConfig, sourceOf } from './config.ts';
import { flawOf, ScriptService } from './service.ts';

/** A language that services may be written in. */
export interface ScriptLanguage {
  /** Type of its scripts and services: `nodejs`. */
  readonly name: string;
  readonly label: string;
}

/** Makes the service types of languages; `handlers` run their scripts. */
export function scriptServiceTypes(
  languages: readonly ScriptLanguage[],
  handlers: ScriptHandlers,
): ServiceType[] {
  return languages.map(({ name: type, label }) => ({
    name: type,
    label,
    description: `A service whose answers a script in ${label} makes.`,
    group: 'Script',
    singleton: false,
    config: scriptConfig,
    create: (settings) => {
      const handler = handlers.handler(sourceOf(settings.name, type, settings.config));
      return new ScriptService({ type, settings, handler });
    },
    prepare: (draft) => prepareConfig(handlers, type, draft),
    flaw: async ({ name, config }) => {
      const flaw = await handlers.handler(sourceOf(name, type, config)).flaw();
      return flaw === undefined ? undefined : flawOf(name, flaw);
    },
  }));
}
