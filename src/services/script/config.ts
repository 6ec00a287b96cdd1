// The configuration of a scripted service: its script, where it comes from, and how it runs and is cached.
// Invariant: an active service has a script that runs when it is called; what this release can not do is
// refused by name when it is stored.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { HandlerSource, ScriptHandlers } from '../../core/script.ts';
import type { ConfigField, ServiceDraft } from '../../core/service.ts';

type Config = Readonly<Record<string, unknown>>;

const field = (name: string, type: ConfigField['type'], given: Partial<ConfigField>): ConfigField => ({
  ...{ name, type, label: name, description: '', required: false, default: null },
  ...given,
});

/** The fields of the configuration, in the order in which they are listed. */
export const scriptConfig: readonly ConfigField[] = [
  field('content', 'text', {
    label: 'Content',
    description: 'The script. It is run for every call of the service.',
    default: '',
    // Lookups in scripts are those of whoever calls, and bound as values.
    isVerbatim: true,
  }),
  field('config', 'object', {
    label: 'Options',
    description:
      'Options of the script: timeout_ms, lookups (false: {name} in its texts stays as it is), and for ' +
      'queued scripts queue, connection and delay.',
    isVerbatim: true,
  }),
  field('run_as_role_id', 'integer', {
    label: 'Run as role',
    description: 'Id of the role in whose name the script calls the platform; without, that of its caller.',
  }),
  field('queued', 'boolean', {
    label: 'Queued',
    description: 'Answer 202 at once and run the script later.',
    default: false,
  }),
  field('implements_access_list', 'boolean', {
    label: 'Implements access list',
    description: 'The script itself answers GET with as_access_list=true.',
    default: false,
  }),
  field('cache_enabled', 'boolean', {
    label: 'Cache answers',
    description: 'Keep successful answers to GET.',
    default: false,
  }),
  field('cache_ttl', 'integer', {
    label: 'Cache lifetime',
    description: 'How many seconds an answer is kept; 0: five minutes.',
    default: 0,
  }),
  field('storage_service_id', 'integer', {
    label: 'Storage service',
    description: 'Id of the service that holds the script, where it is linked.',
  }),
  field('storage_path', 'string', {
    label: 'Storage path',
    description: 'Path of a linked script in its service.',
  }),
  field('scm_repository', 'string', {
    label: 'Repository',
    description: 'Repository of a linked script.',
  }),
  field('scm_reference', 'string', {
    label: 'Branch or tag',
    description: 'Branch, tag or commit of a linked script.',
  }),
];

/** The configuration to store: text is trimmed, as recorded. Throws for what can not be run as it is. */
export function prepareConfig(handlers: ScriptHandlers, language: string, draft: ServiceDraft): Config {
  const content = textOf(draft.config.content).trim();
  handlers.check(sourceOf(draft.name, language, { ...draft.config, content }));
  const { cache_ttl: seconds } = draft.config;
  if (typeof seconds === 'number' && (seconds < 0 || seconds > limits.answerCacheSeconds)) {
    throw invalid('cache_ttl', `must be from 0 to ${limits.answerCacheSeconds} seconds`);
  }
  if (draft.isActive) checkActive(draft.name, { ...draft.config, content });
  return Object.hasOwn(draft.config, 'content') ? { ...draft.config, content } : draft.config;
}

/** The script of a service. */
export function sourceOf(service: string, language: string, config: Config): HandlerSource {
  const { run_as_role_id: roleId } = config;
  return {
    name: `service.${service}`,
    language,
    content: textOf(config.content),
    config: optionsOf(config),
    ...(typeof roleId === 'number' ? { runAsRoleId: roleId } : {}),
    ...(config.queued === true ? { isQueued: true } : {}),
  };
}

function checkActive(name: string, config: Config): void {
  const isLinked = [config.storage_service_id, config.storage_path, config.scm_repository].some(isGiven);
  if (isLinked && config.content === '') {
    throw invalid(
      'content',
      `is empty while '${name}' is active: its script is linked (storage_service_id), and this release can ` +
        'not load linked scripts yet. Give the content here, or set is_active to false',
    );
  }
}

function optionsOf({ config }: Config): Config {
  return typeof config === 'object' && config !== null && !Array.isArray(config) ? (config as Config) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function invalid(name: string, problem: string): PlatformError {
  return new PlatformError('service.invalid_config', `Field 'config.${name}' ${problem}.`);
}
