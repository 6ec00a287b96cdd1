// Records that came as CSV, XML or a form, where every value is text. Invariant: only what can stand for a
// flag or the id of a record is changed, and only in fields that are such; all other text stays text.

type Written = Readonly<Record<string, unknown>>;

/** The record with its flags and ids as values, without the fields that were left empty. */
export function withoutText(record: Written): Written {
  const fields = Object.entries(record).filter(([, value]) => value !== '');
  return Object.fromEntries(fields.map(([name, value]) => [name, typed(name, value)]));
}

function typed(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.flatMap((item) => typed(name, item));
  if (typeof value === 'object' && value !== null) {
    const record = withoutText(value as Written);
    // One element of XML is no list yet.
    return /^(?:role_service_access|lookup|user_to_app_to_role)_by_/.test(name) ? [record] : record;
  }
  if (typeof value !== 'string') return value;
  if (/^(?:is_.*|private|queued|allow_.*|script_visible)$/.test(name)) return flagOf(value);
  const isNumber = /(?:^|_)(?:id|mask)$|^(?:type|priority)$/.test(name) && /^\d{1,15}$/.test(value);
  return isNumber ? Number(value) : value;
}

// What is no flag is left to be refused by name.
function flagOf(text: string): unknown {
  if (/^(?:true|1|yes|on)$/i.test(text)) return true;
  return /^(?:false|0|no|off)$/i.test(text) ? false : text;
}
