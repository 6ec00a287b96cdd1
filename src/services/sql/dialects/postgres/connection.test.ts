import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, databaseIn, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import { startPrivateServer } from '../../../../../tools/databases.mjs';
import { PlatformError } from '../../../../core/errors.ts';
import { connectionOf } from './connection.ts';
import { postgres } from './index.ts';

/** What a test of a service with this configuration comes to: undefined, or the refusal. */
async function tested(config: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  const service = postgres.create({ id: 1, name: 'hr', label: 'hr', config });
  try {
    await service.test?.();
    return undefined;
  } catch (error) {
    if (error instanceof PlatformError) return error.message;
    throw error;
  } finally {
    await service.close?.();
  }
}

function refusal(config: Readonly<Record<string, unknown>>): string {
  try {
    connectionOf(config);
  } catch (error) {
    if (error instanceof PlatformError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('settings', () => {
  test('name what is missing or can not be used', () => {
    const whole = { host: 'h', username: 'u' };
    expect(refusal({})).toMatch(/^service.invalid_config: Setting 'host'/);
    expect(refusal({ host: 'h' })).toMatch(/Setting 'username'/);
    expect(refusal({ ...whole, port: 0 })).toMatch(/Setting 'port' must be a whole number from 1 to 65535/);
    expect(refusal({ ...whole, max_connections: 1_000_000 })).toMatch(/Setting 'max_connections'/);
    expect(refusal({ ...whole, ssl_mode: 'maybe' })).toMatch(/Setting 'ssl_mode' must be one of disable/);
    expect(refusal({ ...whole, ssl_cert: 'x' })).toMatch(/Setting 'ssl_key' is missing/);
    expect(refusal({ ...whole, ssl_ca: 'x' })).toMatch(/Setting 'ssl_ca' must be certificates/);
    expect(refusal({ ...whole, ssl_cert: 'x', ssl_key: 'y' })).toMatch(/Setting 'ssl_cert'/);
    expect(refusal({ ...whole, database: 'a\0b' })).toMatch(/Setting 'database'/);
    expect(refusal({ url: 'mysql://u@h/d' })).toMatch(/Setting 'url' must be like postgres:/);
    expect(refusal({ url: 'postgres://u:%@h/d' })).toMatch(/Setting 'url'/);
  });

  test('may come in a URL, and those beside it come first', async () => {
    const url = 'postgres://us%40er:p%2Fw@[::1]:6543/my%20data?sslmode=require&application_name=me';
    const { client, isTlsOptional } = connectionOf({ url, database: 'other' });
    expect(client).toMatchObject({
      ...{ host: '::1', port: 6543, user: 'us@er', database: 'other', application_name: 'me' },
      ssl: { rejectUnauthorized: false },
    });
    expect(isTlsOptional).toBe(false);
    expect(await (client.password as () => string)()).toBe('p/w');
  });

  test('have defaults', () => {
    const { client, ...rest } = connectionOf({ host: '/run/postgresql', username: 'ann' });
    expect(client).toMatchObject({ host: '/run/postgresql', port: 5432, database: 'ann' });
    expect(rest).toMatchObject({ maxConnections: 10, isPreparing: true, isTlsOptional: true });
  });
});

describe.runIf(canTest('postgres'))('test of a connection', () => {
  let own: TestDatabase;
  let silent: Server;

  beforeAll(async () => {
    own = await testDatabase('postgres');
    silent = createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  });

  afterAll(async () => {
    silent.close();
    await own.drop();
  });

  const good = () => {
    const { host, port, user: username, password, database } = own;
    return { host, port, username, password, database };
  };

  test('succeeds, also by a URL and where TLS is only preferred', async () => {
    const { host, port, username, password, database } = good();
    expect(await tested(good())).toBeUndefined();
    expect(await tested({ url: `postgres://${username}:${password}@${host}:${port}/${database}` })).toBe(
      undefined,
    );
  });

  test('says which setting to look at, without secrets', async () => {
    const silentPort = (silent.address() as { port: number }).port;
    const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
      [{ port: 1 }, /'host' and 'port'/],
      [{ host: 'no-such-host.invalid' }, /name in 'host' is not known/],
      [{ port: silentPort, connect_timeout: 100 }, /'host' does not answer/],
      [{ password: 'wrong-secret' }, /user name or the password/],
      [{ password: null }, /it wants a password/],
      [{ database: 'missing' }, /name in 'database'/],
      [{ ssl_mode: 'require' }, /does not offer TLS/],
    ];
    for (const [change, expected] of cases) {
      const message = await tested({ ...good(), ...change });
      expect(message, JSON.stringify(change)).toMatch(expected);
      expect(message).not.toMatch(/secret|postgres\.|node_modules|\n/);
    }
  });
});

describe.runIf(canTest('postgres'))('TLS', () => {
  let folder: string;
  let server: Awaited<ReturnType<typeof startPrivateServer>>;
  let own: TestDatabase;
  const pem = (name: string) => readFileSync(join(folder, name), 'utf8');

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tenon-tls-'));
    authority('ca');
    authority('stranger');
    signed('server', 'db.example.test', 'subjectAltName=DNS:db.example.test');
    signed('client', 'tenon', 'basicConstraints=CA:FALSE');
    writeFileSync(
      join(folder, 'hba'),
      `hostssl all card 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
       host all all 127.0.0.1/32 scram-sha-256`,
    );
    for (const name of ['.', 'server.key', 'server.crt', 'ca.crt', 'hba']) giveAway(join(folder, name));
    const place = mkdtempSync(join(tmpdir(), 'tenon-pg-'));
    const set = (name: string, file: string) => ['-c', `${name}=${join(folder, file)}`];
    server = await startPrivateServer('postgres', {
      folder: place,
      options: [
        ...['-c', 'ssl=on', ...set('ssl_cert_file', 'server.crt'), ...set('ssl_key_file', 'server.key')],
        ...[...set('ssl_ca_file', 'ca.crt'), ...set('hba_file', 'hba')],
      ],
    });
    own = await databaseIn('postgres', server);
    await own.execute(`CREATE ROLE card LOGIN SUPERUSER PASSWORD 'pw'`);
  }, 60_000);

  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  }

  function authority(name: string): void {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`];
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files);
  }

  function signed(name: string, subject: string, extension: string): void {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${subject}`];
    openssl('req', '-newkey', 'rsa:2048', '-nodes', ...files);
    writeFileSync(join(folder, 'extension'), extension);
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extension'];
    openssl('x509', '-req', '-in', `${name}.csr`, '-days', '2', ...by, '-out', `${name}.crt`);
  }

  // The server has a user of its own, and refuses a key that others may read.
  function giveAway(path: string): void {
    if (process.getuid?.() !== 0) return;
    const id = (kind: string) => Number(execFileSync('id', [kind, 'postgres'], { encoding: 'utf8' }));
    chownSync(path, id('-u'), id('-g'));
  }

  const config = (change: Readonly<Record<string, unknown>>) => {
    const { host, port, user: username, password, database } = own;
    return { host, port, username, password, database, ...change };
  };

  async function isEncrypted(change: Readonly<Record<string, unknown>>): Promise<unknown> {
    await own.execute(
      `CREATE OR REPLACE VIEW mine AS SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
    );
    const { PostgresDatabase } = await import('../../../../database/postgres.ts');
    const database = new PostgresDatabase(connectionOf(config(change)));
    try {
      return (await database.column({ sql: 'SELECT ssl FROM mine' }, []))[0];
    } finally {
      await database.close();
    }
  }

  test('is used where the server has it, unless it is not wanted', async () => {
    expect(await isEncrypted({})).toBe(true);
    expect(await isEncrypted({ ssl_mode: 'require' })).toBe(true);
    expect(await isEncrypted({ ssl_mode: 'disable' })).toBe(false);
    const [cert, key] = [pem('client.crt'), 'no key'];
    expect(refusal(config({ ssl_cert: cert, ssl_key: key }))).toMatch(
      /Setting 'ssl_key' must be a private key/,
    );
  });

  test('checks the authority and the name as it is told to', async () => {
    const [ca, stranger] = [pem('ca.crt'), pem('stranger.crt')];
    const name = 'db.example.test';
    const cases: readonly (readonly [Record<string, unknown>, RegExp | undefined])[] = [
      [{ ssl_mode: 'verify-ca', ssl_ca: ca }, undefined],
      [{ ssl_mode: 'verify-ca', ssl_ca: stranger }, /signed by nobody who is trusted/],
      [{ ssl_mode: 'verify-ca' }, /signed by nobody who is trusted/],
      [{ ssl_mode: 'verify-full', ssl_ca: ca }, /certificate is for another host/],
      [{ ssl_mode: 'verify-full', ssl_ca: ca, ssl_server_name: name }, undefined],
      [{ ssl_mode: 'verify-full', ssl_ca: ca, ssl_server_name: 'x.test' }, /for another host/],
      [{ ssl_mode: 'verify-full', ssl_ca: stranger, ssl_server_name: name }, /signed by nobody/],
    ];
    for (const [change, expected] of cases) {
      const message = await tested(config(change));
      if (expected === undefined) expect(message, JSON.stringify(change)).toBeUndefined();
      else expect(message, JSON.stringify(change)).toMatch(expected);
    }
  });

  test('a client shows its certificate where the server wants one', async () => {
    const card = { username: 'card', password: 'pw', ssl_mode: 'require' };
    const shown = { ssl_cert: pem('client.crt'), ssl_key: pem('client.key') };
    expect(await tested(config({ ...card, ...shown }))).toBeUndefined();
    expect(await tested(config(card))).toMatch(/does not let this user in from here/);
  });
});
