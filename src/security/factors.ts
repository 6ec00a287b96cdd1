// The second factor of a login: codes of a device (TOTP, RFC 6238), and recovery codes for when it is lost.
// Invariants: the shared secret is sealed and told once; no code counts twice, neither here nor in another
// process.
import { randomBytes } from 'node:crypto';
import { generateSecret, generateURI, verify } from 'otplib';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Store, UserFactorRecord, UserRecord } from '../core/store.ts';
import { digestOf } from './codes.ts';
import { factorPlace } from './sealed-places.ts';
import type { Secrets } from './secrets.ts';

const issuer = 'Tenon';
const stepSeconds = 30;

/** What second factors are kept with. */
export interface FactorParts {
  readonly store: Store;
  readonly secrets: Pick<Secrets, 'seal' | 'open'>;
}

/** What a device has to know; nobody is told again. */
export interface NewFactor {
  /** Base32. */
  readonly secret: string;
  /** `otpauth://…`, for a QR code. */
  readonly uri: string;
}

/** The second factor of a user, in force or only begun. */
export async function findFactor(
  store: Pick<Store, 'userFactors'>,
  userId: number,
): Promise<UserFactorRecord | undefined> {
  const [factor] = await store.userFactors.list({ userId, kind: 'totp' });
  return factor;
}

/** Whether a login of the user needs a code. */
export async function hasFactor(store: Pick<Store, 'userFactors'>, userId: number): Promise<boolean> {
  return (await findFactor(store, userId))?.isActive === true;
}

/** Begins a second factor, also anew. Throws `request.conflict` where there is one in force. */
export async function startFactor(
  { store, secrets }: FactorParts,
  { id: userId, email }: Pick<UserRecord, 'id' | 'email'>,
): Promise<NewFactor> {
  const secret = generateSecret();
  await store.transaction(async (inside) => {
    const stored = await findFactor(inside, userId);
    if (stored?.isActive === true) {
      throw new PlatformError(
        'request.conflict',
        'There is a second factor already. Delete it before you set up another one.',
      );
    }
    if (stored !== undefined) await inside.userFactors.delete(stored.id);
    const sealed = secrets.seal(secret, factorPlace(userId));
    const begun = { kind: 'totp', secret: sealed, isActive: false, lastStep: 0, recoveryHashes: [] } as const;
    await inside.userFactors.add({ userId, ...begun }, userId);
  });
  return { secret, uri: generateURI({ issuer, label: email, secret }) };
}

/** Puts the factor in force that was begun, if the code is its own; answers the recovery codes then. */
export function activateFactor(
  { store, secrets }: FactorParts,
  userId: number,
  code: string,
): Promise<readonly string[] | undefined> {
  return store.transaction(async (inside) => {
    const stored = await lockedFactor(inside, userId);
    if (stored === undefined || stored.isActive) return undefined;
    const lastStep = await stepOf(secrets, stored, code);
    if (lastStep === undefined) return undefined;
    const codes = Array.from({ length: limits.recoveryCodes }, newRecoveryCode);
    const recoveryHashes = codes.map((each) => digestOf(plain(each)));
    await inside.userFactors.update(stored.id, { isActive: true, lastStep, recoveryHashes }, userId);
    return codes;
  });
}

/** Whether a code of the device or a recovery code is good; it is not good again afterwards. */
export function acceptFactorCode(
  { store, secrets }: FactorParts,
  userId: number,
  code: string,
): Promise<boolean> {
  return store.transaction(async (inside) => {
    const stored = await lockedFactor(inside, userId);
    if (stored?.isActive !== true) return false;
    const lastStep = await stepOf(secrets, stored, code);
    if (lastStep !== undefined) return inside.userFactors.update(stored.id, { lastStep }, userId);
    const digest = digestOf(plain(code));
    if (!stored.recoveryHashes.includes(digest)) return false;
    const recoveryHashes = stored.recoveryHashes.filter((each) => each !== digest);
    return inside.userFactors.update(stored.id, { recoveryHashes }, userId);
  });
}

/** Takes the second factor away; false when there is none. */
export async function removeFactor(store: Pick<Store, 'userFactors'>, userId: number): Promise<boolean> {
  const stored = await findFactor(store, userId);
  return stored !== undefined && store.userFactors.delete(stored.id);
}

// Written before it is read, because that is what makes all databases let others wait: of two who come with
// one code at the same time, the second finds it used.
async function lockedFactor(store: Store, userId: number): Promise<UserFactorRecord | undefined> {
  const found = await findFactor(store, userId);
  if (found === undefined) return undefined;
  await store.userFactors.update(found.id, { kind: 'totp' }, userId);
  return findFactor(store, userId);
}

// The time step of a code that is good now (one step before and after count, clocks differ), if it is later
// than that of the last one.
async function stepOf(
  secrets: FactorParts['secrets'],
  { userId, secret, lastStep }: UserFactorRecord,
  code: string,
): Promise<number | undefined> {
  const token = code.replace(/\s/g, '');
  if (!/^\d{6}$/.test(token)) return undefined;
  const result = await verify({
    secret: secrets.open(secret, factorPlace(userId)),
    token,
    epochTolerance: stepSeconds,
  });
  const step = result.valid && 'timeStep' in result ? result.timeStep : undefined;
  return step !== undefined && step > lastStep ? step : undefined;
}

// 80 bits, in groups that people can copy.
function newRecoveryCode(): string {
  return (randomBytes(10).toString('hex').match(/.{5}/g) ?? []).join('-');
}

function plain(recoveryCode: string): string {
  return recoveryCode.replace(/[\s-]/g, '').toLowerCase();
}
