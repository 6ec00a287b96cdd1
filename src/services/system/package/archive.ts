// Packages as zip files: `package.json` says what is in them, `system/{kind}.json` holds the records.
// Invariant: a file of a zip is unpacked only when its name is one of ours and its size is within what may be
// held; nothing is ever written to a disk.

import { readJson } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import { isObject, type Written } from '../request.ts';
import { refused } from './document.ts';

const head = 'package.json';
// Zip files begin in 1980; without a time of their own the same configuration gives the same file.
const epoch = '1980-01-01T12:00:00';

/** Whether bytes are meant to be a zip file. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 0x03 || bytes[2] === 0x05);
}

/** The zip file of a document. */
export async function zipOf(document: Written): Promise<Uint8Array> {
  const { zipSync, strToU8 } = await import('fflate');
  const own = Object.entries(document).filter(([, value]) => !Array.isArray(value));
  const kinds = Object.entries(document).filter(([, value]) => Array.isArray(value));
  const files = [
    [head, Object.fromEntries(own)] as const,
    ...kinds.map(([kind, records]) => [`system/${kind}.json`, { resource: records }] as const),
  ];
  const entries = files.map(
    ([name, value]) => [name, strToU8(`${JSON.stringify(value, null, 2)}\n`)] as const,
  );
  return zipSync(Object.fromEntries(entries), { level: 6, mtime: epoch });
}

/** The document in a zip file. Throws `request.invalid_record` or `request.too_large` for what is none. */
export async function unzipped(bytes: Uint8Array): Promise<Written> {
  const files = await unpack(bytes);
  const first = files.get(head);
  if (first === undefined) throw refused(`The zip file has no '${head}'.`);
  const document: Record<string, unknown> = { ...objectOf(head, first) };
  for (const [name, content] of files) {
    const kind = kindOf(name);
    if (kind !== undefined) document[kind] = recordsOf(name, content);
  }
  return document;
}

async function unpack(bytes: Uint8Array): Promise<ReadonlyMap<string, Uint8Array>> {
  const { unzipSync } = await import('fflate');
  let total = 0;
  let count = 0;
  const seen = new Set<string>();
  try {
    const files = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        count++;
        total += originalSize;
        if (count > limits.packageFiles)
          throw refused(`The zip file has more than ${limits.packageFiles} files.`);
        if (total > limits.packageBytes) throw tooLarge();
        if (name.endsWith('/')) return false;
        if (name !== head && kindOf(name) === undefined) throw foreign(name);
        if (seen.has(name)) throw refused(`The zip file has two files '${name}'.`);
        seen.add(name);
        return true;
      },
    });
    const held = Object.entries(files);
    // What a file says of its size is the word of whoever made it.
    if (held.reduce((sum, [, content]) => sum + content.length, 0) > limits.packageBytes) throw tooLarge();
    return new Map(held);
  } catch (thrown) {
    if (thrown instanceof PlatformError) throw thrown;
    throw refused('It is no zip file that can be read.');
  }
}

function kindOf(name: string): string | undefined {
  return /^system\/([a-z_]{1,40})\.json$/.exec(name)?.[1];
}

function objectOf(name: string, content: Uint8Array): Written {
  const value = contentOf(name, content);
  if (isObject(value)) return value;
  throw refused(`The file '${name}' must hold an object.`);
}

function recordsOf(name: string, content: Uint8Array): unknown {
  const value = contentOf(name, content);
  return isObject(value) && Object.hasOwn(value, 'resource') ? value.resource : value;
}

function contentOf(name: string, content: Uint8Array): unknown {
  try {
    return readJson(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (thrown) {
    const reason = thrown instanceof PlatformError ? thrown.message : 'It is not UTF-8 text.';
    throw refused(`The file '${name}' can not be read. ${reason}`);
  }
}

function foreign(name: string): PlatformError {
  const shown = name.slice(0, 80).replace(/[^\w./ -]/g, '?');
  return refused(`The zip file has a file '${shown}'; packages have ${head} and system/….json only.`);
}

function tooLarge(): PlatformError {
  const message = `The package is larger than ${limits.packageBytes} bytes when it is unpacked.`;
  return new PlatformError('request.too_large', message);
}
