// The settings of kinds of connections, written shortly.
import type { ConfigField } from '../core/service.ts';

/** What there is to say of a setting: it is a text that may be left out unless something else is said. */
type Said = Partial<ConfigField> & Pick<ConfigField, 'description'>;

/** Settings by their names, in the order in which they are shown. */
export function settingsOf(said: Readonly<Record<string, Said>>): readonly ConfigField[] {
  return Object.entries(said).map(([name, of]) => {
    const label = `${name.slice(0, 1).toUpperCase()}${name.slice(1).replaceAll('_', ' ')}`;
    return { name, label, type: 'string', required: false, default: null, ...of };
  });
}

/** Whether a setting is a whole number between two others, these included. */
export function isBetween(value: unknown, [least, most]: readonly [number, number]): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

/** A port of TCP. */
export const ports = [1, 65_535] as const;

/** Whether a setting may be the name or the address of a server. */
export function isHost(value: unknown): boolean {
  return typeof value === 'string' && /^[\w.:-]{1,253}$/.test(value);
}
