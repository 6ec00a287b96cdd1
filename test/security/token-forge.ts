// Makes session tokens that are almost good, with the very key of a server under test: what is wrong with
// each is only what its name says.
import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { loadMasterKey, MasterKey } from '../../src/security/master-key.ts';

type Json = Record<string, unknown>;

/** A token and what is wrong with it. */
export type Forgeries = Readonly<Record<string, string>>;

/** Forges tokens of one server for one session. */
export class TokenForge {
  readonly header: Json;
  readonly claims: Json;
  readonly #key: Buffer;
  readonly #good: string;

  /** `home`: where the server keeps its key; `good`: a token of the session. */
  constructor(home: string, good: string) {
    this.#key = loadMasterKey({ given: undefined, home }).derive('session');
    this.#good = good;
    const [header = '', payload = ''] = good.split('.');
    this.header = JSON.parse(Buffer.from(header, 'base64url').toString());
    this.claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  }

  /** Signs with the server's own key unless another is given. */
  token(header: Json = {}, claims: Json | string = {}, key: Buffer = this.#key): string {
    const payload = typeof claims === 'string' ? claims : { ...this.claims, ...claims };
    const content = `${encoded({ ...this.header, ...header })}.${encoded(payload)}`;
    return `${content}.${createHmac('sha256', key).update(content).digest('base64url')}`;
  }

