import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, databaseIn, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import { startPrivateServer } from '../../../../../tools/databases.mjs';
import type { PlatformError } from '../../../../core/errors.ts';
import type { Service } from '../../../../core/service.ts';
import { dispatcherOf, operationOf } from '../../suite/path-fixture.ts';
import { mariadb, mysql } from './index.ts';
import { engineOptions } from './login.ts';

type Config = Readonly<Record<string, unknown>>;

function made(config: Config): Service {
  return mysql.create({ id: 8, name: 'hr', label: 'hr', config });
}

/** What a test of the service says; undefined when all is well. */
async function fault(config: Config): Promise<string | undefined> {
  const service = made(config);
  try {
    await service.test?.();
    return undefined;
  } catch (error) {
    expect((error as PlatformError).status).toBe(503);
    return (error as PlatformError).message;
  } finally {
    await service.close?.();
  }
}

describe('settings', () => {
  const base = { database: 'shop' };

  test('have defaults', () => {
    expect(engineOptions(base)).toMatchObject({
      login: { host: 'localhost', port: 3306, database: 'shop', user: '', password: '', tls: 'prefer' },
      maxConnections: 10,
      timeZone: '+00:00',
      others: [],
    });
  });

  test('may come as one URL, and those beside it go before', () => {
    const url = 'mariadb://ann%40x:p%3Aw@[::1]:3307/my%20shop';
    expect(engineOptions({ url: 'mysql://h/d?sslmode=require' }).login).toMatchObject({ tls: 'require' });
    expect(engineOptions({ url, username: 'bob', port: 3308 }).login).toMatchObject({
      ...{ host: '::1', port: 3308, database: 'my shop', user: 'bob', password: 'p:w' },
    });
  });

  test('the list of other databases leaves out the first', () => {
    expect(engineOptions({ ...base, schema: 'shop, hr,,x ' }).others).toEqual(['hr', 'x']);
  });

  test.each([
    [{}, 'database'],
    [{ ...base, port: 0 }, 'port'],
    [{ ...base, port: '33x' }, 'port'],
    [{ ...base, host: {} }, 'host'],
    [{ ...base, ssl_mode: 'sometimes' }, 'ssl_mode'],
    [{ ...base, ssl_mode: 'verify-full', host: '10.0.0.1' }, 'host'],
    [{ ...base, max_connections: 0 }, 'max_connections'],
    [{ ...base, query_timeout: -1 }, 'query_timeout'],
    [{ ...base, connect_timeout: 'soon' }, 'connect_timeout'],
    [{ ...base, timezone: "x'; DROP" }, 'timezone'],
    [{ url: 'postgres://x/y' }, 'url'],
    [{ url: 'secret text' }, 'url'],
  ])('%j is refused by the name of the setting %s', (config, name) => {
    const refusal = () => made(config);
    expect(refusal).toThrow(`Setting '${name}'`);
    expect(refusal).not.toThrow(/secret text/);
  });

  test('both types have the same, and secrets are marked', () => {
    expect(mariadb.config).toEqual(mysql.config);
    const secrets = mysql.config.filter(({ secret }) => secret === true).map(({ name }) => name);
    expect(secrets).toEqual(['password', 'url', 'ssl_key']);
  });
});

describe.runIf(canTest('mysql'))('a test of the service says what is wrong', () => {
  let place: TestDatabase;
  let config: Config;
  beforeAll(async () => {
    place = await testDatabase('mysql');
    const { host, port, user: username, password, database } = place;
    config = { host, port, username, password, database };
  });
  afterAll(() => place.drop());

  test.each([
    [{}, undefined],
    [{ port: 1 }, /'host' and 'port'/],
    [{ host: 'no-such-host.invalid' }, /'host' is not known/],
    [{ password: 'wrong secret' }, /user name or the password/],
    [{ username: 'nobody' }, /user name or the password/],
    [{ database: 'no_such_database' }, /'database'/],
    [{ unix_socket: '/no/such/socket' }, /'socket'/],
    [{ ssl_mode: 'require' }, /does not offer TLS/],
  ] as const)('%j', async (change, words) => {
    const told = await fault({ ...config, ...change });
    if (words === undefined) expect(told).toBeUndefined();
    else expect(told).toMatch(words);
    expect(told ?? '').not.toMatch(/secret|at file|SELECT/);
  });

  test('a host that says nothing', async () => {
    const { createServer } = await import('node:net');
    const silent = createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    expect(await fault({ ...config, port, connect_timeout: 500 })).toMatch(/'host' does not answer/);
    silent.close();
  });

  test('a time zone that the server does not know', async () => {
    expect(await fault({ ...config, timezone: 'Nowhere/Land' })).toMatch(/not available/);
  });

  test('like takes both cases for the same, also where the collation of the column does not', async () => {
    await place.execute(`CREATE TABLE words(id INT PRIMARY KEY, loose VARCHAR(20) COLLATE utf8mb4_general_ci,
      exact VARCHAR(20) COLLATE utf8mb4_bin, old VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_general_cs);
      INSERT INTO words VALUES (1, 'Äpfel_%', 'Äpfel_%', 'Äpfel_%'), (2, 'x\\\\y', 'x\\\\y', 'x\\\\y')`);
    const service = made(config);
    const ask = dispatcherOf([service], [], undefined);
    const found = async (filter: string, x: string) => {
      const parameters = { fields: 'id', filter: `${filter} :x`, params: { x } };
      const result = await ask.dispatch(operationOf('GET', '/api/v2/hr/_table/words', { parameters }));
      return result.body?.text;
    };
    for (const name of ['loose', 'exact', 'old']) {
      expect(await found(`${name} like`, 'ÄP%')).toBe('{"resource":[{"id":1}]}');
      expect(await found(`${name} contains`, 'L_%')).toBe('{"resource":[{"id":1}]}');
      expect(await found(`${name} starts with`, 'X\\')).toBe('{"resource":[{"id":2}]}');
      expect(await found(`${name} like`, 'X\\%')).toBe('{"resource":[{"id":2}]}');
    }
    expect(await found('exact =', 'äpfel_%')).toBe('{"resource":[]}');
    expect(await found('loose =', 'äpfel_%')).toBe('{"resource":[{"id":1}]}');
    await service.close?.();
  });

  test('TIMESTAMP is in the time zone of the service, DATETIME as it is', async () => {
    await place.execute(
      "CREATE TABLE z(id INT PRIMARY KEY, a TIMESTAMP, b DATETIME); SET time_zone='+00:00';" +
        "INSERT INTO z VALUES (1, '2026-01-31 10:00:00', '2026-01-31 10:00:00')",
    );
    const service = made({ ...config, timezone: '+02:00' });
    const ask = dispatcherOf([service], [], undefined);
    const { body } = await ask.dispatch(operationOf('GET', '/api/v2/hr/_table/z/1', {}));
    expect(body?.text).toBe('{"id":1,"a":"2026-01-31 12:00:00","b":"2026-01-31 10:00:00"}');
    const zoned = { body: { a: '2026-01-31T10:00:00Z' } };
    const refused = await ask.dispatch(operationOf('PATCH', '/api/v2/hr/_table/z/1', zoned));
    expect(refused.status).toBe(400);
    expect(refused.body?.text).toContain("Field 'a'");
    await service.close?.();
  });
});

