// Descriptions of databases on servers: valid, and right about every column type and every procedure.
import SwaggerParser from '@apidevtools/swagger-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mysqlTypes } from '../../src/services/sql/dialects/mysql/type-cases-fixture.ts';
import { postgresTypes } from '../../src/services/sql/dialects/postgres/type-cases-fixture.ts';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../databases.ts';
import { DocumentCheck } from '../openapi-check.ts';
import { withRole } from '../openapi-world.ts';
import { startTestServer, type TestServer } from '../server.ts';

const shared = `
  CREATE TABLE owner (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL);
  CREATE TABLE pet (id INT PRIMARY KEY, owner_id INT, FOREIGN KEY (owner_id) REFERENCES owner (id));
  INSERT INTO owner VALUES (1, 'Ann');
  INSERT INTO pet VALUES (1, 1), (2, NULL);
  CREATE VIEW pets AS SELECT id FROM pet;`;

const engines = [
  {
    kind: 'postgres' as ServerKind,
    type: 'pgsql',
    types: postgresTypes,
    quote: (name: string) => `"${name}"`,
    sql: `${shared}
      CREATE FUNCTION add(a int, b int DEFAULT 5) RETURNS int LANGUAGE sql AS 'SELECT a + b';
      CREATE PROCEDURE keep(a int) LANGUAGE sql AS 'INSERT INTO owner VALUES (a, ''x'')';`,
  },
  {
    kind: 'mysql' as ServerKind,
    type: 'mysql',
    types: mysqlTypes,
    quote: (name: string) => `\`${name}\``,
    sql: `${shared}
      CREATE FUNCTION \`add\`(a int, b int) RETURNS int DETERMINISTIC RETURN a + b;
      CREATE PROCEDURE keep(a int) INSERT INTO owner VALUES (a, 'x');`,
  },
];

for (const { kind, type, types, quote, sql } of engines) {
  describe.runIf(canTest(kind))(kind, () => {
    let server: TestServer;
    let database: TestDatabase;
    let check: DocumentCheck;
    // biome-ignore lint/suspicious/noExplicitAny: documents are looked into everywhere
    let document: any;

    beforeAll(async () => {
      server = await startTestServer();
      database = await testDatabase(kind);
      await database.execute(sql);
      for (const [index, { declared: column, before = '' }] of types.entries()) {
        await database.execute(
          `${before} CREATE TABLE ${quote(`t${index}`)} (id INT PRIMARY KEY, v ${column})`,
        );
      }
      const { host, port, user: username, password, database: name } = database;
      const config = { host, port, username, password, database: name };
      const resource = [{ name: 'db', label: 'db', type, is_active: true, config }];
      const made = await server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
      expect(made.status, made.text).toBe(201);
      document = (await server.ask('/api/v2/db/_spec')).body;
      check = new DocumentCheck(document);
    });

    afterAll(async () => {
      await server.close();
      await database.drop();
    });

    it('is valid OpenAPI 3.1', async () => {
      await SwaggerParser.validate(structuredClone(document));
      const compact = (await server.ask('/api/v2/db/_spec?compact=true')).body;
      await SwaggerParser.validate(compact);
    });

    it('knows what each column type answers', async () => {
      const wrong: unknown[] = [];
      let count = 0;
      for (const [index, { declared: column, values }] of types.entries()) {
        const path = `/_table/t${index}`;
        const operation = check.operation(path);
        expect(operation, column).toBeDefined();
        for (const [n, [value]] of values.entries()) {
          const body = `{"resource":[{"id":${n + 1},"v":${value}}]}`;
          const headers = { 'content-type': 'application/json' };
          const made = await server.ask(`/api/v2/db${path}?fields=*`, { method: 'POST', headers, body });
          expect(made.status, `${column} ${value}: ${made.text}`).toBe(200);
          count++;
          const problems = [
            ...check.problemsOf(check.operation(path, 'POST'), made),
            ...check.problemsOf(operation, await server.ask(`/api/v2/db${path}?ids=${n + 1}`)),
          ];
          if (problems.length > 0 && !isBeyondNumbers(made.text)) wrong.push([column, value, problems]);
        }
      }
      expect(wrong).toEqual([]);
      expect(count).toBeGreaterThan(75);
    });

    it('has tables with their relations and views without writing', async () => {
      const { schemas } = document.components;
      expect(schemas.pet.properties).toHaveProperty('owner_by_owner_id');
      expect(schemas.owner.properties.pet_by_owner_id.items).toEqual({ $ref: '#/components/schemas/pet' });
      expect(schemas.owner_new.required).toEqual(['id', 'name']);
      expect(Object.keys(document.paths['/_table/pets'])).toEqual(['get']);
      const answer = await server.ask('/api/v2/db/_table/pet?related=*');
      expect(check.problemsOf(check.operation('/_table/pet'), answer)).toEqual([]);
    });

    it('has procedures and functions, which can be called as described', async () => {
      for (const [path, method, status] of [
        ['/_func/add?a=2&b=3', 'GET', 200],
        ['/_proc', 'GET', 200],
        ['/_func', 'GET', 200],
      ] as const) {
        const answer = await server.ask(`/api/v2/db${path}`, { method });
        expect(answer.status, answer.text).toBe(status);
        const operation = check.operation(path.replace(/\?.*/, ''), method);
        expect(operation, path).toBeDefined();
        expect(check.problemsOf(operation, answer)).toEqual([]);
      }
      expect(Object.keys(document.paths)).toContain('/_proc/keep');
      const names = document.paths['/_func/add'].get.parameters.map(({ name }: { name: string }) => name);
      expect(names).toEqual(expect.arrayContaining(['a', 'b']));
    });

    it('names nothing that the reader may not use, procedures included', async () => {
      const access = { service: 'db', component: '_table/pet/*', verbs: 1 };
      const headers = await withRole(server, [access, { service: 'db', component: '_func/add', verbs: 1 }]);
      const answer = await server.ask('/api/v2/db/_spec', { headers, anonymous: true });
      expect(Object.keys(answer.body.paths).sort()).toEqual([
        ...['/_func/add', '/_spec', '/_table/pet', '/_table/pet/{id}'],
      ]);
      expect(JSON.stringify(answer.body)).not.toMatch(/owner\b|keep/);
    });
  });
}

// What JSON has no numbers for is answered as text, such as "NaN"; no generator would like to hear of that.
function isBeyondNumbers(text: string): boolean {
  return /"(?:NaN|-?Infinity)"/.test(text);
}
