import { openSqliteHouse } from '../../schema-fixture.ts';
import { schemaSuite } from '../../schema-suite.ts';

schemaSuite('SQLite', () => openSqliteHouse());
