import { openSqliteHouse } from '../../suite/schema-fixture.ts';
import { schemaSuite } from '../../suite/schema-suite.ts';

schemaSuite('SQLite', () => openSqliteHouse());
