// Puts the values of lookups into a text when a script runs (rulings 4).
// Invariant: a name that the session does not know stays in the text as it was written.

type Map = Readonly<Record<string, unknown>>;

/** The text with each `{name}` and `{user.email}` replaced that the session has a value for. */
export function withLookups(text: string, session: unknown): string {
  if (!isMap(session)) return text;
  return text.replace(/\{([A-Za-z_][\w.]*)\}/g, (whole, name: string) => {
    const value = named(session, name) ?? own(session, name);
    return value === undefined || value === null || typeof value === 'object' ? whole : String(value);
  });
}

function named({ lookup, lookup_secret: secret }: Map, name: string): unknown {
  return member(lookup, name) ?? member(secret, name);
}

// The token is the one that the script sees as its session's, good for this run.
function own(session: Map, name: string): unknown {
  if (name === 'session.token') return session.session_token;
  const [, owner = '', part = ''] = /^(user|role|app)\.(\w+)$/.exec(name) ?? [];
  return member(session[owner], part);
}

function member(map: unknown, name: string): unknown {
  return isMap(map) && Object.hasOwn(map, name) ? map[name] : undefined;
}

function isMap(value: unknown): value is Map {
  return typeof value === 'object' && value !== null;
}
