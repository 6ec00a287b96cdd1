// Scripts that run as a role: their own calls are made by whoever set them off, but with that role.
// Invariant: configuration says which role, never code; nothing is done so that is not in the audit log
// first; and a role that is gone or switched off grants nothing.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { Acting, InnerCall, Operation, Principal } from '../core/operation.ts';
import type { AuditLog, AuditNote } from './audit.ts';
import type { Authority } from './authority.ts';

/** What elevations are made with. */
export interface ElevationsParts {
  readonly authority: Pick<Authority, 'generation' | 'withRole'>;
  readonly audit: Pick<AuditLog, 'add'>;
  readonly observe: Observe;
}

/** A call of a script that runs as a role. */
export interface ElevatedCall {
  readonly script: string;
  readonly roleId: number;
  /** What the script runs in. */
  readonly operation: Operation;
  readonly call: InnerCall;
  /** Whether the run made a call before. */
  readonly isCounted: boolean;
}

/** Runs of one script for one user that are told together. */
interface Tally {
  readonly note: AuditNote;
  /** Settled once the first of them is in the log. */
  readonly told: Promise<void>;
  /** Those after the first. */
  more: number;
}

/** Who acts, as long as nothing of roles changes. */
interface Known {
  readonly acting: Acting;
  readonly generation: number;
}

/** Gives scripts the roles that they are to run as. */
export class Elevations {
  readonly #parts: ElevationsParts;
  readonly #known = new WeakMap<Principal, Map<string, Known>>();
  readonly #tallies = new Map<string, Tally>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ElevationsParts) {
    this.#parts = parts;
  }

  /** Who makes a call. Throws `access.forbidden` when the role is gone or switched off. */
  async act(elevated: ElevatedCall): Promise<Acting> {
    const acting = this.#acting(elevated);
    const { elevation } = acting;
    const { call, operation } = elevated;
    if (!elevated.isCounted) {
      const { service, path, action } = call;
      this.#parts.observe({ kind: 'elevated', ...elevation, service, path: path.join('/'), action });
    }
    await this.#told(`${elevation.by}\n${elevation.to}\n${operation.principal.user?.id ?? ''}`, {
      isCounted: elevated.isCounted,
      note: () => noteOf(elevated, acting),
    });
    return acting;
  }

  /** Writes down what was counted; before the end, and once a minute. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const tallies = [...this.#tallies.values()];
    this.#tallies.clear();
    for (const { note, more } of tallies) {
      if (more > 0)
        await this.#parts.audit.add({ ...note, after: { ...(note.after as object), runs: more } });
    }
  }

  // The same principal as long as the caller and the role stay the same: others know what is his by identity.
  #acting({ script, roleId, operation: { principal } }: ElevatedCall): Acting {
    const { authority } = this.#parts;
    const { generation } = authority;
    const known = this.#known.get(principal) ?? new Map<string, Known>();
    this.#known.set(principal, known);
    const key = `${roleId} ${script}`;
    const old = known.get(key);
    if (old?.generation === generation) return old.acting;
    known.delete(key);
    const own = authority.withRole(principal, roleId);
    if (own === undefined) throw gone(script, roleId);
    const acting = { principal: own, elevation: { by: `script ${script}`, to: `role ${own.role?.name}` } };
    known.set(key, { acting, generation });
    return acting;
  }

  // The first run of a minute is in the log before its first call is made; of the others the number follows.
  #told(key: string, run: { readonly isCounted: boolean; readonly note: () => AuditNote }): Promise<void> {
    const known = this.#tallies.get(key);
    if (known !== undefined) {
      if (!run.isCounted) known.more++;
      return known.told;
    }
    const note = run.note();
    const told = this.#parts.audit.add(note);
    if (this.#tallies.size < limits.elevations) this.#tallies.set(key, { note, told, more: 0 });
    // What could not be told is told anew by the next run.
    told.catch(() => this.#tallies.delete(key));
    this.#timer ??= this.#soon();
    return told;
  }

  #soon(): NodeJS.Timeout {
    const flush = () => {
      this.flush().catch((error: unknown) => {
        const reason = `audit: ${error instanceof Error ? error.message : String(error)}`;
        this.#parts.observe({ kind: 'service.failed', service: 'system', reason });
      });
    };
    return setTimeout(flush, limits.elevationMs).unref();
  }
}

function noteOf({ script, operation }: ElevatedCall, { elevation }: Acting): AuditNote {
  const { principal, remoteAddress, origin } = operation;
  return {
    action: 'elevate',
    record: `script/${script}`,
    userId: principal.user?.id ?? null,
    userEmail: principal.user?.email ?? null,
    remoteAddress: remoteAddress ?? null,
    door: origin,
    ...(principal.app === null ? {} : { appId: principal.app.id }),
    before: null,
    after: { ...elevation, runs: 1 },
  };
}

function gone(script: string, roleId: number): PlatformError {
  return new PlatformError(
    'access.forbidden',
    `Access Forbidden. The script '${script}' is to run as role ${roleId}, which does not exist or is not ` +
      'active. An administrator has to give it another role, or none.',
  );
}
