// What differs between the kinds of database servers: where Debian keeps them, how a data folder is made, how
// a server is started, and how its protocol tells that it takes logins.
// Invariant: command lines alone; nothing here touches a process or a file of a server.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {'postgres' | 'mysql'} Kind The kind of a server; MariaDB counts as MySQL. */
/** @typedef {{ reason: string }} Missing Why there is no server of a kind. */
/**
 * @typedef {{ folder: string, port: number, password: string, options: readonly string[] }} Plan
 * What a server is started with; `options` are added to its command line.
 */
/** @typedef {{ command: string, args: readonly string[] }} Program A command line. */

/** The kinds, in the order in which they are told. @type {readonly Kind[]} */
export const kinds = ['postgres', 'mysql'];

/** The one user, who may do everything. */
export const user = 'tenon';

/** All that servers listen on. */
export const host = '127.0.0.1';

/**
 * What differs between the kinds. `prepare` fills an empty data folder, `serve` is the server's command,
 * `secret` the text of a file that either of them reads, `hello` and `isWelcome` tell by the first bytes of
 * the protocol that it takes logins.
 * @type {{ [kind in Kind]: {
 *   account: string,
 *   locate: () => string | Missing,
 *   prepare: (bin: string, plan: Plan) => Program,
 *   serve: (bin: string, plan: Plan) => Program,
 *   secret: (password: string) => string,
 *   hello: Buffer,
 *   isWelcome: (answer: Buffer) => boolean,
 *   stopSignal: NodeJS.Signals,
 * } }}
 */
export const ways = {
  postgres: {
    account: 'postgres',
    locate: locatePostgres,
    prepare: (bin, { folder }) => ({
      command: join(bin, 'initdb'),
      args: [
        ...['-D', data(folder), '-U', user, `--pwfile=${join(folder, 'secret')}`, '--auth=scram-sha-256'],
        ...['-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
      ],
    }),
    // A kill loses nothing that was written to a file, only a power cut does, so fsync is not needed; commits
    // still reach the file before they are acknowledged.
    serve: (bin, { folder, port, options }) => ({
      command: join(bin, 'postgres'),
      args: [
        ...['-D', data(folder), '-p', String(port), '-c', `listen_addresses=${host}`],
        ...['-c', 'unix_socket_directories=', '-c', 'fsync=off', '-c', 'full_page_writes=off'],
        ...['-c', 'max_connections=300', '-c', 'shared_buffers=64MB', '-c', 'timezone=UTC'],
        ...options,
      ],
    }),
    secret: (password) => `${password}\n`,
    hello: postgresHello(),
    isWelcome: (answer) => answer[0] === 'R'.charCodeAt(0),
    // A "fast" shutdown: clients are cut off, transactions undone.
    stopSignal: 'SIGINT',
  },
  mysql: {
    account: 'mysql',
    locate: locateMariadb,
    prepare: (_bin, { folder }) => ({
      command: 'mariadb-install-db',
      args: [
        ...['--no-defaults', `--datadir=${data(folder)}`, '--skip-test-db', '--skip-name-resolve'],
        ...['--auth-root-authentication-method=normal'],
      ],
    }),
    serve: (bin, { folder, port, options }) => ({
      command: bin,
      args: [
        ...['--no-defaults', `--datadir=${data(folder)}`, `--port=${port}`, `--bind-address=${host}`],
        ...[`--socket=${join(folder, 's')}`, `--pid-file=${join(folder, 'pid')}`, '--skip-name-resolve'],
        ...[`--init-file=${join(folder, 'secret')}`, '--innodb-flush-log-at-trx-commit=2'],
        ...['--innodb-buffer-pool-size=64M', '--innodb-log-file-size=16M', '--max-connections=300'],
        ...['--character-set-server=utf8mb4', '--collation-server=utf8mb4_general_ci'],
        ...['--default-time-zone=+00:00', ...options],
      ],
    }),
    secret: accounts,
    // The server speaks first, once it takes connections.
    hello: Buffer.alloc(0),
    isWelcome: (answer) => answer[4] === 10,
    stopSignal: 'SIGTERM',
  },
};

/** @returns {string | Missing} */
function locatePostgres() {
  const versions = '/usr/lib/postgresql';
  const found = existsSync(versions) ? readdirSync(versions).map(Number) : [];
  const newest = found.sort((a, b) => b - a).find((each) => existsSync(`${versions}/${each}/bin/postgres`));
  const missing = `PostgreSQL is not installed: no ${versions}/*/bin/postgres (Debian: postgresql)`;
  return newest === undefined ? { reason: missing } : `${versions}/${newest}/bin`;
}

/** @returns {string | Missing} */
function locateMariadb() {
  const path = '/usr/sbin/mariadbd';
  return existsSync(path)
    ? path
    : { reason: `MariaDB is not installed: no ${path} (Debian: mariadb-server)` };
}

/** The part of a server's folder that only the server itself uses. @param {string} folder */
export function data(folder) {
  return join(folder, 'data');
}

/** The first message of a client, to which a server that takes logins answers by asking for a password. */
function postgresHello() {
  const text = Buffer.from(`user\0${user}\0\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(head.length + text.length, 0);
  head.writeUInt32BE(196_608, 4);
  return Buffer.concat([head, text]);
}

/** What MariaDB runs at each start: our user alone may log in. @param {string} password */
function accounts(password) {
  return [
    `DELETE FROM mysql.global_priv WHERE User = '';`,
    `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}';`,
    `CREATE USER IF NOT EXISTS '${user}'@'${host}' IDENTIFIED BY '${password}';`,
    `GRANT ALL PRIVILEGES ON *.* TO '${user}'@'${host}' WITH GRANT OPTION;`,
    `FLUSH PRIVILEGES;`,
    '',
  ].join('\n');
}
