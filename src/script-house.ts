// Everything that runs scripts: runners with their packages, compiler, outgoing calls, and the log of runs.
import type { Config } from './config.ts';
import { limits } from './core/limits.ts';
import type { Observe } from './core/observe.ts';
import type { Handoffs } from './core/outbox.ts';
import type { Runner } from './core/runner.ts';
import type { EventScriptRecord, Store } from './core/store.ts';
import { Egress } from './egress/egress.ts';
import { PackageWatch, packageFolders } from './package-folders.ts';
import { createRunners } from './runners/index.ts';
import type { OpenSandbox } from './runners/sandbox/index.ts';
import { scriptEnvironments } from './script-environment.ts';
import { Compiler } from './scripts/compiler.ts';
import { EventScripts } from './scripts/directory.ts';
import { RunHistory } from './scripts/history.ts';
import { platformConfig } from './scripts/platform.ts';
import { scriptTypes } from './scripts/script-types.ts';
import type { AuditLog } from './security/audit.ts';
import type { Authority } from './security/authority.ts';
import { Elevations } from './security/elevations.ts';
import type { RunTokens } from './security/run-tokens.ts';
import type { ScriptDesk } from './services/system/index.ts';
import { version } from './version.ts';

/** What running scripts takes. */
export interface ScriptHouseParts {
  readonly config: Config;
  readonly store: Store;
  readonly sandbox: OpenSandbox;
  readonly observe: Observe;
  readonly authority: Authority;
  readonly audit: AuditLog;
  readonly runTokens: RunTokens;
  /** Hands runs to the queue; asked for when there is one. */
  readonly handoffs: () => Handoffs;
}

/** Where scripts are run. */
export interface ScriptHouse {
  readonly scripts: EventScripts;
  readonly outgoing: Egress;
  readonly desk: ScriptDesk;
  /** Ends the runs, and keeps what is to be kept of them. */
  close(): Promise<void>;
}

/** Makes the house of scripts; runners start with the first script. */
export function openScriptHouse(parts: ScriptHouseParts): ScriptHouse {
  const { config, store, sandbox, observe, authority, audit, runTokens, handoffs } = parts;
  const { home, scriptEnv, egressAllow } = config;
  const runners = createRunners({
    ...config,
    sandbox,
    observe,
    platformConfig: platform(),
    packages: () => packageFolders(home),
    environments: scriptEnvironments(scriptEnv, home),
  });
  const packages = new PackageWatch({ home, onChange: (language) => runners.get(language)?.refresh?.() });
  const outgoing = new Egress({ allow: egressAllow, observe });
  const compiler = new Compiler({ runners });
  const history = runHistory(config, store, observe);
  const elevations = new Elevations({ authority, audit, observe });
  const queued = { texts: store.scriptTexts, handoffs };
  const running = { runTokens, outgoing, history, elevations, ...queued };
  const scripts = new EventScripts({ compiler, runners, observe, ...running });
  return {
    scripts,
    outgoing,
    desk: scriptDesk({ scripts, authority, history }),
    close: async () => {
      packages.stop();
      await stopRunners(runners);
      await history.close();
      await elevations.flush();
      await outgoing.close();
    },
  };
}

function runHistory(config: Config, { runs }: Store, observe: Observe): RunHistory {
  const { runSample: sample, runRetentionDays: retentionDays, runRetentionCount: retentionCount } = config;
  const history = new RunHistory({ runs, observe, sample, retentionDays, retentionCount });
  history.start();
  return history;
}

interface ScriptDeskParts {
  readonly scripts: EventScripts;
  readonly authority: Authority;
  readonly history: RunHistory;
}

function scriptDesk({ scripts, authority, history }: ScriptDeskParts): ScriptDesk {
  return {
    types: scriptTypes.map(({ name, label, description, sandboxed, supportsInlineExecution }) => ({
      name,
      label,
      description,
      sandboxed,
      supports_inline_execution: supportsInlineExecution,
    })),
    validate: (script) => scripts.check(script),
    flaw: (record) => scripts.flaw(record),
    reload: (records: readonly EventScriptRecord[]) => {
      scripts.load(records, authority.lookupNames());
      void scripts.warm();
      return scripts.kept();
    },
    try: (trial) => scripts.try(trial),
    recorded: () => history.written(),
  };
}

function platform(): Record<string, unknown> {
  return platformConfig({ version, maxRecords: limits.records });
}

async function stopRunners(runners: ReadonlyMap<string, Runner>): Promise<void> {
  await Promise.all([...runners.values()].map((runner) => runner.stop()));
}
