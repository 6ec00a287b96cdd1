// The kinds of transports that there are: one folder each, and one line here.
import { databaseKind } from './database/index.ts';
import { nullKind } from './null/index.ts';
import { syncKind } from './sync/index.ts';
import type { TransportKind } from './transport.ts';

/** Kinds by the name that connections give. */
export const transportKinds: readonly TransportKind[] = [databaseKind, syncKind, nullKind];
