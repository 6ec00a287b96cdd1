// Records that came as CSV, XML or a form, where every value is text. Invariant: only what can stand for a
// flag, a number or a list is changed, and only in fields that are such; all other text stays text.
import { readJson } from '../../core/body.ts';

type Written = Readonly<Record<string, unknown>>;

/** The record with its flags and ids as values, without the fields that were left empty. */
export function withoutText(record: Written): Written {
  const fields = Object.entries(record).filter(([, value]) => value !== '');
  return Object.fromEntries(fields.map(([name, value]) => [name, typed(name, value)]));
}

const flags = new RegExp(
  '^(?:(?:is|allow|supports|requires)_.*|private|queued|script_visible|confirmed|expired|enabled|' +
    'second_factor)$',
);
const numbers = /(?:^|_)(?:id|mask)$|^(?:type|priority|rate|max_age|max_concurrency|max_body_bytes)$/;
const lists = /^(?:(?:role_service_access|lookup|user_to_app_to_role)_by_.*|to|cc|bcc|attachment|filters)$/;
const structures = /^(?:config|defaults|fields|method|service_doc_by_service_id)$/;

function typed(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.flatMap((item) => typed(name, item));
  if (typeof value === 'object' && value !== null) {
    const record = withoutText(value as Written);
    // One element of XML is no list yet.
    return lists.test(name) ? [record] : record;
  }
  if (typeof value !== 'string') return value;
  if (flags.test(name)) return flagOf(value);
  if (numbers.test(name) && /^\d{1,15}$/.test(value)) return Number(value);
  return lists.test(name) || structures.test(name) ? structureOf(value) : value;
}

// As lists and objects stand in the cells of an export. What is no JSON is left to be refused by name.
function structureOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return readJson(text);
  } catch {
    return text;
  }
}

// What is no flag is left to be refused by name.
function flagOf(text: string): unknown {
  if (/^(?:true|1|yes|on)$/i.test(text)) return true;
  return /^(?:false|0|no|off)$/i.test(text) ? false : text;
}
