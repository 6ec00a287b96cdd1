// Accounts of a kind, with `send_invite`: whoever gets one is mailed a code and sets the password himself.
// Invariant: nobody can log in to an account that was made so until the code came back.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import { type AccountKind, accountCollection } from './account.ts';
import { mailCode } from './account-mail.ts';
import { CollectionResource } from './collection.ts';
import type { SystemParts } from './parts.ts';
import { findRecords, flagOption } from './request.ts';
import { answer, type Call, type Resource } from './resource.ts';
import { readUserPolicy, type UserPolicy } from './user-policy.ts';

/** The resource of a kind of accounts. */
export class AccountResource implements Resource {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly #parts: SystemParts;
  readonly #kind: AccountKind;
  readonly #records: CollectionResource;

  constructor(parts: SystemParts, kind: AccountKind) {
    this.#parts = parts;
    this.#kind = kind;
    this.#records = new CollectionResource({ ...parts, collection: accountCollection(parts, kind) });
    this.name = kind.name;
    this.endpoints = this.#records.endpoints;
  }

  handle(call: Call): Promise<Result> {
    const isWrite = call.action !== 'GET' && call.action !== 'DELETE';
    const isInvitation = isWrite && flagOption(call.parameters, 'send_invite');
    return isInvitation ? this.#invite(call) : this.#records.handle(call);
  }

  async #invite(call: Call): Promise<Result> {
    const policy = await readUserPolicy(this.#parts);
    if (policy.invitation === undefined) throw noMail();
    const invited: number[] = [];
    const kind = { ...this.#kind, isInvited: true, needsPassword: false };
    const accounts = accountCollection(this.#parts, kind);
    const collection = {
      ...accounts,
      applied: async (ids: readonly unknown[], by: number | null) => {
        await accounts.applied?.(ids, by);
        invited.push(...ids.map(Number));
      },
    };
    const result = isReminder(call)
      ? await this.#remind(call, invited)
      : await new CollectionResource({ ...this.#parts, collection }).handle(call);
    const failures = await this.#mail(call.operation, policy, invited);
    if (failures.length === 0) return result;
    const warning = `Stored, but ${failures.join(' ')} Send it again with PATCH and send_invite=true.`;
    return { ...result, headers: { ...result.headers, 'X-Tenon-Warning': sendable(warning) } };
  }

  // Nothing is changed then: the account is only read, as its own GET would.
  async #remind(call: Call, invited: number[]): Promise<Result> {
    const [id] = call.path;
    await this.#records.handle({ ...call, action: 'GET', parameters: {} });
    invited.push(Number(id));
    return answer({ id: Number(id) });
  }

  // One after the other: a mail service is no faster for being asked a hundred times at once.
  async #mail(operation: Operation, policy: UserPolicy, ids: readonly number[]): Promise<string[]> {
    const { invitation: mail, codeMinutes: minutes } = policy;
    const failures: string[] = [];
    for (const id of ids) {
      const user = await this.#parts.store.users.get(id);
      if (user === undefined || mail === undefined) continue;
      try {
        await mailCode(this.#parts, { operation, user, purpose: 'invite', minutes, mail });
      } catch (thrown) {
        if (!(thrown instanceof PlatformError)) throw thrown;
        failures.push(`the invitation of ${user.email} failed: ${thrown.message}.`);
      }
    }
    return failures;
  }
}

function isReminder({ action, path, operation }: Call): boolean {
  return action !== 'POST' && path.length > 0 && findRecords(operation).length === 0;
}

// A header holds visible ASCII only.
function sendable(warning: string): string {
  return warning.replace(/[^\x20-\x7e]/g, '?').slice(0, limits.warningChars);
}

function noMail(): PlatformError {
  return new PlatformError(
    'request.invalid_parameter',
    "Parameter 'send_invite' needs a mail service: set invite_email_service_id of the service 'user'.",
  );
}