  /** What says of itself how it is to be checked. */
  algorithms(): Forgeries {
    const [, payload = '', signature = ''] = this.#good.split('.');
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ format: 'pem', type: 'spki' });
    const head = (alg: unknown) => encoded({ ...this.header, alg });
    const zeros = Buffer.alloc(64).toString('base64url');
    const signed = (alg: string, key: KeyObject) => {
      const content = `${head(alg)}.${payload}`;
      const form = alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
      return `${content}.${sign('sha256', Buffer.from(content), form).toString('base64url')}`;
    };
    return {
      'alg none without a signature': `${head('none')}.${payload}.`,
      'alg none with the signature of another header': `${head('none')}.${payload}.${signature}`,
      'alg None': this.token({ alg: 'None' }),
      'alg nOnE': this.token({ alg: 'nOnE' }),
      'alg NONE': this.token({ alg: 'NONE' }),
      'alg empty': this.token({ alg: '' }),
      'alg null': this.token({ alg: null }),
      'alg a list': this.token({ alg: ['HS256'] }),
      'alg in lower case': this.token({ alg: 'hs256' }),
      'alg HS384 over a signature of HS256': this.token({ alg: 'HS384' }),
      'alg RS256 with a key of the attacker': signed('RS256', privateKey),
      'alg ES256 with a key of the attacker': signed('ES256', curve.privateKey),
      'alg ES256 with a signature of zeros': `${head('ES256')}.${payload}.${zeros}`,
      'HS256 with a public key': this.token({}, {}, Buffer.from(pem)),
    };
  }

  /** What names a key. */
  keys(): Forgeries {
    const attacker = Buffer.from('a key of the attacker, who may be anybody');
    const jwk = { ...createSecretKey(attacker).export({ format: 'jwk' }) };
    return {
      'a key inside the token': this.token({ jwk }, {}, attacker),
      'jku: keys of an attacker': this.token({ jku: 'http://127.0.0.1:1/keys' }, {}, attacker),
      'x5u: certificates of an attacker': this.token({ x5u: 'http://127.0.0.1:1/x5u' }, {}, attacker),
      'x5c: a certificate of an attacker': this.token({ x5c: ['AAAA'] }, {}, attacker),
      'kid: a file that is empty': this.token({ kid: '../../../../dev/null' }, {}, Buffer.alloc(0)),
      'kid: the file of the key': this.token({ kid: 'master.key' }, {}, attacker),
      'kid: SQL': this.token({ kid: "x' UNION SELECT 'attacker' --" }, {}, Buffer.from('attacker')),
      'kid null': this.token({ kid: null }, {}, Buffer.from('null')),
      'kid huge': this.token({ kid: 'k'.repeat(3_500) }, {}, attacker),
      'an empty key': this.token({}, {}, Buffer.alloc(0)),
      'a key of zeros': this.token({}, {}, Buffer.alloc(32)),
      'a weak key': this.token({}, {}, Buffer.from('secret')),
      'a key of another server': this.token({}, {}, new MasterKey(Buffer.alloc(32, 7)).derive('session')),
    };
  }

  /** What is no longer the text that was signed. */
  texts(): Forgeries {
    const good = this.#good;
    const [header = '', payload = '', signature = ''] = good.split('.');
    const other = (text: string) => `${header}.${text}.${signature}`;
    const spaced = JSON.stringify(this.claims, null, 1);
    return {
      'the signature stripped': `${header}.${payload}.`,
      'the signature gone': `${header}.${payload}`,
      'a signature of zeros': `${header}.${payload}.${Buffer.alloc(32).toString('base64url')}`,
      'the signature spelled otherwise': `${header}.${payload}.${respelled(signature)}`,
      'the signature padded': `${good}=`,
      'the signature cut': good.slice(0, -1),
      'the payload of an administrator': other(encoded({ ...this.claims, user_id: 1, sub: '1', x: 1 })),
      'the payload in ordinary base64': other(btoa(JSON.stringify({ ...this.claims, x: '>>>???' }))),
      'the payload of JSON with spaces': other(encoded(spaced)),
      'four parts': `${good}.${signature}`,
      'five parts, as JWE has': `${encoded({ alg: 'dir', enc: 'A256GCM' })}..${signature}.${payload}.AAAA`,
      'a token in a token': this.token({ cty: 'JWT' }, good),
      'two tokens': `${good},${good}`,
      'no token': 'null',
      'too long': `${header}.${payload}${'A'.repeat(8_000)}.${signature}`,
    };
  }

  /** What is signed well, and does not say what it should. */
  contents(): Forgeries {
    const now = Math.floor(Date.now() / 1000);
    const doubled = `{"user_id":1,"sub":"1",${JSON.stringify(this.claims).slice(1, -1)},"sid":"other"}`;
    return {
      'a critical header': this.token({ crit: ['exp'] }),
      'a critical header that nobody knows': this.token({ crit: ['x'], x: 1 }),
      'b64 false': this.token({ crit: ['b64'], b64: false }),
      'typ of another kind': this.token({ typ: 'at+jwt' }),
      'typ JWT': this.token({ typ: 'JWT' }),
      'no typ': this.token({ typ: undefined }),
      'another issuer': this.token({}, { iss: 'other' }),
      'no issuer': this.token({}, { iss: undefined }),
      'another audience': this.token({}, { aud: 'other' }),
      'no audience': this.token({}, { aud: undefined }),
      'exp in the past': this.token({}, { exp: now - 1, iat: now - 100 }),
      'exp negative': this.token({}, { exp: -1 }),
      'exp text': this.token({}, { exp: String(now + 3600) }),
      'exp with a fraction': this.token({}, { exp: now + 3600.5 }),
      'no exp': this.token({}, { exp: undefined }),
      'nbf in the future': this.token({}, { nbf: now + 3600 }),
      'iat in the future': this.token({}, { iat: now + 3600 }),
      'no iat': this.token({}, { iat: undefined }),
      'no session': this.token({}, { sid: undefined }),
      'a session that is a query': this.token({}, { sid: { $ne: '' } }),
      'a session that is not there': this.token({}, { sid: '00000000-0000-4000-8000-000000000000' }),
      'a session that is SQL': this.token({}, { sid: "' OR '1'='1" }),
      'a user that is not there': this.token({}, { user_id: 99_999, sub: '99999' }),
      'a user that is text': this.token({}, { user_id: '1' }),
      'a user who is not the subject': this.token({}, { user_id: 1, sub: '2' }),
      'claims twice': this.token({}, doubled),
      'a list': this.token({}, JSON.stringify([this.claims])),
      'no JSON': this.token({}, '{'),
    };
  }
}

function encoded(value: Json | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

// 32 bytes leave two bits of the last character unused: three other characters stand for the same bytes.
function respelled(signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(signature.slice(-1));
  return signature.slice(0, -1) + alphabet[(last & 60) + ((last + 1) & 3)];
}
