// Forms of content beside JSON. Invariant: the libraries of a form are loaded when it is first asked for, so
// that whoever speaks JSON pays nothing.

/** Reads and writes values in one form. */
export interface Format {
  write(value: unknown): string;
  read(text: string): unknown;
}

/** Media types that values can be written in, in the order in which they are tried. */
export const writable = ['application/xml', 'text/csv', 'text/xml'] as const;

/** The form of a media type, if it is one of ours. */
export function formatOf(type: string): Promise<Format> | undefined {
  if (type === 'text/csv')
    return import('./csv.ts').then((csv) => ({ write: csv.writeCsv, read: csv.readCsv }));
  if (type === 'application/xml' || type === 'text/xml') {
    return import('./xml.ts').then((xml) => ({ write: xml.writeXml, read: xml.readXml }));
  }
  return undefined;
}
