// What an administrator reads when the way to a database is wrong: what to look at, and no secret.
// Invariant: each case is a live server that refuses, never a made-up error.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type ServerKind } from '../databases.ts';
import { addService, type Place, startPlace } from './outage.ts';

const kinds: readonly ServerKind[] = (['postgres', 'mysql'] as const).filter((kind) => canTest(kind));

/** How each kind spells the settings of TLS: none, some, and with the server's name checked. */
const tls = {
  postgres: {
    off: { ssl_mode: 'disable' },
    some: { ssl_mode: 'require' },
    full: { ssl_mode: 'verify-full' },
  },
  mysql: {
    off: { ssl_mode: 'disable' },
    some: { ssl_mode: 'require' },
    full: { ssl_mode: 'verify-full' },
  },
} as const;

/** A key and a certificate that is its own authority, for these names. */
function certificate(names: string): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-tls-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test'];
  const output = ['-keyout', key, '-out', cert, '-addext', `subjectAltName=${names}`];
  execFileSync('openssl', [...request, ...output], { stdio: 'ignore' });
  const found = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true, force: true });
  return found;
}

let made = 0;

/** The answer to a test of a service with these settings. */
async function tried(place: Place, settings: Record<string, unknown>) {
  const added = await addService(place, `s${++made}`, settings);
  if (added.status !== 201) throw new Error(added.text);
  const answer = await place.server.ask(`/api/v2/system/service/${added.body.resource[0].id}/_test`, {
    method: 'POST',
  });
  const secrets = [place.config.password, settings.password].filter((each) => each !== undefined);
  for (const secret of secrets) expect(answer.text).not.toContain(secret);
  return { status: answer.status, message: answer.body.error?.message };
}

const wrong = (words: RegExp) => ({ status: 503, message: expect.stringMatching(words) });

describe.each(kinds)('%s without TLS', (kind) => {
  let place: Place;

  beforeAll(async () => {
    const options = kind === 'mysql' ? ['--skip-ssl'] : [];
    place = await startPlace(kind, { options });
  });
  afterAll(() => place.close());

  test('with the right settings', async () => {
    expect(await tried(place, {})).toEqual({ status: 200, message: undefined });
    expect(await tried(place, tls[kind].off)).toEqual({ status: 200, message: undefined });
  });

  test.each([
    ['a wrong password', { password: 'wr0ng-passw0rd' }, /user name or the password is wrong/],
    ['a wrong user', { username: 'nobody_here' }, /user name or the password is wrong|let this user in/],
    ['a wrong database', { database: 'no_such_database' }, /there is no database of the name in 'database'/],
    ['a host that is not known', { host: 'no-such-host.invalid' }, /the name in 'host' is not known/],
    ['TLS that is not offered', tls[kind].some, /does not offer TLS/],
  ] as const)('%s', async (_what, settings, words) => {
    expect(await tried(place, settings)).toEqual(wrong(words));
  });

  test('a port on which nothing listens', async () => {
    expect(await tried(place, { port: 1 })).toEqual(
      wrong(/nothing accepts connections at its 'host' and 'port'/),
    );
  });

  test('a server that never answers', { timeout: 60_000 }, async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((done) => silent.once('listening', done));
    const address = silent.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    try {
      const settings = { port, connect_timeout: kind === 'postgres' ? 1_000 : 1 };
      expect(await tried(place, settings)).toEqual(wrong(/its 'host' does not answer/));
    } finally {
      silent.close();
    }
  });

  test('a refusal of a request does not say why', async () => {
    await addService(place, 'closed', { password: 'wr0ng-passw0rd' });
    const { status, body } = await place.server.ask('/api/v2/closed/_table/ledger');
    expect([status, body.error.message]).toEqual([503, "The database of service 'closed' is not available."]);
  });
});

describe.each(kinds)('%s with a certificate of its own', (kind) => {
  const { key, cert } = certificate('DNS:localhost');
  let place: Place;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), `tenon-tls-${kind}-`));
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const options =
      kind === 'postgres'
        ? ['-c', 'ssl=on', '-c', `ssl_cert_file=${certFile}`, '-c', `ssl_key_file=${keyFile}`]
        : [`--ssl-cert=${certFile}`, `--ssl-key=${keyFile}`];
    place = await startPlace(kind, { folder, options, files: { 'cert.pem': cert, 'key.pem': key } });
  });
  afterAll(() => place.close());

  test('is used, and checked where that is asked for', async () => {
    const good = { status: 200, message: undefined };
    expect(await tried(place, tls[kind].some)).toEqual(good);
    expect(await tried(place, { ...tls[kind].full, host: 'localhost', ssl_ca: cert })).toEqual(good);
  });

  test('is not trusted without its authority', async () => {
    const settings = { ...tls[kind].full, host: 'localhost' };
    expect(await tried(place, settings)).toEqual(wrong(/signed by nobody who is trusted here/));
  });

  test('is not trusted with another authority', async () => {
    const settings = { ...tls[kind].full, host: 'localhost', ssl_ca: certificate('DNS:localhost').cert };
    expect(await tried(place, settings)).toEqual(wrong(/signed by nobody who is trusted here/));
  });
});

describe.each(kinds)('%s with a certificate for another host', (kind) => {
  const { key, cert } = certificate('DNS:db.example');
  let place: Place;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), `tenon-tls-${kind}-`));
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const options =
      kind === 'postgres'
        ? ['-c', 'ssl=on', '-c', `ssl_cert_file=${certFile}`, '-c', `ssl_key_file=${keyFile}`]
        : [`--ssl-cert=${certFile}`, `--ssl-key=${keyFile}`];
    place = await startPlace(kind, { folder, options, files: { 'cert.pem': cert, 'key.pem': key } });
  });
  afterAll(() => place.close());

  test('is refused', async () => {
    const settings = { ...tls[kind].full, host: 'localhost', ssl_ca: cert };
    expect(await tried(place, settings)).toEqual(wrong(/its certificate is for another host/));
  });
});