describe.runIf(canTest('mysql'))('a server with TLS', () => {
  let folder: string;
  let server: Awaited<ReturnType<typeof startPrivateServer>>;
  let config: Config;
  let place: TestDatabase;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tenon-mysql-tls-'));
    chmodSync(folder, 0o755);
    certificates(folder);
    const options = ['ca', 'cert', 'key'].map(
      (part) => `--ssl-${part}=${join(folder, `server-${part}.pem`)}`,
    );
    server = await startPrivateServer('mysql', { folder: join(folder, 'server'), options });
    place = await databaseIn('mysql', server);
    await place.execute(`CREATE USER 'shy'@'127.0.0.1' IDENTIFIED BY 'x' REQUIRE X509;
      GRANT ALL ON *.* TO 'shy'@'127.0.0.1'; CREATE TABLE t(id INT PRIMARY KEY)`);
    const { port, user: username, password, database } = place;
    config = { host: 'localhost', port, username, password, database };
  }, 60_000);
  afterAll(async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const pem = (name: string) => readFileSync(join(folder, name), 'utf8');

  async function cipher(change: Config): Promise<unknown> {
    const { MysqlDatabase } = await import('../../../../database/mysql.ts');
    const database = new MysqlDatabase(engineOptions({ ...config, ...change }));
    try {
      const [row] = await database.rows({ sql: "SHOW STATUS LIKE 'Ssl_cipher'" }, []);
      return row?.Value;
    } finally {
      database.close();
    }
  }

  test('is encrypted unless that is off', async () => {
    expect(await cipher({})).toMatch(/\w/);
    expect(await cipher({ ssl_mode: 'require' })).toMatch(/\w/);
    expect(await cipher({ ssl_mode: 'disable' })).toBe('');
    expect(await cipher({ ssl_mode: 'verify-full', ssl_ca: pem('server-ca.pem') })).toMatch(/\w/);
  });

  test('whose certificate nobody signed whom we trust is refused where that is asked for', async () => {
    expect(await fault({ ...config, ssl_mode: 'verify-full' })).toMatch(/nobody who is trusted/);
    expect(await fault({ ...config, ssl_mode: 'verify-full', ssl_ca: pem('server-ca.pem') })).toBeUndefined();
  });

  test('whose certificate is for another host is refused', async () => {
    const told = await fault({
      ...config,
      host: 'localhost.localdomain',
      ssl_mode: 'verify-full',
      ssl_ca: pem('server-ca.pem'),
    });
    expect(told).toMatch(/another host|not known/);
  });

  test('may want to see ours', async () => {
    const shy = { ...config, username: 'shy', password: 'x' };
    expect(await fault(shy)).toMatch(/user name or the password/);
    const ours = { ssl_cert: pem('client-cert.pem'), ssl_key: pem('client-key.pem') };
    expect(await fault({ ...shy, ...ours })).toBeUndefined();
  });
});

/** One signer, a certificate for the server called localhost, and one for us. */
function certificates(folder: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const days = ['-days', '2', '-nodes', '-newkey', 'rsa:2048'];
  openssl('req', '-x509', ...days, '-keyout', 'ca-key.pem', '-out', 'server-ca.pem', '-subj', '/CN=tests');
  for (const [name, subject] of [
    ['server', '/CN=localhost'],
    ['client', '/CN=us'],
  ] as const) {
    const [key, cert, request] = [`${name}-key.pem`, `${name}-cert.pem`, `${name}.csr`];
    openssl('req', '-nodes', '-newkey', 'rsa:2048', '-keyout', key, '-out', request, '-subj', subject);
    const signer = ['-CA', 'server-ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', request, ...signer, '-out', cert);
    for (const file of [key, cert, 'server-ca.pem']) chmodSync(join(folder, file), 0o644);
  }
}
