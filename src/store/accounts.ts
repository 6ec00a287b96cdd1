// How settings, mailed codes, second factors and identities elsewhere are kept. Invariant: none of them is
// configuration that other processes would have to take over; they are read when they are needed.
import type { SettingRecord, UserCodeRecord, UserFactorRecord, UserIdentityRecord } from '../core/store.ts';
import type { DetailKind } from './details.ts';
import { stampKinds } from './records.ts';
import { anyJson, flag, integer, jsonList, oneOf, optionalInteger, text } from './table.ts';

/** How settings are kept. */
export const settingKind: DetailKind<SettingRecord> = {
  table: 'setting',
  noun: 'setting',
  isConfiguration: false,
  kinds: {
    id: integer,
    owner: text,
    userId: optionalInteger,
    name: text,
    value: anyJson,
    ...stampKinds,
  },
};

/** How mailed codes are kept. */
export const userCodeKind: DetailKind<UserCodeRecord> = {
  table: 'user_code',
  noun: 'code',
  isConfiguration: false,
  kinds: {
    id: integer,
    userId: integer,
    purpose: oneOf<UserCodeRecord['purpose']>(),
    codeHash: text,
    expiresDate: text,
    attempts: integer,
    ...stampKinds,
  },
};

/** How second factors are kept. */
export const userFactorKind: DetailKind<UserFactorRecord> = {
  table: 'user_factor',
  noun: 'second factor of this user',
  isConfiguration: false,
  kinds: {
    id: integer,
    userId: integer,
    kind: oneOf<UserFactorRecord['kind']>(),
    secret: text,
    isActive: flag,
    lastStep: integer,
    recoveryHashes: jsonList,
    ...stampKinds,
  },
};

/** How identities elsewhere are kept. */
export const userIdentityKind: DetailKind<UserIdentityRecord> = {
  table: 'user_identity',
  noun: 'identity of this service',
  isConfiguration: false,
  kinds: { id: integer, userId: integer, serviceId: integer, subject: text, ...stampKinds },
};
