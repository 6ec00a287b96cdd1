// Packages as text that people keep in their repositories. Invariant: whatever text comes gives a value that
// JSON could hold, within its depth, or is refused; aliases cannot make a small text a large value.
import { readJson } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { refused } from './document.ts';

/** The value of text that is JSON or YAML. Throws `request.*` for any other. */
export async function readYaml(
  bytes: Uint8Array,
  { isJson }: { readonly isJson: boolean },
): Promise<unknown> {
  const text = textOf(bytes);
  if (isJson || /^\s*\{/.test(text)) return readJson(text);
  const { parse } = (await import('yaml')).default;
  try {
    // JSON has no aliases, and a package has nothing to say twice.
    return readJson(JSON.stringify(parse(text, { maxAliasCount: 0, schema: 'core' })) ?? 'null');
  } catch (thrown) {
    if (thrown instanceof PlatformError) throw thrown;
    const [problem = ''] = thrown instanceof Error ? thrown.message.split('\n') : [];
    throw refused(`It is no YAML that can be read: ${problem.replace(/:$/, '')}.`);
  }
}

/** The text of a document as YAML. */
export async function writeYaml(value: unknown): Promise<string> {
  const { stringify } = (await import('yaml')).default;
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refused('It is neither a zip file nor UTF-8 text.');
  }
}
