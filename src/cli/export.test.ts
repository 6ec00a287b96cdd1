import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type ExportOptions, exportConfiguration, readPassphrase } from './export.ts';
import { importConfiguration } from './import.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-export-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Nothing listens there, and nothing is refused here that a server would have to be asked for.
const nobody = { server: 'http://127.0.0.1:1', isServerNamed: true, token: 'none' };

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe('what is refused before anybody is asked', () => {
  const cases: [Partial<ExportOptions>, string, string | undefined][] = [
    [{ format: 'xml' }, "'xml' is no format of an export.", 'Take json, yaml or zip.'],
    [
      { withSecrets: true },
      '--with-secrets needs a passphrase.',
      expect.stringContaining('--passphrase-file'),
    ],
    [
      { withSecrets: true, passphraseFile: file('empty', '\n') },
      expect.stringMatching(/empty is empty/),
      'It must hold the passphrase.',
    ],
    [
      { withSecrets: true, passphraseFile: join(folder, 'none') },
      expect.stringMatching(/none can not be read: ENOENT/),
      undefined,
    ],
  ];

  test.each(cases)('export %j', async (options, message, remedy) => {
    await expect(exportConfiguration({ ...nobody, ...options })).rejects.toMatchObject({ message, remedy });
  });

  test('import without anybody who could be asked, or without a file', async () => {
    const wanted = file('a.yaml', 'tenon_package: 1');
    const options = { ...nobody, overwrite: true };
    await expect(importConfiguration(wanted, options)).rejects.toMatchObject({
      message: 'Nobody is there to be asked.',
      remedy: expect.stringContaining('--yes'),
    });
    await expect(importConfiguration(join(folder, 'none'), { ...options, yes: true })).rejects.toThrow(
      /none can not be read/,
    );
  });

  test('a server that was named and does not answer', async () => {
    await expect(exportConfiguration(nobody)).rejects.toThrow(/No server answers at http:\/\/127\.0\.0\.1:1/);
  });
});

test.each([
  ['a passphrase\n', 'a passphrase'],
  ['a passphrase\r\n', 'a passphrase'],
  [' with space  ', ' with space  '],
  ['two\nlines\n', 'two\nlines'],
])('the passphrase in %j', (text, passphrase) => {
  expect(readPassphrase(file('pass', text))).toBe(passphrase);
});
