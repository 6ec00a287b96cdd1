// XML of the API: `<dfapi>` around an answer, lists as repeated elements, and bodies of requests the other
// way round. Invariant: no document type, no entities but the five of XML, no nesting beyond the limit; time
// and memory are linear in the text.
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ValueStream } from '../core/record-stream.ts';

const declaration = '<?xml version="1.0" ?>';

/** The XML of a JSON value. A list at the root becomes `<resource>` elements. */
export function writeXml(value: unknown): string {
  const parts = [declaration];
  writeElement(parts, { name: 'dfapi', value: Array.isArray(value) ? { resource: value } : value, depth: 0 });
  return parts.join('');
}

/** The XML of a list, in portions. */
export async function* streamXml(stream: ValueStream): AsyncGenerator<string> {
  yield `${declaration}<dfapi>\n`;
  for await (const records of stream.portions) {
    const parts: string[] = [];
    for (const value of records) writeElement(parts, { name: 'resource', value, depth: 1 });
    yield parts.join('');
  }
  const meta = await stream.meta();
  const parts: string[] = [];
  if (meta !== undefined) writeElement(parts, { name: 'meta', value: meta, depth: 1 });
  yield `${parts.join('')}</dfapi>\n`;
}

/**
 * The value of XML: children by name, lists where a name repeats, everything else text; the root's own name
 * says nothing. Throws `request.*` for what is malformed or hostile.
 */
export function readXml(text: string): unknown {
  if (text.length > limits.xmlChars) {
    throw new PlatformError(
      'request.too_large',
      `An XML body may have at most ${limits.xmlChars} characters. Send fewer records at a time, or JSON.`,
    );
  }
  if (/<!DOCTYPE/i.test(text)) {
    throw malformed('it has a document type declaration (DOCTYPE), which is not accepted');
  }
  const checked = XMLValidator.validate(text);
  if (checked !== true) {
    const { msg, line } = checked.err;
    throw malformed(`${msg.replace(/\.$/, '').slice(0, 200)} (line ${line})`);
  }
  const roots = Object.values(parse(text));
  if (roots.length !== 1) throw malformed('it must have exactly one root element');
  return roots[0];
}

function parse(text: string): Record<string, unknown> {
  const parser = new XMLParser({
    ignoreAttributes: true,
    ignoreDeclaration: true,
    ignorePiTags: true,
    parseTagValue: false,
    // Space around elements is layout, inside of one without children it is content.
    trimValues: false,
    tagValueProcessor: (_name, text, _path, _hasAttributes, isLeaf) =>
      isLeaf || text.trim() !== '' ? text : '',
    transformTagName: checkName,
    onDangerousProperty: (name) => name,
    // One more than values may nest: the root element is no level of the value.
    maxNestedTags: limits.jsonDepth + 1,
    entityDecoder: {
      decode: decodeEntities,
      setExternalEntities: () => undefined,
      addInputEntities: () => undefined,
      setXmlVersion: () => undefined,
      reset: () => undefined,
    },
  });
  try {
    return parser.parse(text) as Record<string, unknown>;
  } catch (thrown) {
    if (thrown instanceof PlatformError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : '';
    if (/nested tags/i.test(reason)) {
      throw new PlatformError('request.too_deep', `The body nests deeper than ${limits.jsonDepth} levels.`);
    }
    throw malformed('it can not be read');
  }
}

// Names with which careless code reaches a prototype, refused as they are in JSON, by name.
function checkName(name: string): string {
  if (name !== '__proto__' && name !== 'constructor' && name !== 'prototype') return name;
  throw new PlatformError(
    'request.forbidden_key',
    `The body has an element '${name}', which is not accepted.`,
  );
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|\w{1,20});/gi, (whole, name: string) => {
    const known = named[name];
    if (known !== undefined) return known;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    const isCharacter = name.startsWith('#') && code > 0 && code <= 0x10ffff && !isSurrogate(code);
    if (isCharacter) return String.fromCodePoint(code);
    throw malformed(`the entity ${whole} is not one of XML's own`);
  });
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}

interface Element {
  readonly name: string;
  readonly value: unknown;
  readonly depth: number;
}

function writeElement(parts: string[], { name, value, depth }: Element): void {
  const tabs = '\t'.repeat(depth);
  if (typeof value !== 'object' || value === null) {
    parts.push(`${tabs}<${name}>${escapeText(value)}</${name}>\n`);
    return;
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) {
    parts.push(`${tabs}<${name}></${name}>\n`);
    return;
  }
  parts.push(`${tabs}<${name}>\n`);
  for (const [key, member] of members) writeMember(parts, { name: elementName(key), value: member, depth });
  parts.push(`${tabs}</${name}>\n`);
}

// A list in a list has no name of its own: its items are said to be items.
function writeMember(parts: string[], { name, value, depth }: Element): void {
  if (!Array.isArray(value)) {
    writeElement(parts, { name, value, depth: depth + 1 });
    return;
  }
  for (const item of value) {
    writeElement(parts, { name, value: Array.isArray(item) ? { item } : item, depth: depth + 1 });
  }
}

function elementName(key: string): string {
  const name = key.replace(/[^\p{L}\p{N}_.-]/gu, '_');
  return /^[\p{L}_]/u.test(name) ? name : `_${name}`;
}

const escapes: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;' };

function escapeText(value: unknown): string {
  if (value === null || value === undefined) return '';
  // What XML has no way to write, not even as a reference, becomes the sign for an unknown character.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are meant
  const text = String(value).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
  return text.replace(/[<>&]/g, (sign) => escapes[sign] ?? sign);
}

function malformed(reason: string): PlatformError {
  return new PlatformError('request.malformed', `The body is not usable XML: ${reason}.`);
}
